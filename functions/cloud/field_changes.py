"""Tell which fields of two documents differ, without decoding them.

A client may keep a megabyte, or twenty thousand fields, in an avatar's document, and every write to
it is an event. These messages have the field numbers of `google.events.cloud.firestore.v1`, but
declare as `bytes` what is a message there, so that parsing goes one level deep only.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "functions.cloud.field_changes"
_MAP_TAG = b"\x32"  # a Value has one field, and begins with its tag; map_value is number 6
_MAX_DEPTH = 100  # the limit of protobuf itself; Firestore accepts 20 nested maps
_Field = descriptor_pb2.FieldDescriptorProto

# name, number, type (a message by its name), repeated
_MESSAGES: Mapping[str, tuple[tuple[str, int, int | str, bool], ...]] = {
    "Instant": (("seconds", 1, _Field.TYPE_INT64, False), ("nanos", 2, _Field.TYPE_INT32, False)),
    "Document": (
        ("name", 1, _Field.TYPE_STRING, False),
        ("fields", 2, _Field.TYPE_BYTES, True),
        ("update_time", 4, "Instant", False),
    ),
    "Event": (("value", 1, "Document", False), ("old_value", 2, "Document", False)),
    "Entry": (("key", 1, _Field.TYPE_STRING, False), ("value", 2, _Field.TYPE_BYTES, False)),
    "Map": (("fields", 1, _Field.TYPE_BYTES, True),),
    "Value": (("map_value", 6, "Map", False),),
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
"""`DocumentEventData`; each of a document's `fields` is an undecoded entry of the map."""
_Entry, _Value = _CLASSES["Entry"], _CLASSES["Value"]


def untouched(
    one: Sequence[bytes], other: Sequence[bytes], paths: Sequence[tuple[str, ...]]
) -> bool:
    """Tell whether two maps' undecoded entries are certainly equal at all these field paths.

    False where only decoding would tell, as with NaNs of different bits.

    Raises:
        google.protobuf.message.DecodeError: an entry that differs cannot be parsed.
    """
    for key, one_value, other_value in _differing(one, other):
        below = [path[1:] for path in paths if path[0] == key]
        if () in below:
            if not same(one_value, other_value):
                return False
        elif below:
            maps = _entries(one_value), _entries(other_value)
            if maps[0] is None or maps[1] is None or not untouched(maps[0], maps[1], below):
                return False
    return True


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
    maps = _entries(one), _entries(other)
    if maps[0] is None or maps[1] is None or depth > _MAX_DEPTH:
        return False
    return all(
        same(one_value, other_value, depth=depth + 1)
        for key, one_value, other_value in _differing(maps[0], maps[1])
        if not but or key != but
    )


def _entries(value: bytes) -> Sequence[bytes] | None:
    """Return the undecoded entries of a map; None: the value is no map."""
    if not value.startswith(_MAP_TAG):
        return None
    entries: Sequence[bytes] = _Value.FromString(value).map_value.fields
    return entries


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
