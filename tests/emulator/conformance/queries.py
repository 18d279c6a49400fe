"""Cases about queries: filters, orders, cursors, groups, aggregates."""

from typing import Any

from google.cloud import firestore
from google.cloud.firestore import And, FieldFilter, Or

from tests.emulator.conformance.table import Place, case

MIXED: dict[str, dict[str, Any]] = {
    "a": {"v": None},
    "b": {"v": False},
    "c": {"v": float("nan")},
    "d": {"v": -1.5},
    "e": {"v": 2},
    "f": {"v": "x"},
    "g": {"v": b"x"},
    "h": {"v": [1, 2]},
    "i": {"v": {"k": 1}},
    "j": {},
}
PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"n": 1, "town": "x", "tags": ["p", "q"]},
    "bob": {"n": 2, "town": "x", "tags": ["q"]},
    "cyd": {"n": 2, "town": "y", "tags": []},
    "dan": {"n": 3, "town": "z"},
}


def ids(query: Any) -> list[str]:
    return [snapshot.id for snapshot in query.stream()]


def mixed(at: Place, operator: str, operand: Any) -> list[str]:
    return ids(at.fill(**MIXED).where(filter=FieldFilter("v", operator, operand)))


def people(at: Place) -> firestore.CollectionReference:
    return at.fill(**PEOPLE)


@case("types have an order of their own; what lacks the field is left out", list("abcdefghi"))
def _(at: Place) -> Any:
    return ids(at.fill(**MIXED).order_by("v"))


@case("descending turns all around, names too", ["dan", "cyd", "bob", "ada"])
def _(at: Place) -> Any:
    return ids(people(at).order_by("n", direction=firestore.Query.DESCENDING))


@case("== null finds null, not what is missing", ["a"])
def _(at: Place) -> Any:
    return mixed(at, "==", None)


@case("== NaN finds NaN", ["c"])
def _(at: Place) -> Any:
    return mixed(at, "==", float("nan"))


@case("!= finds neither null nor what is missing", list("bcdfghi"))
def _(at: Place) -> Any:
    return mixed(at, "!=", 2)


@case("!= null finds all that is there", list("bcdefghi"))
def _(at: Place) -> Any:
    return mixed(at, "!=", None)


@case("an inequality keeps to its operand's type", ["d", "e"])
def _(at: Place) -> Any:
    return mixed(at, "<", 3)


@case("a map equals a map", ["i"])
def _(at: Place) -> Any:
    return mixed(at, "==", {"k": 1.0})


@case("an array equals an array in its order", [])
def _(at: Place) -> Any:
    return mixed(at, "==", [2, 1])


@case("in finds any of some values", ["e", "f"])
def _(at: Place) -> Any:
    return mixed(at, "in", [2.0, "x", "none"])


@case("not-in finds neither null nor what is missing", list("bcdghi"))
def _(at: Place) -> Any:
    return mixed(at, "not-in", [2, "x"])


@case("not-in with null finds nothing", [])
def _(at: Place) -> Any:
    return mixed(at, "not-in", [2, None])


@case("in takes thirty values", [])
def _(at: Place) -> Any:
    return mixed(at, "in", list(range(100, 130)))


@case("in takes no more than thirty values", "InvalidArgument")
def _(at: Place) -> Any:
    return mixed(at, "in", list(range(31)))


@case("not-in takes no more than ten values", "InvalidArgument")
def _(at: Place) -> Any:
    return mixed(at, "not-in", list(range(11)))


@case("in needs a value", "InvalidArgument")
def _(at: Place) -> Any:
    return mixed(at, "in", [])


@case("array-contains finds one element", ["ada", "bob"])
def _(at: Place) -> Any:
    return ids(people(at).where(filter=FieldFilter("tags", "array_contains", "q")))


@case("array-contains-any finds any of some elements, once", ["ada"])
def _(at: Place) -> Any:
    return ids(people(at).where(filter=FieldFilter("tags", "array_contains_any", ["p", "none"])))


@case("or joins what either finds", ["ada", "dan"])
def _(at: Place) -> Any:
    return ids(people(at).where(filter=Or([FieldFilter("n", "==", 1), FieldFilter("n", ">", 2)])))


@case("and within or", ["ada", "cyd"])
def _(at: Place) -> Any:
    both = And([FieldFilter("n", "==", 2), FieldFilter("town", "==", "y")])
    return ids(people(at).where(filter=Or([both, FieldFilter("n", "==", 1)])))


