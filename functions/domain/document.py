"""The documents of contract.md, first the avatar's: the fields that are read, kinds of events.

Pure: no cloud, no clock, no file. What a field may hold is in `field_values`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from functions.domain.field_values import ABSENT, Encoded, FieldPath, dig, same
from functions.domain.subject import Subject

CONTRACT_VERSION = 1

IMAGE_URL: Final = ("avatarImageUrl",)
VIDEO_URL: Final = ("training", "heroVideoUrl")
IMAGE_FIELD: Final = ".".join(IMAGE_URL)  # as errors name them
VIDEO_FIELD: Final = ".".join(VIDEO_URL)
DYNAMICS_ENABLED: Final = ("training", "dynamicsEnabled")
INPUTS: Final = ("training", "livePortrait")
MIRROR: Final = (*INPUTS, "idleVideoUrl")
OUTPUT: Final = ("livePortrait",)
OWNER: Final = ("userId",)
DYNAMICS: Final = ("dynamics", "basic")

RELEVANT_PATHS: tuple[FieldPath, ...] = (IMAGE_URL, VIDEO_URL, DYNAMICS_ENABLED, INPUTS)
"""The relevant set, and the mirror, which is one of the keys of the inputs."""
EVENT_PATHS: tuple[FieldPath, ...] = (
    *RELEVANT_PATHS,
    (*OUTPUT, "state"),
    (*OUTPUT, "idleVideoUrl"),
)
"""The fields that are read from an event's snapshots."""
DOCUMENT_PATHS: tuple[FieldPath, ...] = (
    *RELEVANT_PATHS,
    OUTPUT,
    OWNER,
    DYNAMICS,
)
"""The fields that are read from the current document; no other leaves the database."""

ALIASES: Mapping[str, tuple[str, ...]] = {  # the first name wins
    "drivingMultiplier": ("drivingMultiplier", "driving_multiplier"),
    "normalizeLip": ("normalizeLip", "normalize_lip", "flagNormalizeLip"),
    "animationRegion": ("animationRegion", "animation_region"),
    "pasteback": ("pasteback", "flagPasteback"),
    "scale": ("scale",),
    "sourceMaxDim": ("sourceMaxDim", "source_max_dim"),
    "edit": ("edit",),
    "species": ("species",),
    "facePoints": ("facePoints", "face_points"),
    "renderNonce": ("renderNonce", "render_nonce"),
}
"""The input keys under `training.livePortrait`, each with its accepted spellings."""
_RECOGNISED = frozenset(name for names in ALIASES.values() for name in names)
MAX_INPUTS_BYTES: Final = 128 * 1024
"""A `training.livePortrait` whose wire form is larger is refused unread: to compare it with another
in whatever order its entries come would cost every event of the document much time."""


class State(StrEnum):
    """`livePortrait.state`."""

    QUEUED = "queued"
    RENDERING = "rendering"
    READY = "ready"
    FAILED = "failed"
    BLOCKED = "blocked"
    DISABLED = "disabled"


PENDING: Final = (State.QUEUED, State.RENDERING)


@dataclass(frozen=True, eq=False)
class Relevant:
    """The relevant set of a document: equal sets ask for the same."""

    inputs: object  # with the mirror, which is ignored in comparisons
    others: tuple[object, ...]
    too_large: bool = False  # the inputs are refused unread: all such ask for the same

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Relevant)
            and same(self.others, other.others)
            and self.too_large == other.too_large
            and (self.too_large or same(self.inputs, other.inputs, but=MIRROR[-1]))
        )


