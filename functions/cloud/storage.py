"""The Storage adapter: find, fetch, publish and delete objects of the one configured bucket.

Objects are named by path and guarded by generation; no URL is requested. Decides nothing.
"""

import errno
from pathlib import Path
from typing import Any, BinaryIO

from google.api_core import exceptions
from google.cloud.storage import Bucket

from functions.domain.job_record import Deletion
from functions.domain.storage_paths import StoredObject, Upload
from functions.errors import ObjectChanged, ObjectExists

_CREATION = "items(name,generation,timeCreated),nextPageToken"
TOKEN_KEY = "firebaseStorageDownloadTokens"  # noqa: S105 - the name of a metadata key


class CloudMediaStore:
    """One bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def find(self, path: str) -> StoredObject | None:
        """Return the object at a path; None: there is none."""
        blob = self._bucket.get_blob(path)
        return None if blob is None else stored_object(blob)

    def fetch(self, wanted: StoredObject, to: Path) -> None:
        """Copy the stored bytes of exactly this generation to a local file.

        Do not decompress: for an object marked as gzip, Storage and its client would otherwise
        write more than its size, without a bound.

        Raises:
            ObjectChanged: it is gone, or at another generation.
            OSError: more than `wanted.size_bytes` were received.
        """
        blob = self._bucket.blob(wanted.path)
        try:
            with to.open("wb") as file:
                bounded = _Bounded(file, wanted)
                blob.download_to_file(
                    bounded, raw_download=True, if_generation_match=wanted.generation
                )
        except BaseException as fault:
            to.unlink(missing_ok=True)
            if isinstance(fault, exceptions.NotFound | exceptions.PreconditionFailed):
                raise ObjectChanged(
                    f"{wanted.path} is no longer at generation {wanted.generation}"
                ) from fault
            raise

    def publish(self, upload: Upload, *, replacing: int = 0) -> StoredObject:
        """Create an object, or replace exactly the generation `replacing`.

        Raises:
            ObjectExists: another object is there, at the generation named.
        """
        blob = self._bucket.blob(upload.path)
        if upload.token:
            blob.cache_control = "private, max-age=31536000, immutable"
            blob.content_disposition = f'inline; filename="{upload.file.name}"'
            blob.metadata = {**upload.metadata, TOKEN_KEY: upload.token}
        else:
            blob.cache_control = "private, no-store"
            blob.metadata = dict(upload.metadata)
        try:
            blob.upload_from_filename(
                str(upload.file),
                content_type=upload.content_type,
                if_generation_match=replacing,
            )
            return stored_object(blob)
        except exceptions.PreconditionFailed as fault:
            stored = self.find(upload.path)
            if stored is None:  # deleted in between: the caller may create it after all
                raise ObjectExists(upload.path, 0) from fault
            if upload.token and stored.token == upload.token:
                return stored  # our own upload, whose answer was lost
            raise ObjectExists(upload.path, stored.generation) from fault

    def delete(self, path: str, generation: int) -> None:
        """Delete exactly this generation, if it is still there."""
        try:
            self._bucket.blob(path).delete(if_generation_match=generation)
        except (exceptions.NotFound, exceptions.PreconditionFailed):
            return

    def delete_prefix(self, deletion: Deletion) -> None:
        """Delete every object under a path prefix that was created by the deletion's moment.

        Later objects are told by the store's own clock (`timeCreated`), replaced ones by their
        generation; both stay. An object that cannot be deleted does not stop the others.
        """
        faults: list[exceptions.GoogleAPIError] = []
        for blob in self._bucket.list_blobs(prefix=deletion.path, fields=_CREATION):
            if deletion.covers(round(blob.time_created.timestamp() * 1000)):
                try:
                    self.delete(blob.name, blob.generation)
                except exceptions.GoogleAPIError as fault:
                    faults.append(fault)
        if faults:
            raise faults[0]


class _Bounded:
    """A file that accepts no more bytes than its object has."""

    def __init__(self, file: BinaryIO, wanted: StoredObject) -> None:
        self._file = file
        self._wanted = wanted

    def write(self, piece: bytes) -> int:
        """Write a piece, or raise `OSError` where it exceeds the object's size."""
        size, name = self._wanted.size_bytes, self._wanted.path
        if self._file.tell() + len(piece) > size:
            raise OSError(errno.EFBIG, f"more came than the {size} bytes of the object", name)
        return self._file.write(piece)


def stored_object(blob: Any) -> StoredObject:
    """Return Storage's metadata of an object."""
    metadata = dict(blob.metadata or {})
    return StoredObject(
        path=blob.name,
        generation=int(blob.generation),
        size_bytes=int(blob.size or 0),
        token=metadata.pop(TOKEN_KEY, ""),
        encoding="" if blob.content_encoding in (None, "identity") else blob.content_encoding,
        metadata=metadata,
        created=0 if blob.time_created is None else round(blob.time_created.timestamp() * 1000),
    )
