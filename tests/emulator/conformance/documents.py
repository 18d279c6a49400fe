"""Cases about documents: writes, preconditions, transforms, values, limits."""

import time
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.vector import Vector

from tests.emulator.conformance.table import Place, case


def after(place: Place, first: Any, *changes: Any) -> Any:
    """The document after a set and some updates."""
    place.doc().set(first)
    for change in changes:
        place.doc().update(change)
    return place.doc().get().to_dict()


@case("set replaces the whole document", {"b": 2})
def _(at: Place) -> Any:
    at.doc().set({"a": 1})
    at.doc().set({"b": 2})
    return at.doc().get().to_dict()


@case("set with merge joins maps at every depth", {"m": {"a": 1, "b": {"c": 2, "d": 3}}})
def _(at: Place) -> Any:
    at.doc().set({"m": {"a": 1, "b": {"c": 2}}})
    at.doc().set({"m": {"b": {"d": 3}}}, merge=True)
    return at.doc().get().to_dict()


@case("set with merge of named fields leaves the others", {"a": 9, "b": 2})
def _(at: Place) -> Any:
    at.doc().set({"a": 1, "b": 2})
    at.doc().set({"a": 9, "b": 9}, merge=["a"])  # type: ignore[arg-type]  # the stub is too narrow
    return at.doc().get().to_dict()


@case("merging an empty map into a value leaves an empty map", {"a": {}})
def _(at: Place) -> Any:
    at.doc().set({"a": 1})
    at.doc().set({"a": {}}, merge=True)
    return at.doc().get().to_dict()


@case("create refuses what exists", "AlreadyExists")
def _(at: Place) -> Any:
    at.doc().create({})
    at.doc().create({})


@case("update refuses what does not exist", "NotFound")
def _(at: Place) -> Any:
    at.doc().update({"a": 1})


@case("update of a dotted path leaves its neighbours", {"m": {"a": 9, "b": 2}})
def _(at: Place) -> Any:
    return after(at, {"m": {"a": 1, "b": 2}}, {"m.a": 9})


@case("update of a map replaces it", {"m": {"a": 9}})
def _(at: Place) -> Any:
    return after(at, {"m": {"a": 1, "b": 2}}, {"m": {"a": 9}})


@case("update through a value that is no map replaces it", {"m": {"a": 1}})
def _(at: Place) -> Any:
    return after(at, {"m": 5}, {"m.a": 1})


@case("update deletes a field and leaves the map around it", {"m": {}})
def _(at: Place) -> Any:
    return after(at, {"m": {"a": 1}}, {"m.a": firestore.DELETE_FIELD})


@case("field names with dots are quoted", {"a.b": {"c`d": 2}})
def _(at: Place) -> Any:
    return after(at, {"a.b": {"c`d": 1}}, {at.database.field_path("a.b", "c`d"): 2})


@case("delete of what does not exist is no error", False)
def _(at: Place) -> Any:
    at.doc().delete()
    return at.doc().get().exists


@case("delete may require that it exists", "NotFound")
def _(at: Place) -> Any:
    at.doc().delete(at.database.write_option(exists=True))


@case("a stale update time is refused", "FailedPrecondition")
def _(at: Place) -> Any:
    seen = at.doc().set({"n": 1}).update_time
    at.doc().set({"n": 2})
    at.doc().update({"n": 3}, at.database.write_option(last_update_time=seen))


@case("the present update time is accepted", {"n": 2})
def _(at: Place) -> Any:
    seen = at.doc().set({"n": 1}).update_time
    at.doc().update({"n": 2}, at.database.write_option(last_update_time=seen))
    return at.doc().get().to_dict()


@case("a write that changes nothing keeps the update time", True)
def _(at: Place) -> Any:
    first = at.doc().set({"n": 1, "m": {"a": [1]}}).update_time
    at.doc().set({"m": {"a": [1]}, "n": 1})
    return at.doc().get().update_time == first


