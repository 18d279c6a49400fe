"""Stored objects, the metadata that clients set, and preconditions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from emulator.storage.content import Content
from emulator.storage.errors import NotModified, PreconditionFailed

TOKENS_KEY = "firebaseStorageDownloadTokens"
"""The custom metadata entry that holds the download tokens, separated by commas."""


@dataclass(frozen=True, kw_only=True)
class ObjectMetadata:
    """The metadata that clients set."""

    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    storage_class: str | None = None
    custom_time: str | None = None
    temporary_hold: bool | None = None
    event_based_hold: bool | None = None
    custom: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether the object may be neither deleted nor replaced."""
        return bool(self.temporary_hold or self.event_based_hold)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The download tokens."""
        return tuple(filter(None, self.custom.get(TOKENS_KEY, "").split(",")))


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One generation of an object. Times are microseconds since the epoch."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    content: Content
    metadata: ObjectMetadata
    created: int
    updated: int

    @property
    def etag(self) -> str:
        """A text that changes with generation and metageneration."""
        return f"{self.generation:x}.{self.metageneration:x}"


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The preconditions of a request; generation 0: there is no such object."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    def check(self, current: StoredObject | None, *, reading: bool = False) -> None:
        """Check the preconditions on the present object.

        Raises:
            PreconditionFailed: one does not hold.
            NotModified: a read required another generation than the present one.
        """
        generation = current.generation if current else 0
        metageneration = current.metageneration if current else 0
        if self.generation_match not in (None, generation):
            raise PreconditionFailed
        if self.metageneration_match not in (None, metageneration):
            raise PreconditionFailed
        if (
            self.generation_not_match == generation
            or self.metageneration_not_match == metageneration
        ):
            raise NotModified if reading else PreconditionFailed
