"""Parse an event: the data of a CloudEvent → `domain.document.DocumentWrite`.

Read Firestore's `DocumentEventData` as protobuf or as its JSON. Take the document's name from the
data, never from headers, which intermediaries may have changed; do not rely on `update_mask`. Most
events change nothing relevant: their undecoded bytes show it.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from google.events.cloud.firestore import DocumentEventData
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from functions.cloud.wire import entries
from functions.cloud.wire.field_changes import Bound, untouched
from functions.cloud.wire.literal_names import literal_names, may_have_been_made
from functions.cloud.wire.values import picked
from functions.domain.document import (
    EVENT_PATHS,
    INPUTS,
    MAX_INPUTS_BYTES,
    MIRROR,
    RELEVANT_PATHS,
    Document,
    DocumentWrite,
    Snapshot,
)
from functions.domain.field_values import FieldPath
from functions.domain.subject import TALKS, Subject, subject_of_path
from functions.domain.talks.document import TALK_EVENT_PATHS, TALK_RELEVANT_PATHS, TalkSnapshot
from functions.errors import InvalidEvent

_EventData = DocumentEventData.pb()


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What is read of the documents of one kind."""

    relevant: tuple[FieldPath, ...]
    read: tuple[FieldPath, ...]
    snapshot: Callable[..., Document]
    bounds: Mapping[FieldPath, Bound] = field(default_factory=dict)

    def of(self, document: Any) -> Document:
        """Return what is read of a document."""
        return self.snapshot(fields=picked(document.fields, self.read))


_AVATAR = _Kind(
    relevant=RELEVANT_PATHS,
    read=EVENT_PATHS,
    snapshot=Snapshot,
    bounds={
        INPUTS: Bound(max_bytes=MAX_INPUTS_BYTES, keys=MIRROR[-1:]),
        **{path: Bound(max_bytes=0, keys=()) for path in RELEVANT_PATHS if path != INPUTS},
    },
)
_TALK = _Kind(relevant=TALK_RELEVANT_PATHS, read=TALK_EVENT_PATHS, snapshot=TalkSnapshot)


def parse(data: object, *, collection: str, event_time: object = None) -> DocumentWrite:
    """Read an event's data.

    Args:
        data: protobuf bytes, or the JSON form as a mapping.
        collection: of the avatars; only its documents and their talks are accepted.
        event_time: the CloudEvent's own time (RFC 3339): a deletion carries no commit time. A
            value that is no time counts as now.

    Raises:
        InvalidEvent: the data cannot be parsed, or names another database or collection.
    """
    try:
        wire = _wire(data)
        event = entries.Event.FromString(wire)
        before, after = event.old_value, event.value  # copies of what may be a megabyte each
        write = _skimmed(before, after, collection, event_time)
        write = write or _read(wire, collection, event_time)
        names = _literal_names(wire) if may_have_been_made(before, after) else ()
        return replace(write, literal_names=names)
    except (DecodeError, json_format.ParseError, TypeError, ValueError, AttributeError) as fault:
        raise InvalidEvent(f"the event's data cannot be parsed: {str(fault)[:500]}") from fault


def _wire(data: object) -> bytes:
    """Return an event's protobuf; its JSON form says the same."""
    if isinstance(data, bytes):
        return data
    if not isinstance(data, Mapping):
        raise InvalidEvent(
            f"the event's data is {type(data).__name__}; accepted: protobuf bytes or JSON"
        )
    message = json_format.ParseDict(data, _EventData(), ignore_unknown_fields=True)
    wire: bytes = message.SerializeToString()
    return wire


def _literal_names(wire: bytes) -> tuple[str, ...]:
    message = _EventData.FromString(wire)
    return literal_names(message.old_value.fields, message.value.fields)


def _skimmed(
    old_value: bytes, value: bytes, collection: str, event_time: object
) -> DocumentWrite | None:
    """Return the write, where its bytes show that nothing relevant changed; None: decode it."""
    name = entries.leading_name(value)
    if not name:
        return None
    subject = _subject(name, collection)
    kind = _kind(subject)
    keys = {path[0] for path in kind.relevant}
    before, after = (entries.picked(each, keys) for each in (old_value, value))
    if not before.message.name or after.message.name != name:
        return None
    if not untouched(before.values, after.values, kind.relevant, bounds=kind.bounds):
        return None
    return DocumentWrite(
        subject=subject,
        before=None,
        after=None,
        committed_s=_committed_s(after.message, event_time),
        untouched=True,
    )


def _read(wire: bytes, collection: str, event_time: object) -> DocumentWrite:
    message = _EventData.FromString(wire)
    after = message.value if message.HasField("value") and message.value.name else None
    before = message.old_value if message.HasField("old_value") and message.old_value.name else None
    named = after or before
    if named is None:
        raise InvalidEvent("the event names no document: neither value nor old_value is there")
    subject = _subject(named.name, collection)
    kind = _kind(subject)
    return DocumentWrite(
        subject=subject,
        before=None if before is None else kind.of(before),
        after=None if after is None else kind.of(after),
        committed_s=_committed_s(after, event_time),
    )


def _kind(subject: Subject) -> _Kind:
    return _TALK if subject.is_talk else _AVATAR


def _subject(name: str, collection: str) -> Subject:
    pattern = rf"projects/[^/]+/databases/\(default\)/documents/{re.escape(collection)}/(.+)"
    found = re.fullmatch(pattern, name, re.DOTALL)
    subject = None if found is None else subject_of_path(found[1])
    if subject is None:
        raise InvalidEvent(
            f"the event is about {name[:200]!r}; accepted: a document of the collection "
            f"{collection!r} in the database '(default)', or of {TALKS!r} below one, where its id "
            "has 1 to 128 letters, digits, _ and -"
        )
    return subject


def _committed_s(after: Any | None, event_time: object) -> float:
    if after is not None and after.HasField("update_time"):
        return after.update_time.seconds + after.update_time.nanos / 1e9
    try:
        return datetime.fromisoformat(str(event_time)).timestamp()
    except (ValueError, OverflowError):  # no time, no date, or one out of range
        return time.time()