@case("an integer that becomes a double is a change", False)
def _(at: Place) -> Any:
    first = at.doc().set({"n": 1}).update_time
    at.doc().set({"n": 1.0})
    return at.doc().get().update_time == first


@case("the create time outlives changes, not deletion", (True, False))
def _(at: Place) -> Any:
    at.doc().set({"n": 1})
    made = at.doc().get().create_time
    at.doc().set({"n": 2})
    kept = at.doc().get().create_time == made
    at.doc().delete()
    at.doc().set({"n": 2})
    return kept, at.doc().get().create_time == made


CUT = "embedded: production's have microseconds, the jar cuts them at milliseconds"


@case("the server timestamp is the time of the commit", True, official=False, why=CUT)
def _(at: Place) -> Any:
    equal = []
    for number in range(5):  # one of them may fall on a whole millisecond
        written = at.doc().set({"n": number, "at": firestore.SERVER_TIMESTAMP})
        equal.append(at.doc().get().get("at") == written.update_time)
    return all(equal)


@case("server timestamps have microseconds", True, official=False, why=CUT)
def _(at: Place) -> Any:
    found = []
    for number in range(5):
        at.doc().set({"n": number, "t": firestore.SERVER_TIMESTAMP})
        found.append(at.doc().get().get("t").microsecond % 1000)
    return any(found)


@case("a missing field is incremented from nothing", {"n": 2})
def _(at: Place) -> Any:
    return after(at, {}, {"n": firestore.Increment(2)})


@case("integer plus double is a double", {"n": 1.5})
def _(at: Place) -> Any:
    return after(at, {"n": 1}, {"n": firestore.Increment(0.5)})


@case("a text is replaced by its increment", {"n": 3})
def _(at: Place) -> Any:
    return after(at, {"n": "x"}, {"n": firestore.Increment(3)})


@case("integers stop at their largest", {"n": 2**63 - 1})
def _(at: Place) -> Any:
    return after(at, {"n": 2**63 - 2}, {"n": firestore.Increment(9)})


@case("maximum and minimum compare across number types", {"a": 2.5, "b": 1})
def _(at: Place) -> Any:
    change = {"a": firestore.Maximum(2.5), "b": firestore.Minimum(1.5)}
    return after(at, {"a": 2, "b": 1}, change)


@case("an array takes only what it lacks; 1 equals 1.0", {"a": [1, 2, "x"]})
def _(at: Place) -> Any:
    return after(at, {"a": [1, 2]}, {"a": firestore.ArrayUnion([1.0, "x", "x"])})


@case("an array loses every equal element", {"a": [2]})
def _(at: Place) -> Any:
    return after(at, {"a": [1, 2, 1]}, {"a": firestore.ArrayRemove([1, 3])})


@case("array transforms replace what is no array", {"a": ["x"], "b": []})
def _(at: Place) -> Any:
    change = {"a": firestore.ArrayUnion(["x"]), "b": firestore.ArrayRemove(["x"])}
    return after(at, {"a": 5, "b": 5}, change)


@case("a transform's result comes with the answer", [7])
def _(at: Place) -> Any:
    at.doc().set({"n": 5})
    result = at.doc().update({"n": firestore.Increment(2)})
    return [value.integer_value for value in result.transform_results]


@case("a batch is written whole or not at all", ("NotFound", False))
def _(at: Place) -> Any:
    batch = at.database.batch()
    batch.set(at.doc("a"), {})
    batch.update(at.doc("none"), {"a": 1})
    try:
        batch.commit()
    except Exception as error:
        return type(error).__name__, at.doc("a").get().exists


@case("a batch writes one document twice, in order", {"n": 3})
def _(at: Place) -> Any:
    batch = at.database.batch()
    batch.set(at.doc(), {"n": 1})
    batch.update(at.doc(), {"n": firestore.Increment(2)})
    batch.commit()
    return at.doc().get().to_dict()


