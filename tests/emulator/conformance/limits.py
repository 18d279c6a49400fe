"""Cases about what production refuses: queries, names of fields, names of documents; key order."""

from collections.abc import Callable
from functools import reduce
from typing import Any

from google.cloud.firestore import And, FieldFilter, Or, Query

from tests.emulator.conformance.table import Place, case

REFUSED = "InvalidArgument"


def every(field: str, operator: str, values: Any) -> FieldFilter:
    return FieldFilter(field, operator, values)


def of_filters(name: str, expected: Any, *filters: Any) -> None:
    """A row: how many documents a query with all of some filters finds, or that it is refused."""

    @case(name, expected)
    def _(at: Place) -> Any:
        at.doc().set({"a": 1, "t": [1]})
        return len(list(at.all().where(filter=And(list(filters))).stream()))


def of_query(name: str, expected: Any, change: Callable[[Any], Any]) -> None:
    """A row: how many documents a query finds, or that it is refused."""

    @case(name, expected)
    def _(at: Place) -> Any:
        at.doc().set({"a": 1})
        return len(list(change(at.all()).stream()))


def of_fields(name: str, expected: Any, fields: dict[str, Any], **options: Any) -> None:
    """A row: that a document with some fields is written, or refused."""

    @case(name, expected)
    def _(at: Place) -> Any:
        at.doc().set(fields, **options)
        return at.doc().get().exists


def of_id(name: str, expected: Any, identifier: str) -> None:
    """A row: that a document of some id is written, or refused."""

    @case(name, expected)
    def _(at: Place) -> Any:
        at.doc(identifier).set({})
        return at.doc(identifier).get().exists


SIX = list(range(6))
A_IS_1, T_IS_1 = every("a", "==", 1), every("t", "==", 1)

