"""The order of documents' names, against an order computed in another way."""

import re
from typing import Any

from google.cloud import firestore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ODD = ("0", "00", "1", "10", "2", "A", "Z", "_", "__", "a", "~", "é", "日", "\uffee", "😀", "__idx")
INT64 = st.integers(-(2**63), 2**63 - 1)
ids = (
    INT64.map(lambda number: f"__id{number}__")
    | st.integers(-12, 12).map(lambda number: f"__id{number}__")
    | st.integers(0, 200).map(str)
    | st.sampled_from(ODD)
    | st.text(st.characters(exclude_characters="/", exclude_categories=("Cs", "Cc")), min_size=1)
).filter(lambda name: name not in (".", "..") and usable(name))


def usable(name: str) -> bool:
    return bool(re.match(r"__id-?\d+__$", name)) or not re.match(r"(?s)__.+__$", name)


def comes_before(one: str, other: str) -> bool:
    """Numbers come before texts; numbers by size, texts by their UTF-8."""
    numbers = [re.fullmatch(r"__id(-?\d+)__", name) for name in (one, other)]
    if numbers[0] and numbers[1]:
        return int(numbers[0][1]) < int(numbers[1][1])
    if numbers[0] or numbers[1]:
        return bool(numbers[0])
    return list(one.encode()) < list(other.encode())


def ordered(names: set[str]) -> list[str]:
    """Insert each where it belongs."""
    found: list[str] = []
    for name in names:
        found.insert(sum(comes_before(other, name) for other in found), name)
    return found


def found(query: Any) -> list[str]:
    return [snapshot.id for snapshot in query.stream()]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.sets(ids, min_size=2, max_size=12))
def test_names_are_ordered_compared_listed_and_deleted(
    database: firestore.Client, names: set[str]
) -> None:
    rooms = database.collection("rooms")
    batch = database.batch()
    for name in names:
        batch.set(rooms.document(name), {})
    batch.commit()
    expected = ordered(names)
    middle = rooms.document(expected[len(expected) // 2])
    assert found(rooms) == expected
    assert [document.id for document in rooms.list_documents()] == expected
    descending = rooms.order_by("__name__", direction=firestore.Query.DESCENDING)
    assert found(descending) == expected[::-1]
    by_name = rooms.order_by("__name__")
    cut = expected.index(middle.id)
    assert found(by_name.start_at({"__name__": middle})) == expected[cut:]
    above = firestore.FieldFilter("__name__", ">", middle)
    assert found(rooms.where(filter=above)) == expected[cut + 1 :]
    assert database.recursive_delete(rooms) == len(names)
    assert found(rooms) == []
