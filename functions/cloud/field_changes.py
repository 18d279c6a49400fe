"""Tell which fields of two documents differ, without decoding them.

A client may keep a megabyte, or a hundred thousand fields, in an avatar's document, and every write
to it is an event. So the few entries that matter are searched for by their bytes: an entry of a map
begins with its key. That such bytes are an entry, and no text that looks like one, is known where
the parser finds all before them, and all after them, to be whole fields; it keeps nothing of them.
Where bytes leave a doubt, the map is split into its entries.

The messages have the field numbers of `google.events.cloud.firestore.v1`, but declare as `bytes`
what is a message there, so that parsing goes one level deep only.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE = "functions.cloud.field_changes"
_ENTRY_TAG, _KEY_TAG, _VALUE_TAG = {"Document": b"\x12", "Map": b"\x0a"}, b"\x0a", b"\x12"
_MAP_TAG = b"\x32"  # a Value has one field, and begins with its tag; map_value is number 6
_MAX_DEPTH = 100  # the limit of protobuf itself; Firestore accepts 20 nested maps
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


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A document or a map: the message without its entries, and the undecoded values of some."""

    message: Any
    values: Mapping[str, bytes]


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
    read = (_Entry.FromString(each) for each in entries if any(text in each for text in texts))
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


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Of maps that are larger than this, only these keys are compared."""

    max_bytes: int
    keys: Sequence[str]


def untouched(
    one: Mapping[str, bytes],
    other: Mapping[str, bytes],
    paths: Sequence[tuple[str, ...]],
    *,
    bounds: Mapping[tuple[str, ...], Bound],
) -> bool:
    """Tell whether the values of two documents, or maps, are certainly equal at these field paths.

    False where only decoding would tell, as with NaNs of different bits.

    Args:
        one: undecoded values by key, at least those that the paths begin with.
        other: another's.
        paths: of the fields to compare.
        bounds: of the maps at some of these paths.

    Raises:
        DecodeError: a value that differs cannot be parsed.
    """
    return all(
        _untouched(
            (one.get(key, b""), other.get(key, b"")),
            [path[1:] for path in paths if path[0] == key],
            {path[1:]: bound for path, bound in bounds.items() if path[:1] == (key,)},
        )
        for key in dict.fromkeys(path[0] for path in paths)
    )


def _untouched(
    values: tuple[bytes, bytes],
    paths: Sequence[tuple[str, ...]],
    bounds: Mapping[tuple[str, ...], Bound],
) -> bool:
    """Do as `untouched` for two values; the empty path is of the values themselves."""
    if values[0] == values[1]:
        return True
    start, other_start = map(_map_start, values)
    if start is None or other_start is None:
        return () in paths and same(*values)
    if (bound := bounds.get(())) is not None:
        larger = [len(value) > bound.max_bytes for value in values]
        if larger[0] != larger[1]:
            return False
        if larger[0]:
            paths = [(key,) for key in bound.keys]
    if () in paths:
        return same(*values)
    keys = {path[0] for path in paths}
    before = picked(values[0], keys, kind="Map", start=start).values
    after = picked(values[1], keys, kind="Map", start=other_start).values
    return untouched(before, after, paths, bounds=bounds)


def same(one: bytes, other: bytes, *, but: str = "", depth: int = 0) -> bool:
    """Tell whether two undecoded values are certainly equal, in any order of maps' entries.

    Args:
        one: a serialised `Value`.
        other: another.
        but: a key of the outermost map to ignore.
        depth: of these values below the outermost ones.
    """
    if one == other:
        return True
    if _map_start(one) is None or _map_start(other) is None or depth > _MAX_DEPTH:
        return False
    if _digest(one) == _digest(other):
        return True
    return all(
        same(one_value, other_value, depth=depth + 1)
        for key, one_value, other_value in _differing(_entries(one), _entries(other))
        if not but or key != but
    )


def _digest(value: bytes) -> tuple[int, int]:
    """Return what maps with the same entries have in common, in whatever order.

    Others have it by one chance in 2**60. A comparison of two sets takes three times as long.
    """
    entries = _entries(value)
    return len(entries), sum(map(hash, entries))


def _entries(value: bytes) -> Sequence[bytes]:
    """Return the undecoded entries of a map."""
    entries: Sequence[bytes] = _CLASSES["Value"].FromString(value).map_value.fields
    return entries


def _map_start(value: bytes) -> int | None:
    """Return where the map begins that a value is; None: it is none."""
    if not value.startswith(_MAP_TAG):
        return None
    size, start = varint(value, 1)
    return start if start + size == len(value) else None


def _differing(one: Sequence[bytes], other: Sequence[bytes]) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield key and both values of each entry whose bytes differ; b"" for a missing one."""
    ones, others = list(one), list(other)
    if len(ones) == len(others):  # mostly in the same order
        pairs = [pair for pair in zip(ones, others, strict=True) if pair[0] != pair[1]]
        ones, others = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    else:
        ones, others = _from_first_difference(ones, others)
    common = set(ones).intersection(others)
    before, after = _by_key(ones, common), _by_key(others, common)
    for key in before.keys() | after.keys():
        yield key, before.get(key, b""), after.get(key, b"")


def _from_first_difference(
    ones: list[bytes], others: list[bytes]
) -> tuple[list[bytes], list[bytes]]:
    """Return both without the entries that they begin with, and end with, in common."""
    for _ in range(2):  # from the front, then from the back
        pairs = enumerate(zip(ones, others, strict=False))
        start = next(
            (at for at, (one, other) in pairs if one != other), len(min(ones, others, key=len))
        )
        ones, others = ones[start:][::-1], others[start:][::-1]
    return ones, others


def _by_key(entries: Sequence[bytes], common: set[bytes]) -> Mapping[str, bytes]:
    found = (_Entry.FromString(entry) for entry in entries if entry not in common)
    return {entry.key: entry.value for entry in found}
