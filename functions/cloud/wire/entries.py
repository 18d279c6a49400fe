"""Find entries of documents and maps by their keys, without decoding them.

A client may keep a megabyte, or a hundred thousand fields, in an avatar's document, and every write
to it is an event. So the few entries that matter are searched for by their bytes: an entry of a map
begins with its key. That such bytes are an entry, and no text that looks like one, is known where
the parser finds all before them, and all after them, to be whole fields; it keeps nothing of them.
Where bytes leave a doubt, the map is split into its entries.

The messages have the field numbers of `google.events.cloud.firestore.v1`, but declare as `bytes`
what is a message there, so that parsing goes one level deep only.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE = "functions.cloud.wire"
_ENTRY_TAG, _KEY_TAG, _VALUE_TAG = {"Document": b"\x12", "Map": b"\x0a"}, b"\x0a", b"\x12"
_NAME_TAG = b"\x0a"  # of a document
_MAP_TAG = b"\x32"  # a Value has one field, and begins with its tag; map_value is number 6
_MAX_DOUBTS = 8  # each may cost a parse
_Field = descriptor_pb2.FieldDescriptorProto

# name, number, type (a message by its name), repeated. A field that is not repeated keeps the last
# entry only, which is much quicker, and proves the bytes whole all the same.
_MESSAGES: Mapping[str, tuple[tuple[str, int, int | str, bool], ...]] = {
    "Instant": (("seconds", 1, _Field.TYPE_INT64, False), ("nanos", 2, _Field.TYPE_INT32, False)),
    "Event": (("value", 1, _Field.TYPE_BYTES, False), ("old_value", 2, _Field.TYPE_BYTES, False)),
    "Document": (
        ("name", 1, _Field.TYPE_STRING, False),
        ("last", 2, _Field.TYPE_BYTES, False),
        ("update_time", 4, "Instant", False),
    ),
    "Map": (("last", 1, _Field.TYPE_BYTES, False),),
    "DocumentEntries": (("fields", 2, _Field.TYPE_BYTES, True),),
    "MapEntries": (("fields", 1, _Field.TYPE_BYTES, True),),
    "Value": (("map_value", 6, "MapEntries", False),),
    "Entry": (("key", 1, _Field.TYPE_STRING, False), ("value", 2, _Field.TYPE_BYTES, False)),
}


def _classes() -> Mapping[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="functions/shallow.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            added = message.field.add(name=field, number=number)
            added.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            added.type = _Field.TYPE_MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                added.type_name = f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _classes()
Event: Any = _CLASSES["Event"]
"""`DocumentEventData`; both documents are undecoded."""
_Entry = _CLASSES["Entry"]


def read_entry(wire: bytes) -> Any:
    """Return an entry's `key`, and its undecoded `value`."""
    return _Entry.FromString(wire)


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A document or a map: the message without its entries, and the undecoded values of some."""

    message: Any
    values: Mapping[str, bytes]


def leading_name(wire: bytes) -> str:
    """Return the name that a document begins with; "": it begins with something else."""
    if not wire.startswith(_NAME_TAG):
        return ""
    size, start = varint(wire, len(_NAME_TAG))
    return wire[start : start + size].decode(errors="replace")


def picked(wire: bytes, keys: Collection[str], *, kind: str = "Document", start: int = 0) -> Picked:
    """Read a document, or a map, and the undecoded values of these keys.

    Args:
        wire: its serialised form.
        keys: of the entries.
        kind: "Document" or "Map".
        start: where it begins in `wire`: copies of a megabyte take time.

    Raises:
        DecodeError: it cannot be parsed.
    """
    found = _searched(wire, keys, kind, start)
    if found is not None:
        return found
    wire = wire[start:]
    entries = _CLASSES[f"{kind}Entries"].FromString(wire).fields
    texts = [key.encode() for key in keys]
    read = (read_entry(each) for each in entries if any(text in each for text in texts))
    values = {entry.key: entry.value for entry in read if entry.key in keys}
    return Picked(message=_CLASSES[kind].FromString(wire), values=values)


def _searched(wire: bytes, keys: Collection[str], kind: str, start: int) -> Picked | None:
    """Do as `picked`, by searching for the keys; None: the bytes leave a doubt."""
    message, values, doubts = _CLASSES[kind](), dict[str, bytes](), 0
    places = {key: wire.find(_mark(key), start) for key in keys}
    while places := {key: at for key, at in places.items() if at >= 0}:
        key = min(places, key=places.__getitem__)
        at = places[key]
        span = _span(wire, key, at, _ENTRY_TAG[kind])
        before = _whole(kind, wire[start : span.begin]) if span and span.begin >= start else None
        if span is not None and before is not None:
            message.MergeFrom(before)
            values[key] = wire[span.value : span.end]
            start = span.end
            del places[key]
            places = {
                other: wire.find(_mark(other), start) if there < start else there
                for other, there in places.items()
            }
            continue
        doubts += 1
        if doubts > _MAX_DOUBTS or _span(wire, key, at, _ENTRY_TAG["Map"]) is None:
            return None  # many, or a text, or an entry that is written in an unusual way
        places[key] = wire.find(_mark(key), at + 1)
    message.MergeFromString(wire[start:])
    return Picked(message=message, values=values)


@dataclass(frozen=True, kw_only=True)
class _Span:
    """Where an entry begins, where its value does, and where both end."""

    begin: int
    value: int
    end: int


def _span(wire: bytes, key: str, at: int, tag: bytes) -> _Span | None:
    """Return the entry whose key is written at a place; None: it is none, or written unusually."""
    after_key = at + len(_mark(key))
    if not wire.startswith(_VALUE_TAG, after_key):
        return None
    size, value = varint(wire, after_key + 1)
    end = value + size
    head = tag + _as_varint(end - at)
    begin = at - len(head)
    if end > len(wire) or begin < 0 or not wire.startswith(head, begin):
        return None
    return _Span(begin=begin, value=value, end=end)


def _whole(kind: str, wire: bytes) -> Any | None:
    """Return the fields that these bytes are; None: the last one does not end where they do."""
    try:
        return _CLASSES[kind].FromString(wire)
    except DecodeError:
        return None


def _mark(key: str) -> bytes:
    text = key.encode()
    return _KEY_TAG + _as_varint(len(text)) + text


def varint(wire: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place after it."""
    number = shift = 0
    for digit in wire[at : at + 10]:
        number |= (digit & 0x7F) << shift
        shift += 7
        at += 1
        if digit < 0x80:
            break
    return number, at


def _as_varint(number: int) -> bytes:
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def map_start(value: bytes) -> int | None:
    """Return where the map begins that a value is; None: it is none."""
    if not value.startswith(_MAP_TAG):
        return None
    size, start = varint(value, 1)
    return start if start + size == len(value) else None


def map_entries(value: bytes) -> Sequence[bytes]:
    """Return the undecoded entries of a map."""
    entries: Sequence[bytes] = _CLASSES["Value"].FromString(value).map_value.fields
    return entries
