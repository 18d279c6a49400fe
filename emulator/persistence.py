"""Export and import of all data: `--export-on-exit` writes a folder, `--import` reads it.

    emulator-export.json   the version of the format
    firestore.jsonl        a line for each document: times, and the message as JSON
    storage.jsonl          a line for each bucket and each object: its metadata
    objects/N              the bytes of object N

Names, times, generations and tokens are restored; history is not, so resuming listeners start over.
Restoring sends no events. Not the format of the official suite, whose Firestore export only
Google's own emulator reads.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from emulator.firestore.documents.document import StoredDocument
from emulator.firestore.messages import Document
from emulator.firestore.store import DocumentStore
from emulator.storage.objects import ObjectMetadata, StoredObject
from emulator.storage.store import Bucket, ObjectStore

VERSION = 1
_HEAD, _DOCUMENTS, _OBJECTS, _BYTES = (
    "emulator-export.json",
    "firestore.jsonl",
    "storage.jsonl",
    "objects",
)


def check_target(folder: Path) -> None:
    """Check, at the start, that an export may be written to a folder.

    Raises:
        ValueError: the folder contains something other than an export.
        OSError: it cannot be created.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / _HEAD).is_file():
        raise ValueError(f"{folder} is neither empty nor an earlier export; it is left alone")


def export(folder: Path, documents: DocumentStore, objects: ObjectStore) -> None:
    """Write all data to a folder; replace an earlier export as a whole.

    Raises:
        ValueError: the folder contains something other than an export.
        OSError: it cannot be written.
    """
    check_target(folder)
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / _BYTES).mkdir(parents=True)
    _write_lines(fresh / _DOCUMENTS, map(_document_line, documents.all_documents()))
    _write_lines(fresh / _OBJECTS, _object_lines(fresh / _BYTES, objects))
    (fresh / _HEAD).write_text(json.dumps({"version": VERSION}) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def restore(folder: Path, documents: DocumentStore, objects: ObjectStore) -> None:
    """Read a folder that `export` has written, into empty stores.

    Raises:
        ValueError: the folder is no export, has another version, or is damaged.
    """
    head = folder / _HEAD
    if not head.is_file():
        raise ValueError(f"{folder} is no export: it has no {_HEAD}")
    try:
        version = json.loads(head.read_text()).get("version")
        if version != VERSION:
            raise ValueError(f"{folder} has version {version}; accepted: {VERSION}")
        for line in _lines(folder / _DOCUMENTS):
            documents.restore(_document(line))
        for line in _lines(folder / _OBJECTS):
            _restore_storage(line, folder / _BYTES, objects)
    except (KeyError, TypeError, AttributeError, OSError, json_format.ParseError) as error:
        raise ValueError(f"{folder} is damaged: {type(error).__name__}: {error}") from error


def _write_lines(file: Path, forms: Iterator[dict[str, Any]]) -> None:
    with file.open("w") as stream:
        stream.writelines(json.dumps(form) + "\n" for form in forms)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open() as stream:
        yield from map(json.loads, stream)


def _document_line(document: StoredDocument) -> dict[str, Any]:
    return json_format.MessageToDict(document.message)


def _document(line: dict[str, Any]) -> StoredDocument:
    return StoredDocument.of_message(json_format.ParseDict(line, Document()))


def _object_lines(folder: Path, objects: ObjectStore) -> Iterator[dict[str, Any]]:
    number = 0
    for bucket in objects.buckets():
        yield {"kind": "bucket", **asdict(bucket)}
        for stored in objects.all_objects(bucket.name):
            shutil.copyfile(stored.content.file, folder / str(number))
            yield {
                "kind": "object",
                "number": number,
                "bucket": stored.bucket,
                "name": stored.name,
                "generation": stored.generation,
                "metageneration": stored.metageneration,
                "created": stored.created,
                "updated": stored.updated,
                "crc32c": stored.content.crc32c,
                "metadata": asdict(stored.metadata),
            }
            number += 1


def _restore_storage(line: dict[str, Any], folder: Path, objects: ObjectStore) -> None:
    if line["kind"] == "bucket":
        settings = {name: value for name, value in line.items() if name != "kind"}
        objects.restore_bucket(Bucket(**settings))
        return
    receiver = objects.receiver()
    receiver.write_file(folder / str(line["number"]))
    content = receiver.finish()
    if content.crc32c != line["crc32c"]:
        raise ValueError(f"the bytes of {line['bucket']}/{line['name']} are not those exported")
    objects.restore(
        StoredObject(
            bucket=line["bucket"],
            name=line["name"],
            generation=line["generation"],
            metageneration=line["metageneration"],
            content=content,
            metadata=ObjectMetadata(**line["metadata"]),
            created=line["created"],
            updated=line["updated"],
        )
    )
