"""Loads a folder written by hand.

    firestore.json   {"avatars/ada": {"born": {"$timestamp": "1815-12-10T00:00:00Z"}}, …}
    storage/…        each file becomes the object of its path, in the cloud's bucket

Values are plain JSON; other types are maps with one key that begins with a dollar: $timestamp,
$bytes (base64), $reference (a document's path), $geo ([latitude, longitude]). Documents are written
by ordinary commits: listeners and functions receive them.
"""

import base64
import json
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from emulator.firestore.errors import FirestoreError
from emulator.firestore.messages import Value, Write
from emulator.firestore.paths import document_path
from emulator.firestore.store import DocumentStore
from emulator.storage.objects import ObjectMetadata
from emulator.storage.store import ObjectStore

DOCUMENTS, OBJECTS = "firestore.json", "storage"


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """The number of documents and objects loaded."""

    documents: int
    objects: int


def seed(
    folder: Path, documents: DocumentStore, objects: ObjectStore, *, database: str, bucket: str
) -> Seeded:
    """Load a folder; replace documents and objects of the same names.

    Args:
        folder: has `firestore.json`, `storage/` or both.
        documents: the store for the documents.
        objects: the store for the files.
        database: full name, `projects/P/databases/D`.
        bucket: name of an existing bucket.

    Raises:
        ValueError: the folder has neither, or a document is malformed; nothing was written.
    """
    file, files = folder / DOCUMENTS, folder / OBJECTS
    if not file.is_file() and not files.is_dir():
        raise ValueError(f"{folder} has neither {DOCUMENTS} nor {OBJECTS}/")
    try:
        writes = list(_writes(file, database)) if file.is_file() else []
        documents.commit(writes)
    except FirestoreError as error:
        raise ValueError(f"{file}: {error}") from error
    found = sorted(one for one in files.rglob("*") if one.is_file()) if files.is_dir() else []
    for one in found:
        _put(one, one.relative_to(files).as_posix(), objects, bucket)
    return Seeded(documents=len(writes), objects=len(found))


def _writes(file: Path, database: str) -> Iterator[Write]:
    try:
        listed = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    if not isinstance(listed, dict):
        raise ValueError(f"{file} is no JSON object of documents by their paths")
    for path, fields in listed.items():
        if not isinstance(fields, dict):
            raise ValueError(f"{file}: {path} is {fields!r}; accepted: an object of fields")
        name = f"{database}/documents/{path}"
        document_path(name)
        write = Write()
        write.update.name = name
        for key, value in fields.items():
            write.update.fields[key].CopyFrom(_value(value, database, f"{path}: {key}"))
        yield write


def _value(plain: Any, database: str, where: str) -> Value:
    match plain:
        case None:
            return Value(null_value=0)
        case bool():
            return Value(boolean_value=plain)
        case int():
            return Value(integer_value=plain)
        case float():
            return Value(double_value=plain)
        case str():
            return Value(string_value=plain)
        case list():
            array = Value()
            array.array_value.SetInParent()
            array.array_value.values.extend(_value(one, database, where) for one in plain)
            return array
        case _:
            return _map(plain, database, where)


def _map(plain: dict[str, Any], database: str, where: str) -> Value:
    if len(plain) == 1 and next(iter(plain)).startswith("$"):
        return _special(plain, database, where)
    value = Value()
    value.map_value.SetInParent()
    for key, inner in plain.items():
        value.map_value.fields[key].CopyFrom(_value(inner, database, f"{where}.{key}"))
    return value


def _special(plain: dict[str, Any], database: str, where: str) -> Value:
    try:
        match plain:
            case {"$timestamp": str(text)}:
                stamp = Timestamp()
                stamp.FromJsonString(text)
                return Value(timestamp_value=stamp)
            case {"$bytes": str(text)}:
                return Value(bytes_value=base64.b64decode(text, validate=True))
            case {"$reference": str(path)}:
                return Value(reference_value=f"{database}/documents/{path}")
            case {"$geo": [latitude, longitude]}:
                place = {"latitude": float(latitude), "longitude": float(longitude)}
                return Value(geo_point_value=place)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where} is {plain}: {error}") from error
    raise ValueError(
        f"{where} is {plain}; accepted: $timestamp, $bytes, $reference (text), $geo (two numbers)"
    )


def _put(file: Path, name: str, objects: ObjectStore, bucket: str) -> None:
    receiver = objects.receiver()
    receiver.write_file(file)
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    objects.put(bucket, name, receiver.finish(), ObjectMetadata(content_type=content_type))
