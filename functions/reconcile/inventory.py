"""The Storage adapter of reconcile: lists the bucket, and gives an object another download token.

Decides nothing. Of the objects it asks only for what is judged, so that a page stays small.
"""

from collections.abc import Iterator
from typing import Any

from google.api_core import exceptions
from google.cloud.storage import Bucket

from functions.media_store import TOKEN_KEY, stored_object
from functions.reconcile.discrepancy import ListedObject

_FIELDS = "items(name,generation,size,timeCreated,metadata),prefixes,nextPageToken"


class CloudInventory:
    """One bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def objects(self, prefix: str, *, start: str = "", end: str = "") -> Iterator[ListedObject]:
        """Objects below a prefix, in the order of names: from `start` on and before `end`."""
        blobs = self._bucket.list_blobs(
            prefix=prefix, start_offset=start or None, end_offset=end or None, fields=_FIELDS
        )
        for blob in blobs:
            # Storage emulators that know no offsets list everything.
            if blob.name >= start and not (end and blob.name >= end):
                created = round(blob.time_created.timestamp() * 1000)
                yield ListedObject(stored=stored_object(blob), created=created)

    def folders(self, prefix: str, *, start: str = "") -> Iterator[str]:
        """Names of the folders directly below a prefix, in their order, from `start` on."""
        listing: Any = self._bucket.list_blobs(
            prefix=prefix, delimiter="/", start_offset=start or None, fields=_FIELDS
        )
        for page in listing.pages:
            for folder in sorted(page.prefixes):
                if folder >= start:
                    yield folder.removeprefix(prefix).removesuffix("/")

    def give_token(self, listed: ListedObject, token: str) -> bool:
        """Make this the object's download token, unless anything of it has changed since."""
        stored = listed.stored
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
