"""Values of documents: their order, their equality, and how to reach them by field path.

Pure: knows messages, no store. Firestore orders values of different types by type; numbers compare
across int and double. `sort_key` turns a value into a tuple that Python orders in the same way.
"""

import math
from collections.abc import Iterable, MutableMapping
from enum import IntEnum
from functools import lru_cache
from typing import Any

from emulator.firestore.messages import Value
from emulator.firestore.paths import FieldPath, numeric_id

Fields = MutableMapping[str, Value]
"""The map of a document or of a map value: field name → value."""
SortKey = tuple[Any, ...]


class TypeRank(IntEnum):
    """The order of types; values of one rank are comparable in a query."""

    NULL = 0
    BOOLEAN = 1
    NAN = 2
    NUMBER = 3
    TIMESTAMP = 4
    STRING = 5
    BYTES = 6
    REFERENCE = 7
    GEO_POINT = 8
    ARRAY = 9
    VECTOR = 10
    MAP = 11


_VECTOR_TYPE = "__vector__"


def sort_key(value: Value) -> SortKey:
    """Return (type rank, …), hashable: orders and equates values as Firestore's queries do."""
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        return _map_key(value.map_value.fields)
    if kind == "array_value":
        return (TypeRank.ARRAY, tuple(map(sort_key, value.array_value.values)))
    return _scalar_key(kind, value)


def _scalar_key(kind: str | None, value: Value) -> SortKey:
    match kind:
        case "string_value":
            return (TypeRank.STRING, value.string_value.encode())
        case "integer_value":
            return (TypeRank.NUMBER, value.integer_value)
        case "double_value":
            double = value.double_value
            return (TypeRank.NAN,) if math.isnan(double) else (TypeRank.NUMBER, double)
        case "boolean_value":
            return (TypeRank.BOOLEAN, value.boolean_value)
        case "timestamp_value":
            stamp = value.timestamp_value
            return (TypeRank.TIMESTAMP, stamp.seconds, stamp.nanos)
        case "reference_value":
            return reference_key(value.reference_value)
        case _:
            return _rare_key(kind, value)


def _rare_key(kind: str | None, value: Value) -> SortKey:
    if kind == "bytes_value":
        return (TypeRank.BYTES, value.bytes_value)
    if kind == "geo_point_value":
        point = value.geo_point_value
        return (TypeRank.GEO_POINT, point.latitude, point.longitude)
    return (TypeRank.NULL,)


@lru_cache(maxsize=1 << 16)  # a large collection is sorted anew for every page of it
def reference_key(name: str) -> SortKey:
    """Return the sort key of a document's name, segment by segment.

    Ids that stand for numbers (`__id7__`) come first, in the order of the numbers; all others in
    the order of their bytes.
    """
    return (TypeRank.REFERENCE, tuple(map(_segment_key, name.split("/"))))


def _segment_key(segment: str) -> SortKey:
    number = numeric_id(segment)
    return (1, segment.encode()) if number is None else (0, number)


def is_vector(fields: Fields) -> bool:
    """Return whether a map is the form in which vectors travel."""
    return "__type__" in fields and fields["__type__"].string_value == _VECTOR_TYPE


def _map_key(fields: Fields) -> SortKey:
    if is_vector(fields):
        numbers = fields["value"].array_value.values if "value" in fields else ()
        return (TypeRank.VECTOR, len(numbers), tuple(map(sort_key, numbers)))
    items = sorted((name.encode(), sort_key(value)) for name, value in fields.items())
    return (TypeRank.MAP, tuple(items))


def get_field(fields: Fields, path: FieldPath) -> Value | None:
    """Return the value at a path, or None where there is none."""
    for depth, segment in enumerate(path):
        if segment not in fields:
            return None
        value = fields[segment]
        if depth == len(path) - 1:
            return value
        if value.WhichOneof("value_type") != "map_value":
            return None
        fields = value.map_value.fields
    return None


def set_field(fields: Fields, path: FieldPath, value: Value) -> None:
    """Set the value at a path; replace what is no map on the way by maps."""
    for segment in path[:-1]:
        inner = fields[segment]
        if inner.WhichOneof("value_type") != "map_value":
            inner.map_value.SetInParent()
        fields = inner.map_value.fields
    fields[path[-1]].CopyFrom(value)


def delete_field(fields: Fields, path: FieldPath) -> None:
    """Remove the value at a path, if there is one; the maps around it stay."""
    for segment in path[:-1]:
        if segment not in fields or fields[segment].WhichOneof("value_type") != "map_value":
            return
        fields = fields[segment].map_value.fields
    fields.pop(path[-1], None)


def cut_times(fields: Fields) -> None:
    """Truncate the times in a map to microseconds, the finest that is stored."""
    for value in fields.values():
        _cut_times(value)


def _cut_times(value: Value) -> None:
    match value.WhichOneof("value_type"):
        case "timestamp_value":
            value.timestamp_value.nanos -= value.timestamp_value.nanos % 1000
        case "map_value":
            cut_times(value.map_value.fields)
        case "array_value":
            for element in value.array_value.values:
                _cut_times(element)


def project(fields: Fields, paths: Iterable[FieldPath], into: Fields) -> None:
    """Copy the values at the given paths into another, empty map."""
    for path in paths:
        value = get_field(fields, path)
        if value is not None:
            set_field(into, path, value)


def changed_paths(before: Fields, after: Fields, prefix: FieldPath = ()) -> list[FieldPath]:
    """Return the innermost paths that differ between two maps, sorted."""
    changed: list[FieldPath] = []
    for name in sorted({*before, *after}):
        path = (*prefix, name)
        if name not in before or name not in after:
            changed.append(path)
            continue
        old, new = before[name], after[name]
        if _both_maps(old, new):
            changed += changed_paths(old.map_value.fields, new.map_value.fields, path)
        elif old.SerializeToString(deterministic=True) != new.SerializeToString(deterministic=True):
            changed.append(path)
    return changed


def _both_maps(one: Value, other: Value) -> bool:
    return all(value.WhichOneof("value_type") == "map_value" for value in (one, other))
