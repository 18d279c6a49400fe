"""Order and paths of values, by properties."""

import math
from typing import Any

import pytest
from google.cloud.firestore_v1._helpers import encode_value
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.vector import Vector
from hypothesis import given
from hypothesis import strategies as st

from emulator.firestore.documents.values import (
    TypeRank,
    changed_paths,
    get_field,
    set_field,
    sort_key,
)
from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Document, Value, microseconds, timestamp
from emulator.firestore.paths import document_path, format_field_path, parse_field_path

SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(SEGMENTS, inner, max_size=3))
MAPS = st.dictionaries(SEGMENTS, TREES, max_size=4)


def wire(value: Any) -> Value:
    return encode_value(value)._pb


def document(values: dict[str, Any]) -> Document:
    return Document(fields={name: wire(value) for name, value in values.items()})


@given(path=st.lists(SEGMENTS, min_size=1, max_size=4))
def test_field_paths_survive_their_text_form(path: list[str]) -> None:
    assert parse_field_path(format_field_path(tuple(path))) == tuple(path)
    assert parse_field_path(FieldPath(*path).to_api_repr()) == tuple(path)


@pytest.mark.parametrize("text", ["", ".", "a..b", "a.", ".a", "`open", "`a`b", "a`b"])
def test_malformed_field_paths_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="property path"):
        parse_field_path(text)


@pytest.mark.parametrize("name", ["", "a", "a/b/c", "projects/p/databases/d/documents/a/../b/c"])
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        document_path(name)


@given(before=MAPS, after=MAPS)
def test_the_changed_paths_are_what_must_be_set(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    old, new = document(before), document(after)
    for path in changed_paths(old.fields, new.fields):
        changed = get_field(new.fields, path)
        if changed is None:
            holder = old.fields
            for segment in path[:-1]:
                holder = holder[segment].map_value.fields
            del holder[path[-1]]
        else:
            set_field(old.fields, path, changed)
    assert changed_paths(old.fields, new.fields) == []
    assert old.SerializeToString(deterministic=True) == new.SerializeToString(deterministic=True)


def test_types_are_ordered_as_production_orders_them() -> None:
    from google.cloud import firestore

    ordered = [
        wire(None),
        wire(False),
        wire(True),
        wire(math.nan),
        wire(-math.inf),
        wire(-1),
        wire(0.5),
        wire(1),
        wire(2**53),
        wire(2**53 + 1),
        wire(math.inf),
        Value(timestamp_value=timestamp(1)),
        Value(timestamp_value=timestamp(2_000_000)),
        wire(""),
        wire("Z"),
        wire("a"),
        wire("é"),
        wire("\uffff"),
        wire("🙂"),
        wire(b""),
        wire(b"a"),
        Value(reference_value="projects/p/databases/d/documents/a/b"),
        Value(reference_value="projects/p/databases/d/documents/a/b/c/d"),
        Value(reference_value="projects/p/databases/d/documents/a/b-"),
        wire(firestore.GeoPoint(-1, 5)),
        wire(firestore.GeoPoint(1, -5)),
        wire([]),
        wire([1, 2]),
        wire([2]),
        wire(Vector([9.0])),
        wire(Vector([1.0, 1.0])),
        wire({}),
        wire({"a": 1}),
        wire({"a": 1, "b": 0}),
        wire({"a": 2}),
        wire({"b": 0}),
    ]
    keys = [sort_key(value) for value in ordered]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert [TypeRank(key[0]) for key in keys] == sorted(TypeRank(key[0]) for key in keys)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0.0, -0.0), (math.nan, -math.nan)])
def test_numbers_are_equal_across_their_types(one: float, other: float) -> None:
    assert sort_key(wire(one)) == sort_key(wire(other))


@given(time_us=st.integers(0, 2**52))
def test_times_survive_their_wire_form(time_us: int) -> None:
    assert microseconds(timestamp(time_us)) == time_us
