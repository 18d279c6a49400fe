"""Cases about Storage. Google's jar has none: they run against the embedded emulator alone."""

import io
from collections.abc import Callable
from typing import Any

import firebase_admin.storage
from google.cloud.storage import Blob

from tests.emulator.conformance.table import ABSENT, Place, case

MIB = 1 << 20


def stored(name: str, embedded: Any) -> Callable[[Callable[[Place], Any]], Callable[[Place], Any]]:
    return case(name, embedded, official=ABSENT, clients="storage")


def put(at: Place, data: bytes = b"data", name: str = "a", **options: Any) -> Blob:
    blob = at.files.blob(f"{at.room}/{name}")
    blob.upload_from_string(data, **options)
    return blob


@stored("what was uploaded is downloaded", b"data")
def _(at: Place) -> Any:
    return put(at).download_as_bytes()


@stored("9 MiB take the resumable road", (9 * MIB, True))
def _(at: Place) -> Any:
    blob = put(at, bytes(9 * MIB))
    return blob.size, blob.download_as_bytes() == bytes(9 * MIB)


@stored("an upload of unknown size", 3 * MIB)
def _(at: Place) -> Any:
    blob = at.files.blob(f"{at.room}/a", chunk_size=MIB)
    blob.upload_from_file(io.BytesIO(bytes(3 * MIB)))
    blob.reload()
    return blob.size


@stored("digests are those of the bytes", ("jXd/OF09/siBXSD3SWAm3A==", "rth90Q=="))
def _(at: Place) -> Any:
    blob = put(at)
    return blob.md5_hash, blob.crc32c


@stored("generation 0 requires that there is none", "PreconditionFailed")
def _(at: Place) -> Any:
    put(at, if_generation_match=0)
    put(at, if_generation_match=0)


@stored("an upload over a certain generation", b"new")
def _(at: Place) -> Any:
    blob = put(at)
    return put(at, b"new", if_generation_match=blob.generation).download_as_bytes()


@stored("a download of another generation", "PreconditionFailed")
def _(at: Place) -> Any:
    put(at).download_as_bytes(if_generation_match=1)


@stored("a deletion of another generation", "PreconditionFailed")
def _(at: Place) -> Any:
    put(at).delete(if_generation_match=1)


@stored("a copy onto another generation", "PreconditionFailed")
def _(at: Place) -> Any:
    at.files.copy_blob(put(at), at.files, f"{at.room}/a", if_generation_match=1)


@stored("a description at another metageneration", "PreconditionFailed")
def _(at: Place) -> Any:
    blob = put(at)
    blob.metadata = {"k": "v"}
    blob.patch(if_metageneration_match=2)


@stored("a patch raises the metageneration alone", (True, 2))
def _(at: Place) -> Any:
    blob = put(at)
    before = blob.generation
    blob.metadata = {"k": "v"}
    blob.patch()
    return blob.generation == before, blob.metageneration


@stored("a patch joins custom metadata, null removes", {"b": "2", "c": "3"})
def _(at: Place) -> Any:
    blob = put(at)
    for metadata in ({"a": "1", "b": "2"}, {"a": None, "c": "3"}):
        blob.metadata = metadata
        blob.patch()
    blob.reload()
    return blob.metadata


@stored("what clients set comes back", ("text/css", "no-store", "inline", "de"))
def _(at: Place) -> Any:
    blob = at.files.blob(f"{at.room}/a")
    blob.cache_control, blob.content_disposition = "no-store", "inline"
    blob.content_language = "de"
    blob.upload_from_string(b"", content_type="text/css")
    blob = at.files.get_blob(blob.name)
    return blob.content_type, blob.cache_control, blob.content_disposition, blob.content_language


@stored("a part of an object", b"at")
def _(at: Place) -> Any:
    return put(at).download_as_bytes(start=1, end=2)


@stored("a part beyond the end", "RequestRangeNotSatisfiable")
def _(at: Place) -> Any:
    return put(at).download_as_bytes(start=9)


@stored("what is not there", ("NotFound", None, False))
def _(at: Place) -> Any:
    blob = at.files.blob(f"{at.room}/none")
    try:
        blob.download_as_bytes()
    except Exception as error:
        return type(error).__name__, at.files.get_blob(blob.name), blob.exists()


@stored("folders of a listing are common prefixes", (["a"], ["b/"]))
def _(at: Place) -> Any:
    for name in ("a", "b/c", "b/d"):
        put(at, name=name)
    prefix = f"{at.room}/"
    pages = at.files.list_blobs(prefix=prefix, delimiter="/")
    names = [blob.name.removeprefix(prefix) for blob in pages]
    return names, sorted(one.removeprefix(prefix) for one in pages.prefixes)


@stored("a listing in pages", ["a", "b", "c"])
def _(at: Place) -> Any:
    for name in "cab":
        put(at, name=name)
    found = at.files.list_blobs(prefix=at.room, page_size=2)
    return [blob.name[-1] for blob in found]


@stored("a copy has the bytes and the description", (b"data", "text/css"))
def _(at: Place) -> Any:
    copy = at.files.copy_blob(put(at, content_type="text/css"), at.files, f"{at.room}/b")
    return copy.download_as_bytes(), copy.content_type


@stored("a rewrite within one step", None)
def _(at: Place) -> Any:
    return at.files.blob(f"{at.room}/b").rewrite(put(at))[0]


@stored("objects are composed", b"onetwo")
def _(at: Place) -> Any:
    whole = at.files.blob(f"{at.room}/whole")
    whole.compose([put(at, b"one", "a"), put(at, b"two", "b")])
    return whole.download_as_bytes()


@stored("a wrong digest is refused", "BadRequest")
def _(at: Place) -> Any:
    blob = at.files.blob(f"{at.room}/a")
    blob.md5_hash = "AAAAAAAAAAAAAAAAAAAAAA=="
    blob.upload_from_string(b"data")


@stored("a batch deletes", [])
def _(at: Place) -> Any:
    assert at.storage is not None
    blobs = [put(at, name=name) for name in "ab"]
    with at.storage.batch():
        for blob in blobs:
            blob.delete()
    return list(at.files.list_blobs(prefix=at.room))


@case("firebase-admin's bucket is the same", b"data", official=ABSENT, clients="firebase-admin")
def _(at: Place) -> Any:
    blob = firebase_admin.storage.bucket(at.files.name, at.admin).blob(f"{at.room}/a")
    blob.upload_from_string(b"data")
    return blob.download_as_bytes()
