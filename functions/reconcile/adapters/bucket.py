"""The bucket's objects by their names; writes nothing but an object's download token."""

from collections.abc import Iterator
from typing import Any

from google.api_core import exceptions
from google.cloud.storage import Bucket

from functions.cloud.storage import TOKEN_KEY, stored_object
from functions.domain.storage_paths import StoredObject

_FIELDS = "items(name,generation,size,timeCreated,metadata),prefixes,nextPageToken"


class BucketLister:
    """One bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def objects(self, prefix: str, *, start: str = "", end: str = "") -> Iterator[StoredObject]:
        """Yield objects below a prefix, in the order of names: from `start` on and before `end`."""
        blobs = self._bucket.list_blobs(
            prefix=prefix, start_offset=start or None, end_offset=end or None, fields=_FIELDS
        )
        for blob in blobs:
            # Storage emulators without offsets list everything.
            if blob.name >= start and not (end and blob.name >= end):
                yield stored_object(blob)

    def folders(self, prefix: str, *, start: str = "") -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, in order, from `start` on."""
        listing: Any = self._bucket.list_blobs(
            prefix=prefix, delimiter="/", start_offset=start or None, fields=_FIELDS
        )
        for page in listing.pages:
            for folder in sorted(page.prefixes):
                if folder >= start:
                    yield folder.removeprefix(prefix).removesuffix("/")

    def give_token(self, stored: StoredObject, token: str) -> bool:
        """Set the object's download token, unless the object has changed since."""
        blob = self._bucket.get_blob(stored.path, generation=stored.generation)
        if blob is None or (blob.metadata or {}).get(TOKEN_KEY, "") != stored.token:
            return False
        blob.metadata = {**(blob.metadata or {}), TOKEN_KEY: token}
        try:
            blob.patch(
                if_generation_match=stored.generation,
                if_metageneration_match=blob.metageneration,
            )
        except (exceptions.NotFound, exceptions.PreconditionFailed):
            return False
        return True
