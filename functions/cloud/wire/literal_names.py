"""Find fields that a write has made and that are named like paths.

`set`, merging or not, takes the key `training.livePortrait` for one field of that name; `update`
takes it for a path. Such a field is read by nothing, so the log names it. Most events have none:
their undecoded bytes show it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from functions.cloud.wire.entries import varint

_KEY_TAG, _VALUE_TAG = 0x0A, b"\x12"  # of an entry of a map
_OUTER, _INNER = "training", "livePortrait"  # what the fields that are read lie in
_PARTS = (f"{_OUTER}.".encode(), f"{_INNER}.".encode())
_MAX_NAMES = 20  # that are told of one write
_Fields = Mapping[str, Any]


def may_have_been_made(before: bytes, after: bytes) -> bool:
    """Tell whether `literal_names` may find any, by the two serialised documents."""
    return any(entry not in before for part in _PARTS for entry in _entries(after, part))


def literal_names(before: _Fields, after: _Fields) -> tuple[str, ...]:
    """Return the new fields whose names look like paths, as field paths.

    Args:
        before: protobuf `Value`s by name.
        after: the same, after the write.
    """
    names = [f"`{name}`" for name in _made(before, after, _OUTER)]
    inner = _made(_map(before, _OUTER), _map(after, _OUTER), _INNER)
    names += [f"{_OUTER}.`{name}`" for name in inner]
    return tuple(names[:_MAX_NAMES])


def _map(fields: _Fields, name: str) -> _Fields:
    found: _Fields = fields[name].map_value.fields if name in fields else {}
    return found


def _made(before: _Fields, after: _Fields, part: str) -> Iterator[str]:
    for name in after:
        if name.startswith(f"{part}.") and (name not in before or before[name] != after[name]):
            yield name


def _entries(wire: bytes, part: bytes) -> Iterator[bytes]:
    """Yield the entries whose keys begin with a part, and what looks like one."""
    at = wire.find(part, 2)
    while at >= 0:
        end = at + wire[at - 1]  # longer names than 127 bytes are no paths of ours
        if wire[at - 2] == _KEY_TAG and wire[end : end + 1] == _VALUE_TAG:
            size, value = varint(wire, end + 1)
            yield wire[at - 2 : value + size]
        at = wire.find(part, at + 1)
