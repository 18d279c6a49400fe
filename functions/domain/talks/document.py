"""The talk document of contract.md, section 12: the fields that are read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from functions.domain.document import Document, Relevant, Snapshot
from functions.domain.field_values import FieldPath, dig

REQUEST: Final = ("request",)
OUTPUT: Final = ("talk",)
AUDIO_URL: Final = (*REQUEST, "audioUrl")
AUDIO_FIELD: Final = ".".join(AUDIO_URL)  # as errors name it
METHOD_FIELD: Final = ".".join((*REQUEST, "method"))

TALK_RELEVANT_PATHS: tuple[FieldPath, ...] = (REQUEST,)
TALK_EVENT_PATHS: tuple[FieldPath, ...] = (REQUEST, (*OUTPUT, "state"))
"""The fields that are read from an event's snapshots."""
TALK_PATHS: tuple[FieldPath, ...] = (REQUEST, OUTPUT)
"""The fields that are read from the current document."""


@dataclass(frozen=True, kw_only=True)
class TalkSnapshot(Document):
    """A talk's document, with that of its avatar, whose face and motion it speaks with.

    The relevant set is the talk's own `request`: a changed avatar renders no finished talk anew.
    """

    output_path = OUTPUT
    avatar: Snapshot | None = None  # None: an event tells nothing of it

    @property
    def request(self) -> Mapping[str, object] | None:
        """`request` while it is a map."""
        value = dig(self.fields, REQUEST)
        return value if isinstance(value, Mapping) else None

    @property
    def inputs_key(self) -> Relevant:
        """The talk's own request."""
        return Relevant(dig(self.fields, REQUEST), ())

    @property
    def opted_in(self) -> bool:
        """Whether the document has a request."""
        return self.request is not None

    @property
    def owner(self) -> str | None:
        """The avatar's."""
        return None if self.avatar is None else self.avatar.owner