@case("a bulk writer's writes fail one by one", [True, False, True])
def _(at: Place) -> Any:
    at.doc("b").set({})
    bulk = at.database.bulk_writer()
    bulk.on_write_error(lambda error, writer: False)  # no further try
    for name in "abc":
        bulk.create(at.doc(name), {"new": True})
    bulk.close()
    return [at.doc(name).get().to_dict() == {"new": True} for name in "abc"]


VALUES: dict[str, Any] = {
    "null": None,
    "nan": float("inf"),
    "zero": -0.0,
    "big": 2**63 - 1,
    "text": "ä€😀",
    "bytes": b"\0\xff",
    "map": {},
    "list": [],
    "deep": [{"a": [{"b": None}]}],
}


@case("values of every type come back", VALUES)
def _(at: Place) -> Any:
    return after(at, VALUES)


@case("references, places and vectors come back", (True, (1.5, -2.5), [1.0, 2.0]))
def _(at: Place) -> Any:
    place, vector = firestore.GeoPoint(1.5, -2.5), Vector([1.0, 2.0])
    data = after(at, {"r": at.doc("b"), "g": place, "v": vector})
    return data["r"] == at.doc("b"), (data["g"].latitude, data["g"].longitude), list(data["v"])


@case("times are cut to microseconds", 123456000)
def _(at: Place) -> Any:
    name = at.doc()._document_path
    fine = {"timestamp_value": {"seconds": 1, "nanos": 123_456_789}}
    write = {"update": {"name": name, "fields": {"t": fine}}}
    api = at.database._firestore_api
    api.commit({"database": at.database._database_string, "writes": [write]})
    return api.get_document({"name": name}).fields["t"].timestamp_value.nanosecond


@case("a document above 1 MiB is refused", "InvalidArgument")
def _(at: Place) -> Any:
    at.doc().set({"a": "x" * 1_048_577})


@case("an id of two underscores on either side is reserved", "InvalidArgument")
def _(at: Place) -> Any:
    at.doc("__a__").set({})


@case("maps nest twenty deep and no deeper", "InvalidArgument")
def _(at: Place) -> Any:
    data: dict[str, Any] = {}
    for _step in range(21):
        data = {"a": data}
    at.doc().set(data)


@case("many documents are read in one request", [("a", True), ("b", False)])
def _(at: Place) -> Any:
    at.doc("a").set({})
    found = at.database.get_all([at.doc("a"), at.doc("b")])
    return sorted((snapshot.id, snapshot.exists) for snapshot in found)


@case("a read may name the fields it wants", {"a": 1, "m": {"x": 2}})
def _(at: Place) -> Any:
    at.doc().set({"a": 1, "b": 2, "m": {"x": 2, "y": 3}})
    return at.doc().get(["a", "m.x"]).to_dict()


@case("the past can be read", {"n": 1})
def _(at: Place) -> Any:
    at.doc().set({"n": 1})
    then = at.doc().get().read_time
    time.sleep(0.01)
    at.doc().set({"n": 2})
    return at.doc().get(read_time=then).to_dict()


@case("a document without fields exists, one with children alone does not", (True, False))
def _(at: Place) -> Any:
    at.doc("a").set({})
    at.doc("b").collection("c").document("d").set({})
    return at.doc("a").get().exists, at.doc("b").get().exists


@case("parents that do not exist are listed", ["a", "b"])
def _(at: Place) -> Any:
    at.doc("a").set({})
    at.doc("b").collection("c").document("d").set({})
    return [reference.id for reference in at.all().list_documents()]


@case("a document's collections are listed", ["x", "y"])
def _(at: Place) -> Any:
    for name in "yx":
        at.doc().collection(name).document("d").set({})
    return [collection.id for collection in at.doc().collections()]


@case("recursive deletion leaves nothing", ([], []))
def _(at: Place) -> Any:
    at.doc().collection("x").document("d").set({})
    at.doc().set({})
    at.database.recursive_delete(at.all())
    return list(at.all().list_documents()), list(at.doc().collections())