@case("inequalities on two fields", ["bob", "cyd"])
def _(at: Place) -> Any:
    filtered = people(at).where(filter=FieldFilter("n", ">", 1))
    return ids(filtered.where(filter=FieldFilter("town", "<", "z")))


@case("what an inequality names is its order", ["ada", "bob", "cyd", "dan"])
def _(at: Place) -> Any:
    return ids(people(at).where(filter=FieldFilter("n", ">", 0)))


@case("limit, offset", ["bob", "cyd"])
def _(at: Place) -> Any:
    return ids(people(at).order_by("n").offset(1).limit(2))


@case("limit to last", ["cyd", "dan"])
def _(at: Place) -> Any:
    return [one.id for one in people(at).order_by("n").limit_to_last(2).get()]


@case("start at, end before", ["bob", "cyd"])
def _(at: Place) -> Any:
    return ids(people(at).order_by("n").start_at({"n": 2}).end_before({"n": 3}))


@case("start after, end at", ["dan"])
def _(at: Place) -> Any:
    return ids(people(at).order_by("n").start_after({"n": 2}).end_at({"n": 3}))


@case("a snapshot is a cursor among equals", ["cyd", "dan"])
def _(at: Place) -> Any:
    collection = people(at)
    return ids(collection.order_by("n").start_after(at.doc("bob").get()))


@case("a cursor in a descending order", ["bob", "ada"])
def _(at: Place) -> Any:
    collection = people(at)
    ordered = collection.order_by("n", direction=firestore.Query.DESCENDING)
    return ids(ordered.start_after(at.doc("cyd").get()))


@case("names are ordered and compared", ["bob", "cyd"])
def _(at: Place) -> Any:
    named = people(at).where(filter=FieldFilter("__name__", ">", at.doc("ada")))
    return ids(named.where(filter=FieldFilter("__name__", "<", at.doc("dan"))))


@case("a projection has what it selects", {"n": 1})
def _(at: Place) -> Any:
    return next(iter(people(at).order_by("n").select(["n"]).stream())).to_dict()


@case("a projection of nothing has names", ["ada", "bob", "cyd", "dan"])
def _(at: Place) -> Any:
    found = list(people(at).select([]).stream())
    assert [one.to_dict() for one in found] == [{}] * 4
    return [one.id for one in found]


@case("a group reaches every collection of its name", ["x", "y"])
def _(at: Place) -> Any:
    at.doc("a").collection(f"{at.room}g").document("x").set({})
    at.doc("b").collection(f"{at.room}g").document("y").set({})
    at.doc("b").collection("other").document("z").set({})
    return ids(at.database.collection_group(f"{at.room}g"))


@case("texts are ordered by their UTF-8", ["a", "b", "c"])
def _(at: Place) -> Any:
    return ids(at.fill(a={"t": "z"}, b={"t": "\uffee"}, c={"t": "😀"}).order_by("t"))


@case("large integers are told from their doubles", ["b"])
def _(at: Place) -> Any:
    numbers = at.fill(a={"n": 2**53}, b={"n": 2**53 + 1})
    return ids(numbers.where(filter=FieldFilter("n", ">", float(2**53))))


def aggregates(query: Any) -> dict[str, Any]:
    return {result.alias: result.value for row in query.get() for result in row}


@case("count, sum and average", {"c": 4, "s": 8, "a": 2.0})
def _(at: Place) -> Any:
    counted = people(at).count(alias="c")
    return aggregates(counted.sum("n", alias="s").avg("n", alias="a"))


@case("the sum of nothing is 0; its average, null, is shown as 0.0", {"s": 0.0, "a": 0.0})
def _(at: Place) -> Any:
    return aggregates(people(at).sum("none", alias="s").avg("none", alias="a"))


@case("one double makes the sum a double", "float")
def _(at: Place) -> Any:
    numbers = at.fill(a={"n": 1}, b={"n": 2.0}, c={"n": "x"})
    return type(aggregates(numbers.sum("n", alias="s"))["s"]).__name__


@case("a count keeps to its filter and limit", {"c": 2})
def _(at: Place) -> Any:
    filtered = people(at).where(filter=FieldFilter("n", ">", 1)).limit(2)
    return aggregates(filtered.count(alias="c"))


@case("a cursor needs its order", "InvalidArgument")
def _(at: Place) -> Any:
    query = {"from_": [{"collection_id": at.room}], "start_at": {"values": [{}, {}]}}
    parent = at.doc().parent.document("x")._document_path.rpartition(f"/{at.room}/")[0]
    api = at.database._firestore_api
    return list(api.run_query({"parent": parent, "structured_query": query}))
