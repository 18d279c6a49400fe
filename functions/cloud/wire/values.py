"""Decode Firestore's wire values into the plain ones of `domain.field_values`.

Used for events and for documents alike, and for every type of value: a type that the contract does
not use becomes `Opaque`, never an error. Google's client library raises for some of them, such as a
reference into another project, and one such field would make a whole page of documents unreadable.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from functions.cloud.wire.field_changes import same
from functions.domain.field_values import TIMESTAMP, Encoded, FieldPath, Opaque


class Fields(Encoded):
    """A map whose entries are decoded one by one, when they are used.

    Args:
        value: a protobuf `Value` that holds a map.
    """

    def __init__(self, value: Any) -> None:
        self._value = value
        self._entries = value.map_value.fields
        self._decoded: dict[str, object] = {}

    def __getitem__(self, key: str) -> object:
        if key not in self._decoded:
            if key not in self._entries:  # reading it from the protobuf map would create it
                raise KeyError(key)
            self._decoded[key] = lazily(self._entries[key])
        return self._decoded[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"a map of {len(self)}"

    @property
    def size_bytes(self) -> int:
        """How long the wire form is."""
        size: int = self._value.ByteSize()
        return size

    @cached_property
    def _wire(self) -> bytes:
        wire: bytes = self._value.SerializeToString()
        return wire

    def alike(self, other: Encoded, *, but: str) -> bool:
        """Tell, without decoding, whether both are certainly equal."""
        return isinstance(other, Fields) and same(self._wire, other._wire, but=but)


def picked(fields: Mapping[str, Any], paths: tuple[FieldPath, ...]) -> dict[str, Any]:
    """Return a document's values at these paths, as nested maps; the rest is not decoded."""
    found: dict[str, Any] = {}
    for path in paths:
        _copy(fields, path, found)
    return found


def _copy(source: Any, path: FieldPath, target: dict[str, Any]) -> None:
    name, *rest = path
    if name not in source:
        return
    if not rest:
        target[name] = lazily(source[name])
    elif source[name].WhichOneof("value_type") == "map_value":
        _copy(source[name].map_value.fields, tuple(rest), target.setdefault(name, {}))


def lazily(value: Any) -> object:
    """Return a protobuf `Value` as a plain one; a map is decoded later."""
    return Fields(value) if value.WhichOneof("value_type") == "map_value" else decode(value)


def decode(value: Any) -> object:
    """Return a protobuf `Value` as a plain one, decoded to the end."""
    kind = value.WhichOneof("value_type")
    decoder = _DECODERS.get(kind)
    if decoder is None:  # a type of value that is newer than this code
        digest = hashlib.sha256(value.SerializeToString()).hexdigest()
        return Opaque(kind="unknown", text=digest)
    return decoder(getattr(value, kind))


def _instant(value: Any) -> Opaque:
    microseconds = value.nanos // 1000  # Firestore's own precision
    return Opaque(kind=TIMESTAMP, text=f"{value.seconds}.{microseconds:06d}")


_DECODERS: Mapping[str | None, Callable[[Any], object]] = {
    "null_value": lambda _: None,
    "boolean_value": bool,
    "integer_value": int,
    "double_value": float,
    "string_value": str,
    "bytes_value": bytes,
    "timestamp_value": _instant,
    "reference_value": lambda name: Opaque(kind="reference", text=name),
    "geo_point_value": lambda point: Opaque(
        kind="geopoint", text=f"{point.latitude!r},{point.longitude!r}"
    ),
    "array_value": lambda array: [decode(item) for item in array.values],
    "map_value": lambda nested: {key: decode(item) for key, item in nested.fields.items()},
}