of_filters("thirty disjunctions are accepted", 0, every("a", "in", SIX[:5]), every("b", "in", SIX))
of_filters("more than thirty are refused", REFUSED, every("a", "in", SIX), every("b", "in", SIX))
of_filters(
    "in times array-contains-any count too",
    REFUSED,
    every("a", "in", SIX),
    every("t", "array_contains_any", list("abcdef")),
)
of_filters(
    "or times or is brought into normal form first",
    REFUSED,
    Or([every("a", "==", one) for one in range(4)]),
    Or([every("b", "==", one) for one in range(8)]),
)
of_filters(
    "equal disjunctions count once", 1, Or([A_IS_1 for _ in range(31)]), every("a", "in", [1, 1])
)
of_filters(
    "what contradicts itself does not count",
    1,
    every("a", "in", list(range(10))),
    every("a", "in", list(range(10))),
)
of_filters("not-in and != are refused", REFUSED, every("a", "not-in", [1]), every("a", "!=", 2))
of_filters("two != are refused", REFUSED, every("a", "!=", 1), every("t", "!=", 2))
of_filters("!= null counts as one", REFUSED, every("a", "!=", None), every("a", "!=", 1))
of_filters("< beside != is accepted", 1, every("a", "<", 3), every("a", "!=", 2))
of_filters("not-in and in are refused", REFUSED, every("a", "not-in", [1]), every("t", "in", [1]))
of_filters(
    "not-in and array-contains-any are refused",
    REFUSED,
    every("a", "not-in", [1]),
    every("t", "array_contains_any", [1]),
)
of_filters("not-in and or are refused", REFUSED, every("a", "not-in", [2]), Or([A_IS_1, T_IS_1]))
of_filters("!= and or are accepted", 1, every("a", "!=", 2), Or([A_IS_1, T_IS_1]))
of_filters(
    "not-in and array-contains are accepted",
    1,
    every("a", "not-in", [2]),
    every("t", "array_contains", 1),
)
of_filters(
    "two array-contains are refused",
    REFUSED,
    every("t", "array_contains", 1),
    every("u", "array_contains", 1),
)
of_filters(
    "array-contains and array-contains-any are refused",
    REFUSED,
    every("t", "array_contains", 1),
    every("u", "array_contains_any", [1]),
)
of_filters(
    "an array-contains in each part of an or is accepted",
    1,
    Or([every("t", "array_contains", 1), every("u", "array_contains", 1)]),
)
TEN = [every(f"f{number}", ">", 1) for number in range(10)]
of_filters("ten inequality fields are accepted", 0, *TEN)
of_filters("eleven inequality fields are refused", REFUSED, *TEN, every("g", "!=", None))
of_filters("inequalities on one field count once", 0, *(every("f", ">", n) for n in range(11)))
of_filters(
    "more than a hundred filters are refused", REFUSED, *(every("a", "==", n) for n in range(101))
)
of_filters("equal filters count once", 1, *[A_IS_1] * 101)
of_filters("a filter on a reserved name is refused", REFUSED, every("__x__", "==", 1))
of_filters("also within a path", REFUSED, every("a.__x__", "==", 1))
of_filters("a filter on a path of 1,501 bytes is refused", REFUSED, every("x" * 1501, "==", 1))
of_filters("a name is compared with names alone", REFUSED, every("__name__", "==", "a"))
of_query("an order twice is refused", REFUSED, lambda all: all.order_by("a").order_by("a"))
of_query(
    "in the other direction too",
    REFUSED,
    lambda all: all.order_by("a").order_by("a", direction=Query.DESCENDING),
)
of_query(
    "an order after the name is refused",
    REFUSED,
    lambda all: all.order_by("__name__").order_by("a"),
)
of_query(
    "more than a hundred orders are refused",
    REFUSED,
    lambda all: reduce(lambda query, number: query.order_by(f"f{number}"), range(101), all),
)
of_query("an order by a reserved name is refused", REFUSED, lambda all: all.order_by("__x__"))
of_query("a projection of a reserved name is refused", REFUSED, lambda all: all.select(["__x__"]))
of_query("a negative offset is refused", REFUSED, lambda all: all.offset(-1))
of_query("a negative limit is refused", REFUSED, lambda all: all.limit(-1))
of_fields("a reserved field is refused", REFUSED, {"__x__": 1})
of_fields("also within a map", REFUSED, {"m": {"__x__": 1}})
of_fields("also within an array", REFUSED, {"m": [{"__x__": 1}]})
of_fields("also by a merge", REFUSED, {"__x__": 1}, merge=True)
of_fields("four underscores are no reserved name", True, {"____": 1})
of_fields("a field name of 1,500 bytes is accepted", True, {"x" * 1500: 1})
of_fields("a field name of 1,501 bytes is refused", REFUSED, {"x" * 1501: 1})
of_fields("bytes count, not letters", REFUSED, {"é" * 751: 1})
of_fields("a path of 1,500 bytes is accepted", True, {"x" * 1000: {"y" * 499: 1}})
of_fields("a path of 1,501 bytes is refused", REFUSED, {"x" * 1000: {"y" * 500: 1}})
of_fields("also through an array", REFUSED, {"x" * 1000: [{"y" * 500: 1}]})
of_id("an id that stands for a number is accepted", True, "__id7__")
of_id("the smallest of 64 bits is one", True, "__id-9223372036854775808__")
of_id("one of more than 64 bits is refused", REFUSED, "__id9223372036854775808__")
of_id("one with a leading zero is refused", REFUSED, "__id07__")
of_id("a reserved id is refused with a line break too", REFUSED, "__\n__")


@case("a reserved collection is refused", REFUSED)
def _(at: Place) -> Any:
    return at.doc().collection("__id7__").document("a").set({})


@case("a reserved id is refused to a read", REFUSED)
def _(at: Place) -> Any:
    return at.doc("__x__").get().exists


@case("a reference to a reserved id is refused", REFUSED)
def _(at: Place) -> Any:
    return at.doc().set({"r": at.doc("__x__")})


def nested(at: Place, levels: int) -> Any:
    document = at.doc()
    for _ in range(levels - 1):
        document = document.collection("c").document("d")
    document.set({})
    return document.get().exists


@case("a hundred levels are accepted", True)
def _(at: Place) -> Any:
    return nested(at, 100)


@case("a hundred and one levels are refused", REFUSED)
def _(at: Place) -> Any:
    return nested(at, 101)


@case("two aggregates of one name are refused", REFUSED)
def _(at: Place) -> Any:
    return at.all().count(alias="a").sum("n", alias="a").get()


@case("names: numbers first, then bytes", ["__id-3__", "__id7__", "__id10__", "00", "7", "A", "a"])
def _(at: Place) -> Any:
    for name in ("a", "7", "__id10__", "A", "__id7__", "00", "__id-3__"):
        at.doc(name).set({})
    return [snapshot.id for snapshot in at.all().order_by("__name__").stream()]


@case("recursive deletion takes every kind of id", (12, []))
def _(at: Place) -> Any:
    for name in ("1", "Z", "a", "日", "__id7__", "_"):
        at.doc(name).set({})
        at.doc(name).collection("x").document("1").set({})
    return at.database.recursive_delete(at.all()), list(at.all().list_documents())