@dataclass(frozen=True, kw_only=True)
class Document(ABC):
    """The fields of a document that asks for a video, as read at one moment."""

    output_path: ClassVar[FieldPath]
    fields: Mapping[str, object]

    @property
    @abstractmethod
    def inputs_key(self) -> Relevant:
        """The relevant set, comparable: documents with equal keys ask for the same."""

    @property
    @abstractmethod
    def opted_in(self) -> bool:
        """Whether the document asks for anything."""

    @property
    @abstractmethod
    def owner(self) -> str | None:
        """The avatar's `userId`. Clients write it: use it for quotas, not for access."""

    @property
    def inputs(self) -> Mapping[str, object] | None:
        """The map that a mirror of the result belongs to; None: there is none."""
        return None

    @property
    def mirror(self) -> object:
        """The mirror of the result."""
        return ABSENT

    @property
    def output(self) -> object:
        """The server's map, which a client can forge."""
        return dig(self.fields, self.output_path)

    @property
    def shows_queued(self) -> bool:
        """Whether the server's map says `queued`."""
        return dig(self.fields, (*self.output_path, "state")) == State.QUEUED

    @property
    def shows_pending(self) -> bool:
        """Whether the server's map says `queued` or `rendering`."""
        return dig(self.fields, (*self.output_path, "state")) in PENDING


@dataclass(frozen=True, kw_only=True)
class Snapshot(Document):
    """An avatar document, which asks for an idle video."""

    output_path = OUTPUT

    @property
    def inputs_key(self) -> Relevant:
        """The relevant set of contract.md, section 1."""
        others = (dig(self.fields, path) for path in (IMAGE_URL, VIDEO_URL, DYNAMICS_ENABLED))
        # Any map in the place of a URL or a switch is refused alike.
        plain = ({} if isinstance(other, Mapping) else other for other in others)
        inputs = dig(self.fields, INPUTS)
        too_large = isinstance(inputs, Encoded) and inputs.size_bytes > MAX_INPUTS_BYTES
        return Relevant(inputs, tuple(plain), too_large)

    @property
    def inputs(self) -> Mapping[str, object] | None:
        """`training.livePortrait` while it is a map."""
        value = dig(self.fields, INPUTS)
        return value if isinstance(value, Mapping) else None

    @property
    def opted_in(self) -> bool:
        """Whether the document has any recognised input key, or inputs too large to be read."""
        inputs = self.inputs
        if inputs is None:
            return False
        return self.inputs_key.too_large or any(name in inputs for name in _RECOGNISED)

    @property
    def mirror(self) -> object:
        """`training.livePortrait.idleVideoUrl`."""
        return dig(self.fields, MIRROR)

    @property
    def owner(self) -> str | None:
        """`userId`, where it is a string."""
        value = dig(self.fields, OWNER)
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, kw_only=True)
class DocumentWrite:
    """One event: the document before and after a write, and the time of its commit."""

    subject: Subject
    before: Document | None
    after: Document | None  # None: the document was deleted
    committed_s: float  # Unix time of the commit
    untouched: bool = False  # relevant set and mirror did not change, so nothing was decoded
    literal_names: tuple[str, ...] = ()  # new fields with dots in their names, meant as paths


class Gate(StrEnum):
    """The kinds of events, told from the event's own snapshots alone."""

    DELETED = "deleted"
    UNRELATED = "unrelated"  # most events: no read, no write
    MIRROR_TOUCHED = "mirror touched"
    LEFT_QUEUED = "left queued"
    ASKED = "asked"


def gate(write: DocumentWrite) -> Gate:
    """Classify an event as one of the cases 1 to 4 of contract.md, section 1."""
    before, after = write.before, write.after
    if write.untouched:
        return Gate.UNRELATED
    if after is None:
        return Gate.DELETED
    if before is not None and before.inputs_key == after.inputs_key:
        unchanged = same(before.mirror, after.mirror)
        shown = dig(after.fields, (*OUTPUT, "idleVideoUrl"))
        own_commit = isinstance(shown, str) and shown == after.mirror
        return Gate.UNRELATED if unchanged or own_commit else Gate.MIRROR_TOUCHED
    if not after.opted_in:
        return Gate.LEFT_QUEUED if after.shows_queued else Gate.UNRELATED
    return Gate.ASKED
