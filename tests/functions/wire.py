"""Builds events as Firestore sends them: `DocumentEventData`, as protobuf or as JSON."""

import json
from collections.abc import Mapping
from typing import Any

from google.events.cloud.firestore import DocumentEventData
from google.protobuf import json_format

EventData = DocumentEventData.pb()
Value = Any


def name_of(avatar_id: str, *, collection: str = "avatars", database: str = "(default)") -> str:
    """The full name of a document."""
    return f"projects/demo/databases/{database}/documents/{collection}/{avatar_id}"


_SCALARS: Mapping[type, str] = {
    bool: "boolean_value",
    int: "integer_value",
    float: "double_value",
    str: "string_value",
    bytes: "bytes_value",
}


def fill(value: Value, content: object) -> None:
    """Write a plain value into a protobuf `Value`."""
    if isinstance(content, Mapping):
        value.map_value.SetInParent()
        for key, item in content.items():
            fill(value.map_value.fields[key], item)
    elif isinstance(content, list):
        value.array_value.SetInParent()
        for item in content:
            fill(value.array_value.values.add(), item)
    elif content is None:
        value.null_value = 0
    else:
        setattr(value, _SCALARS[type(content)], content)


def event_data(
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
    *,
    name: str = name_of("ava"),
    seconds: int = 1_800_000_000,
) -> Any:
    """The protobuf message of one write."""
    message = EventData()
    for document, fields in ((message.old_value, before), (message.value, after)):
        if fields is not None:
            document.name = name
            document.update_time.seconds = seconds
            for key, item in fields.items():
                fill(document.fields[key], item)
    return message


def as_json(message: Any) -> dict[str, Any]:
    """The message as Eventarc's JSON payload has it."""
    parsed: dict[str, Any] = json.loads(json_format.MessageToJson(message))
    return parsed


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf's wire format that holds bytes."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def map_entries(fields: Value, order: int, *, tag: int = 1) -> bytes:
    """The entries of a map, and of all maps in it, ordered by key; backwards where `order` is -1.

    Protobuf itself orders them by their hashes, always in the same way.
    """
    entries = []
    for key in sorted(fields)[::order]:
        value = fields[key]
        nested = value.WhichOneof("value_type") == "map_value"
        content = (
            field(6, map_entries(value.map_value.fields, order))
            if nested
            else value.SerializeToString()
        )
        entries.append(field(tag, field(1, key.encode()) + field(2, content)))
    return b"".join(entries)


def _varint(number: int) -> bytes:
    digits = []
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])
