"""The wire form of an event, and the only reader of it: CloudEvent → `contract.DocumentWrite`.

Reads Firestore's `DocumentEventData` as protobuf or as its JSON. The document's name is taken from
the data, never from headers, which other intermediaries may have garbled; `update_mask` is not
relied on.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.events.cloud.firestore import DocumentEventData
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from functions.contract import EVENT_PATHS, DocumentWrite, FieldPath, Opaque, Snapshot
from functions.errors import EventUnreadable

_EventData = DocumentEventData.pb()


def parse(data: object, *, collection: str, event_time: str | None = None) -> DocumentWrite:
    """Read an event's data.

    Args:
        data: protobuf bytes, or the JSON form as a mapping.
        collection: the only collection whose documents are accepted.
        event_time: the CloudEvent's own time (RFC 3339): a deletion carries no commit time.

    Raises:
        EventUnreadable: the data cannot be parsed, or names another database or collection.
    """
    message = _message(data)
    after = message.value if message.HasField("value") and message.value.name else None
    before = message.old_value if message.HasField("old_value") and message.old_value.name else None
    named = after or before
    if named is None:
        raise EventUnreadable("the event names no document: neither value nor old_value is there")
    return DocumentWrite(
        avatar_id=_avatar_id(named.name, collection),
        before=None if before is None else _snapshot(before),
        after=None if after is None else _snapshot(after),
        committed_s=_committed_s(after, event_time),
    )


def _message(data: object) -> Any:
    message = _EventData()
    try:
        if isinstance(data, bytes):
            message.ParseFromString(data)
        elif isinstance(data, Mapping):
            json_format.ParseDict(data, message, ignore_unknown_fields=True)
        else:
            raise EventUnreadable(
                f"the event's data is {type(data).__name__}; accepted: protobuf bytes or JSON"
            )
    except (DecodeError, json_format.ParseError, TypeError, ValueError, AttributeError) as fault:
        raise EventUnreadable(f"the event's data cannot be parsed: {fault}") from fault
    return message


def _avatar_id(name: str, collection: str) -> str:
    pattern = rf"projects/[^/]+/databases/\(default\)/documents/{re.escape(collection)}/([^/]+)"
    found = re.fullmatch(pattern, name)
    if found is None:
        raise EventUnreadable(
            f"the event is about {name!r}; accepted: a document of the collection {collection!r} "
            "in the database '(default)'"
        )
    return found[1]


def _committed_s(after: Any | None, event_time: str | None) -> float:
    if after is not None and after.HasField("update_time"):
        return after.update_time.seconds + after.update_time.nanos / 1e9
    if event_time:
        try:
            return datetime.fromisoformat(event_time).timestamp()
        except ValueError:
            return time.time()
    return time.time()


def _snapshot(document: Any) -> Snapshot:
    """The document, decoded only where the gate looks: the rest may be large."""
    fields: dict[str, Any] = {}
    for path in EVENT_PATHS:
        _copy(document.fields, path, fields)
    return Snapshot(fields=fields)


def _copy(source: Any, path: FieldPath, target: dict[str, Any]) -> None:
    name, *rest = path
    if name not in source:
        return
    if not rest:
        target[name] = decode(source[name])
    elif source[name].WhichOneof("value_type") == "map_value":
        _copy(source[name].map_value.fields, tuple(rest), target.setdefault(name, {}))


def decode(value: Any) -> object:
    """A wire value as the plain one that `contract` knows."""
    kind = value.WhichOneof("value_type")
    decoder = _DECODERS.get(kind)
    return None if decoder is None else decoder(getattr(value, kind))


def _instant(value: Any) -> Opaque:
    microseconds = value.nanos // 1000  # Firestore keeps no more
    return Opaque(kind="timestamp", text=f"{value.seconds}.{microseconds:06d}")


_DECODERS: Mapping[str | None, Callable[[Any], object]] = {
    "boolean_value": bool,
    "integer_value": int,
    "double_value": float,
    "string_value": str,
    "bytes_value": bytes,
    "timestamp_value": _instant,
    "reference_value": lambda name: Opaque(kind="reference", text=name.partition("/documents/")[2]),
    "geo_point_value": lambda point: Opaque(
        kind="geopoint", text=f"{point.latitude!r},{point.longitude!r}"
    ),
    "array_value": lambda array: [decode(item) for item in array.values],
    "map_value": lambda nested: {key: decode(item) for key, item in nested.fields.items()},
}
"""Null is what remains."""
