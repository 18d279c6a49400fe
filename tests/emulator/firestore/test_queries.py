"""Queries over gRPC: operators, order, cursors, aggregates, listings; a brute-force property."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import FailedPrecondition, InvalidArgument
from google.cloud import firestore
from google.cloud.firestore import And, FieldFilter, Or
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"born": 1815, "fields": ["mathematics", "computing"], "name": {"first": "Ada"}},
    "alan": {"born": 1912, "fields": ["mathematics", "biology"], "name": {"first": "Alan"}},
    "edsger": {"born": 1930.5, "fields": ["computing"], "name": {"first": "Edsger"}},
    "grace": {"born": 1906, "fields": [], "name": {"first": "Grace"}, "rank": "admiral"},
    "nobody": {"born": None, "rank": math.nan},
    "text": {"born": "unknown"},
}

Build = Callable[[firestore.CollectionReference], firestore.Query]


@pytest.fixture
def people(database: firestore.Client) -> firestore.CollectionReference:
    batch = database.batch()
    for name, values in PEOPLE.items():
        batch.set(database.document(f"people/{name}"), values)
        batch.set(database.document(f"other/x/people/{name}"), {"born": 1})
    batch.commit()
    return database.collection("people")


def where(field: str, operator: str, value: Any) -> Build:
    return lambda people: people.where(filter=FieldFilter(field, operator, value))


@pytest.mark.parametrize(
    ("build", "ids"),
    [
        (where("born", "==", 1906), ["grace"]),
        (where("born", "==", 1906.0), ["grace"]),
        (where("born", "==", None), ["nobody"]),
        (where("rank", "==", math.nan), ["nobody"]),
        (where("born", "!=", 1906), ["ada", "alan", "edsger", "text"]),
        (where("born", "!=", None), ["ada", "grace", "alan", "edsger", "text"]),
        (where("born", "<", 1912), ["ada", "grace"]),
        (where("born", "<=", 1912), ["ada", "grace", "alan"]),
        (where("born", ">", 1906), ["alan", "edsger"]),
        (where("born", ">=", 1906), ["grace", "alan", "edsger"]),
        (where("born", ">", "a"), ["text"]),
        (where("born", "in", [1815, "unknown", 7]), ["ada", "text"]),
        (where("born", "not-in", [1815, 1912]), ["grace", "edsger", "text"]),
        (where("fields", "array_contains", "computing"), ["ada", "edsger"]),
        (
            where("fields", "array_contains_any", ["biology", "computing"]),
            ["ada", "alan", "edsger"],
        ),
        (where("fields", "==", ["computing"]), ["edsger"]),
        (where("name.first", "==", "Grace"), ["grace"]),
        (where("name", "==", {"first": "Grace"}), ["grace"]),
        (where("missing", "==", 1), []),
        (where("missing", "!=", 1), []),
        (
            lambda people: people.order_by("born"),
            ["nobody", "ada", "grace", "alan", "edsger", "text"],
        ),
        (lambda people: people.order_by("rank"), ["nobody", "grace"]),
        (
            lambda people: people.order_by("born", direction="DESCENDING").limit(2),
            ["text", "edsger"],
        ),
        (lambda people: people.order_by("born").offset(1).limit(2), ["ada", "grace"]),
        (lambda people: people.order_by("born").limit_to_last(2), ["edsger", "text"]),
        (lambda people: people.limit(2), ["ada", "alan"]),
        (
            lambda people: people.order_by("born").start_at({"born": 1906}).end_at({"born": 1912}),
            ["grace", "alan"],
        ),
        (
            lambda people: (
                people.order_by("born").start_after({"born": 1815}).end_before({"born": 1930.5})
            ),
            ["grace", "alan"],
        ),
        (
            lambda people: people.where(
                filter=Or([FieldFilter("born", "==", 1815), FieldFilter("rank", "==", "admiral")])
            ),
            ["ada", "grace"],
        ),
        (
            lambda people: people.where(
                filter=And(
                    [
                        FieldFilter("fields", "array_contains", "computing"),
                        FieldFilter("born", ">", 1900),
                    ]
                )
            ),
            ["edsger"],
        ),
        (
            lambda people: people.where(
                filter=FieldFilter("__name__", ">=", people.document("grace"))
            ),
            ["grace", "nobody", "text"],
        ),
    ],
)
def test_operators_orders_and_cursors(
    people: firestore.CollectionReference, build: Build, ids: list[str]
) -> None:
    found = [snapshot.id for snapshot in build(people).get()]
    assert found == ids


def test_a_snapshot_is_a_cursor(people: firestore.CollectionReference) -> None:
    ordered = people.order_by("born")
    grace = people.document("grace").get()
    assert [one.id for one in ordered.start_after(grace).stream()] == ["alan", "edsger", "text"]


def test_a_collection_group_reaches_everywhere(
    database: firestore.Client, people: firestore.CollectionReference
) -> None:
    born_one = database.collection_group("people").where(filter=FieldFilter("born", "==", 1))
    assert len(list(born_one.stream())) == len(PEOPLE)
    assert len(list(database.collection_group("people").stream())) == 2 * len(PEOPLE)


def test_a_projection_has_only_what_was_selected(people: firestore.CollectionReference) -> None:
    query = people.where(filter=FieldFilter("born", "==", 1906))
    assert [one.to_dict() for one in query.select(["name.first", "none"]).stream()] == [
        {"name": {"first": "Grace"}}
    ]
    assert [one.to_dict() for one in query.select([]).stream()] == [{}]


def test_aggregates(people: firestore.CollectionReference) -> None:
    numbers = people.where(filter=FieldFilter("born", ">", 0))
    query: Any = numbers.count(alias="n")
    query = query.sum("born", alias="s").avg("born", alias="a")
    values = {result.alias: result.value for result in query.get()[0]}
    total = 1815 + 1912 + 1930.5 + 1906
    assert values == {"n": 4, "s": total, "a": total / 4}


def test_listings(database: firestore.Client, people: firestore.CollectionReference) -> None:
    assert sorted(one.id for one in people.list_documents(page_size=2)) == sorted(PEOPLE)
    assert [one.id for one in database.collection("other").list_documents()] == ["x"]
    assert sorted(one.id for one in database.collections()) == ["other", "people"]
    assert [one.id for one in database.document("other/x").collections()] == ["people"]


def test_get_all_keeps_masks_and_misses(
    database: firestore.Client, people: firestore.CollectionReference
) -> None:
    references = [people.document(name) for name in ("ada", "none", "grace")]
    found = {one.id: one for one in database.get_all(references, field_paths=["name.first"])}
    assert found["ada"].to_dict() == {"name": {"first": "Ada"}}
    assert not found["none"].exists
    assert found["grace"].to_dict() == {"name": {"first": "Grace"}}


def test_the_past_can_be_read(
    database: firestore.Client, people: firestore.CollectionReference
) -> None:
    ada = people.document("ada")
    before = ada.get().read_time
    ada.delete()
    people.document("new").set({"born": 2000})
    then = datetime.fromtimestamp(before.timestamp(), UTC)
    assert ada.get(read_time=before).exists
    assert len(list(people.stream(read_time=before))) == len(PEOPLE)
    assert not ada.get().exists
    with pytest.raises(FailedPrecondition, match="read_time"):
        ada.get(read_time=then - timedelta(hours=2))


@pytest.mark.parametrize(
    "build",
    [
        where("born", "in", list(range(31))),
        lambda people: people.limit(-1),
    ],
    ids=["too-many-values", "negative-limit"],
)
def test_malformed_queries_are_refused(people: firestore.CollectionReference, build: Build) -> None:
    with pytest.raises(InvalidArgument):
        list(build(people).stream())


@dataclass(frozen=True)
class Reference:
    """A reference whose client is not known yet."""

    path: str


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([-1.5, 0.0, 1.0, 2.5, math.inf]),
    st.text("aAé🙂", max_size=2),
    st.binary(max_size=2),
    st.sampled_from([datetime(2026, 1, 1, microsecond=cut, tzinfo=UTC) for cut in (0, 1, 2000)]),
    st.sampled_from(["a/b", "a/c", "a/b/c/d", "ä/b"]).map(Reference),
    st.builds(firestore.GeoPoint, st.sampled_from([-1.5, 0, 2]), st.sampled_from([-1.5, 0, 2])),
)
MAPS = st.dictionaries(st.sampled_from(["k", "kk", "ä"]), SCALARS, max_size=2)
VALUES = st.one_of(SCALARS, st.lists(st.one_of(SCALARS, MAPS), max_size=2), MAPS)
OPERATORS = ("<", "<=", "==", "!=", ">=", ">", "array_contains")


def rank(value: Any) -> int:
    kinds: tuple[tuple[type, ...], ...] = (
        (type(None),),
        (bool,),
        (int, float),
        (datetime,),
        (str,),
        (bytes,),
        (Reference,),
        (firestore.GeoPoint,),
        (list,),
        (dict,),
    )
    return next(number for number, kind in enumerate(kinds) if isinstance(value, kind))


def key(value: Any) -> tuple[Any, ...]:
    match value:
        case None:
            inner: Any = 0
        case str():
            inner = value.encode()
        case Reference():
            inner = [segment.encode() for segment in value.path.split("/")]
        case firestore.GeoPoint():
            inner = (value.latitude, value.longitude)
        case list():
            inner = [key(element) for element in value]
        case dict():
            inner = [(name.encode(), key(value[name])) for name in sorted(value)]
        case _:
            inner = value
    return (rank(value), inner)


def stored(database: firestore.Client, value: Any) -> Any:
    """The value as the client takes it."""
    match value:
        case Reference():
            return database.document(value.path)
        case list():
            return [stored(database, element) for element in value]
        case dict():
            return {name: stored(database, inner) for name, inner in value.items()}
        case _:
            return value


def holds(value: Any, operator: str, operand: Any) -> bool:
    if operator == "array_contains":
        return isinstance(value, list) and key(operand) in [key(element) for element in value]
    if operator == "!=":
        return value is not None and key(value) != key(operand)
    if rank(value) != rank(operand):
        return False
    one, other = key(value), key(operand)
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}.get(
        operator, one == other
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.lists(VALUES, max_size=8),
    operator=st.sampled_from(OPERATORS),
    operand=VALUES.filter(lambda value: value is not None),
    descending=st.booleans(),
    limit=st.integers(1, 9),
)
def test_results_equal_a_brute_force(
    database: firestore.Client,
    values: list[Any],
    operator: str,
    operand: Any,
    descending: bool,
    limit: int,
) -> None:
    if operator == "array_contains" and isinstance(operand, list):
        return  # no array lies in an array
    collection = database.collection("random")
    batch = database.batch()
    for left_over in collection.list_documents():
        batch.delete(left_over)
    for number, value in enumerate(values):
        batch.set(collection.document(f"d{number}"), {"v": stored(database, value)})
    batch.commit()

    query = collection.where(filter=FieldFilter("v", operator, stored(database, operand)))
    direction = firestore.Query.DESCENDING if descending else firestore.Query.ASCENDING
    found = [one.id for one in query.order_by("v", direction=direction).limit(limit).stream()]

    matching = [number for number, value in enumerate(values) if holds(value, operator, operand)]
    matching.sort(key=lambda number: (key(values[number]), number), reverse=descending)
    assert found == [f"d{number}" for number in matching[:limit]]
