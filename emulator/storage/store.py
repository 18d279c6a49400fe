"""The store of buckets and objects. Contents are files in one folder; knows no API."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emulator.storage.content import Content, Receiver
from emulator.storage.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
)
from emulator.storage.listing import Listing, ObjectPage, listed_page
from emulator.storage.objects import Conditions, ObjectMetadata, StoredObject

_MAX_NAME_BYTES = 1024
_ANY = Conditions()


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket; times are in microseconds since the epoch, settings as in the JSON API."""

    name: str
    created: int
    updated: int = 0
    metageneration: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)


class ObjectStore:
    """All buckets and their objects.

    Args:
        folder: an existing folder for the contents; the caller deletes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_time = 0
        self._buckets: dict[str, Bucket] = {}
        self._objects: dict[str, dict[str, StoredObject]] = {}

    def create_bucket(self, name: str, settings: Mapping[str, Any] | None = None) -> Bucket:
        """Create a bucket.

        Raises:
            Conflict: there is one of this name.
        """
        if name in self._buckets:
            raise Conflict(f"Your previous request to create the named bucket {name} succeeded.")
        now = self._now()
        self._buckets[name] = Bucket(name=name, created=now, updated=now, settings=settings or {})
        self._objects[name] = {}
        return self._buckets[name]

    def update_bucket(self, name: str, settings: Mapping[str, Any]) -> Bucket:
        """Replace the settings of a bucket; increment its metageneration.

        Raises:
            NotFound: there is none of this name.
        """
        bucket = self.bucket(name)
        self._buckets[name] = replace(
            bucket,
            settings=settings,
            metageneration=bucket.metageneration + 1,
            updated=self._now(),
        )
        return self._buckets[name]

    def bucket(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            NotFound: there is none of this name.
        """
        if name not in self._buckets:
            raise NotFound(f"The specified bucket does not exist: {name}")
        return self._buckets[name]

    def buckets(self) -> tuple[Bucket, ...]:
        """Return all buckets, by name."""
        return tuple(self._buckets[name] for name in sorted(self._buckets))

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket.

        Raises:
            NotFound: there is none of this name.
            Conflict: it has objects.
        """
        self.bucket(name)
        if self._objects[name]:
            raise Conflict(f"The bucket you tried to delete is not empty: {name}")
        del self._buckets[name], self._objects[name]

    def receiver(self) -> Receiver:
        """Return a receiver for the bytes of an upload."""
        return Receiver(self._folder)

    def find(self, bucket: str, name: str) -> StoredObject | None:
        """Return an object, or None where there is none.

        Raises:
            NotFound: there is no such bucket.
        """
        self.bucket(bucket)
        return self._objects[bucket].get(name)

    def get(
        self, bucket: str, name: str, conditions: Conditions = _ANY, generation: int | None = None
    ) -> StoredObject:
        """Return an object, of a certain generation if one is given.

        Raises:
            NotFound, PreconditionFailed, NotModified.
        """
        found = self._existing(bucket, name, generation)
        conditions.check(found, reading=True)
        return found

    def check_put(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Check whether an upload could be stored now.

        Raises:
            BadRequest: the name is invalid; NotFound: no such bucket; PreconditionFailed.
        """
        if not name or len(name.encode()) > _MAX_NAME_BYTES or "\n" in name or "\r" in name:
            raise BadRequest(
                f"Object name {name!r} is not accepted; accepted: 1 to {_MAX_NAME_BYTES} bytes "
                "of UTF-8 without line breaks"
            )
        present = self.find(bucket, name)
        conditions.check(present)
        check_hold(present)

    def put(
        self,
        bucket: str,
        name: str,
        content: Content,
        metadata: ObjectMetadata,
        conditions: Conditions = _ANY,
    ) -> StoredObject:
        """Store a new generation of an object; delete the content if it is refused.

        Raises:
            BadRequest, NotFound, PreconditionFailed.
        """
        try:
            self.check_put(bucket, name, conditions)
        except (BadRequest, Forbidden, NotFound, PreconditionFailed):
            content.file.unlink(missing_ok=True)
            raise
        replaced = self.find(bucket, name)
        now = self._now()
        stored = StoredObject(
            bucket=bucket,
            name=name,
            generation=now,
            metageneration=1,
            content=content,
            metadata=metadata,
            created=now,
            updated=now,
        )
        self._objects[bucket][name] = stored
        if replaced is not None:
            replaced.content.file.unlink(missing_ok=True)
        return stored

    def update_metadata(
        self,
        bucket: str,
        name: str,
        metadata: ObjectMetadata,
        conditions: Conditions = _ANY,
        generation: int | None = None,
    ) -> StoredObject:
        """Replace the metadata that clients may set; increment the metageneration.

        Raises:
            NotFound, PreconditionFailed.
        """
        found = self._existing(bucket, name, generation)
        conditions.check(found)
        updated = replace(
            found,
            metadata=metadata,
            metageneration=found.metageneration + 1,
            updated=self._now(),
        )
        self._objects[bucket][name] = updated
        return updated

    def delete(
        self, bucket: str, name: str, conditions: Conditions = _ANY, generation: int | None = None
    ) -> None:
        """Delete an object.

        Raises:
            NotFound, PreconditionFailed.
        """
        found = self._existing(bucket, name, generation)
        conditions.check(found)
        check_hold(found)
        del self._objects[bucket][name]
        found.content.file.unlink(missing_ok=True)

    def copy(
        self,
        source: StoredObject,
        bucket: str,
        name: str,
        metadata: ObjectMetadata | None,
        conditions: Conditions = _ANY,
    ) -> StoredObject:
        """Copy an object, with its own metadata or with new metadata.

        Raises:
            BadRequest, NotFound, PreconditionFailed.
        """
        return self.compose([source], bucket, name, metadata or source.metadata, conditions)

    def compose(
        self,
        sources: Sequence[StoredObject],
        bucket: str,
        name: str,
        metadata: ObjectMetadata,
        conditions: Conditions = _ANY,
    ) -> StoredObject:
        """Concatenate objects into one.

        Raises:
            BadRequest, NotFound, PreconditionFailed.
        """
        self.check_put(bucket, name, conditions)
        receiver = self.receiver()
        for source in sources:
            receiver.write_file(source.content.file)
        return self.put(bucket, name, receiver.finish(), metadata, conditions)

    def list_page(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        listing: Listing | None = None,
        token: str | None = None,
        limit: int = 1000,
    ) -> ObjectPage:
        """List objects by name; `token` is the previous page's.

        `listing` is for what prefix and delimiter cannot say.

        Raises:
            NotFound: there is no such bucket.
        """
        self.bucket(bucket)
        listing = listing or Listing(prefix=prefix, delimiter=delimiter)
        return listed_page(self._objects[bucket], listing, token, limit)

    def all_objects(self, bucket: str) -> tuple[StoredObject, ...]:
        """Return a bucket's objects, by name."""
        objects = self._objects[bucket]
        return tuple(objects[name] for name in sorted(objects))

    def restore_bucket(self, bucket: Bucket) -> None:
        """Insert a bucket as exported."""
        self._buckets[bucket.name] = bucket
        self._objects.setdefault(bucket.name, {})

    def restore(self, stored: StoredObject) -> None:
        """Insert an object as exported, generation included."""
        self._objects[stored.bucket][stored.name] = stored
        self._last_time = max(self._last_time, stored.generation, stored.updated)

    def clear(self) -> None:
        """Delete all objects; the buckets stay, as they were when created without settings."""
        for name, bucket in self._buckets.items():
            self._buckets[name] = Bucket(name=name, created=bucket.created, updated=bucket.created)
        for objects in self._objects.values():
            for stored in objects.values():
                stored.content.file.unlink(missing_ok=True)
            objects.clear()

    def _existing(self, bucket: str, name: str, generation: int | None) -> StoredObject:
        found = self.find(bucket, name)
        if found is None or generation not in (None, found.generation):
            raise NotFound(f"No such object: {bucket}/{name}")
        return found

    def _now(self) -> int:
        self._last_time = max(time.time_ns() // 1000, self._last_time + 1)
        return self._last_time


def check_hold(present: StoredObject | None) -> None:
    """Check that an object may be deleted or replaced.

    Raises:
        Forbidden: a hold is on it.
    """
    if present is not None and present.metadata.is_held:
        raise Forbidden(
            f"Object '{present.bucket}/{present.name}' is under active Temporary hold or "
            "Event-Based hold and cannot be deleted or overwritten until hold is removed."
        )
