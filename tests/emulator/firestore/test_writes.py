"""Writes over gRPC, by the ordinary client: preconditions, masks, transforms, atomicity."""

import math
from typing import Any

import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    GoogleAPICallError,
    InvalidArgument,
    NotFound,
)
from google.cloud import firestore
from google.cloud.firestore_v1.transforms import Maximum, Minimum
from google.cloud.firestore_v1.types import Precondition, Write

DOCUMENTS = "projects/demo-avatar/databases/(default)/documents"
ALL_TYPES = {
    "null": None,
    "bool": True,
    "int": -(2**63),
    "double": 1.5,
    "infinite": math.inf,
    "text": "größer",
    "bytes": b"\x00\xff",
    "point": firestore.GeoPoint(50.5, -7.25),
    "list": [1, "two", {"three": 3.0}],
    "map": {"nested": {"deeper": [True]}, "odd key.with `ticks`": 1},
    "empty list": [],
    "empty map": {},
}


def test_every_type_comes_back_as_it_was(database: firestore.Client) -> None:
    reference = database.document("avatars/ada")
    values = {**ALL_TYPES, "reference": database.document("avatars/grace")}
    reference.set(values)
    assert reference.get().to_dict() == values


def test_a_missing_document_does_not_exist(database: firestore.Client) -> None:
    snapshot = database.document("avatars/nobody").get()
    assert not snapshot.exists
    assert snapshot.read_time is not None


def test_set_replaces_and_merge_keeps(database: firestore.Client) -> None:
    reference = database.document("avatars/ada")
    reference.set({"a": 1, "map": {"x": 1, "y": 1}})
    reference.set({"map": {"y": 2}}, merge=True)
    assert reference.get().to_dict() == {"a": 1, "map": {"x": 1, "y": 2}}
    reference.set({"b": 1})
    assert reference.get().to_dict() == {"b": 1}


def test_writes_of_one_batch_see_each_other_in_order(database: firestore.Client) -> None:
    reference, other = database.document("avatars/ada"), database.document("avatars/grace")
    other.set({"a": 1})
    batch = database.batch()
    batch.create(reference, {"a": 1})
    batch.update(reference, {"b": 2})
    batch.delete(other)
    batch.create(other, {"c": 3})
    batch.commit()
    assert reference.get().to_dict() == {"a": 1, "b": 2}
    assert other.get().to_dict() == {"c": 3}


def test_update_reaches_field_paths_and_deletes(database: firestore.Client) -> None:
    reference = database.document("avatars/ada")
    reference.set({"training": {"status": "idle", "old": 1}, "plain": "x", "`odd`": 1})
    reference.update(
        {
            "training.livePortrait": {"drivingMultiplier": 0.4},
            "training.old": firestore.DELETE_FIELD,
            "plain.becomes.map": 1,
        }
    )
    assert reference.get().to_dict() == {
        "training": {"status": "idle", "livePortrait": {"drivingMultiplier": 0.4}},
        "plain": {"becomes": {"map": 1}},
        "`odd`": 1,
    }


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (
            lambda database: database.document("avatars/nobody").update({"a": 1}),
            NotFound,
            f"No document to update: {DOCUMENTS}/avatars/nobody",
        ),
        (
            lambda database: database.document("avatars/ada").create({"a": 2}),
            AlreadyExists,
            f"Document already exists: {DOCUMENTS}/avatars/ada",
        ),
        (
            lambda database: database.document("avatars/nobody").delete(
                database.write_option(exists=True)
            ),
            NotFound,
            "No document to update",
        ),
        (
            lambda database: database.document("avatars/ada").update({"big": "x" * 1_100_000}),
            InvalidArgument,
            "exceeds the maximum allowed size",
        ),
    ],
    ids=["update-missing", "create-existing", "delete-missing", "too-large"],
)
def test_refused_writes_name_the_document(
    database: firestore.Client, write: Any, error: type[GoogleAPICallError], message: str
) -> None:
    database.document("avatars/ada").set({"a": 1})
    with pytest.raises(error) as caught:
        write(database)
    assert message in str(caught.value)
    assert database.document("avatars/ada").get().to_dict() == {"a": 1}


def test_a_stale_update_time_is_refused(database: firestore.Client) -> None:
    reference = database.document("avatars/ada")
    first = reference.set({"a": 1}).update_time
    reference.update({"a": 2}, database.write_option(last_update_time=first))
    with pytest.raises(FailedPrecondition, match="does not match the required base version"):
        reference.update({"a": 3}, database.write_option(last_update_time=first))
    with pytest.raises(FailedPrecondition):
        reference.delete(database.write_option(last_update_time=first))
    assert reference.get().to_dict() == {"a": 2}


def test_a_batch_is_applied_whole_or_not_at_all(database: firestore.Client) -> None:
    batch = database.batch()
    batch.set(database.document("avatars/ada"), {"a": 1})
    batch.update(database.document("avatars/nobody"), {"a": 1})
    with pytest.raises(NotFound):
        batch.commit()
    assert not database.document("avatars/ada").get().exists


def test_a_batch_has_one_commit_time(database: firestore.Client) -> None:
    batch = database.batch()
    references = [database.document(f"avatars/{name}") for name in ("ada", "grace")]
    for reference in references:
        batch.set(reference, {"at": firestore.SERVER_TIMESTAMP})
    batch.commit()
    snapshots = [reference.get() for reference in references]
    times = {snapshot.get("at") for snapshot in snapshots} | {
        snapshot.update_time for snapshot in snapshots
    }
    assert times == {batch.commit_time}


def test_a_write_that_changes_nothing_keeps_the_update_time(database: firestore.Client) -> None:
    reference = database.document("avatars/ada")
    written = reference.set({"a": 1, "nan": math.nan}).update_time
    assert reference.set({"a": 1, "nan": math.nan}).update_time == written
    assert reference.update({"a": 1}).update_time == written
    assert reference.get().update_time == written
    assert reference.update({"a": 1.0}).update_time > written


def test_server_timestamps_have_microseconds(database: firestore.Client) -> None:
    reference = database.document("avatars/ada")
    stamps = []
    for _ in range(20):
        reference.set({"at": firestore.SERVER_TIMESTAMP})
        stamps.append(reference.get().get("at"))
    assert stamps == sorted(set(stamps))
    assert any(stamp.microsecond % 1000 for stamp in stamps)


@pytest.mark.parametrize(
    ("before", "transform", "after"),
    [
        (1, firestore.Increment(2), 3),
        (1, firestore.Increment(0.5), 1.5),
        ("text", firestore.Increment(2), 2),
        (2**63 - 1, firestore.Increment(1), 2**63 - 1),
        (3, Maximum(5), 5),
        (3, Maximum(1), 3),
        (3, Minimum(1.5), 1.5),
        ([1, 2], firestore.ArrayUnion([2.0, 3, 3]), [1, 2, 3]),
        ([1, 2, 1], firestore.ArrayRemove([1]), [2]),
        ("text", firestore.ArrayRemove([1]), []),
        (firestore.DELETE_FIELD, firestore.Increment(2), 2),
        (firestore.DELETE_FIELD, firestore.ArrayUnion([1]), [1]),
    ],
)
def test_transforms(database: firestore.Client, before: Any, transform: Any, after: Any) -> None:
    reference = database.document("avatars/ada")
    reference.set({"other": 1})
    reference.update({"deep.value": before})
    reference.update({"deep.value": transform})
    result = reference.get().get("deep.value")
    assert result == after
    assert type(result) is type(after)


def test_the_answer_tells_what_transforms_made(database: firestore.Client) -> None:
    reference = database.document("avatars/ada")
    reference.set({"count": 1})
    result = reference.update({"count": firestore.Increment(4), "list": firestore.ArrayUnion([1])})
    assert [value.integer_value for value in result.transform_results] == [5, 0]


def test_delete_and_create_again(database: firestore.Client) -> None:
    reference = database.document("avatars/ada")
    first = reference.create({"a": 1})
    reference.delete()
    reference.delete()
    assert not reference.get().exists
    second = reference.create({"a": 1})
    assert second.update_time > first.update_time
    assert reference.get().create_time == second.update_time


def test_batch_write_answers_for_each_write(database: firestore.Client) -> None:
    database.document("avatars/ada").set({"a": 1})
    name = database.document("avatars/ada")._document_path
    other = database.document("avatars/grace")._document_path
    answer = database._firestore_api.batch_write(
        {
            "database": database._database_string,
            "writes": [
                Write(update={"name": name}, current_document=Precondition(exists=False)),
                Write(update={"name": other}),
            ],
        }
    )
    assert [status.code for status in answer.status] == [6, 0]
    assert "already exists" in answer.status[0].message
    assert database.document("avatars/grace").get().exists


def test_a_bulk_writer_writes_all(database: firestore.Client) -> None:
    writer = database.bulk_writer()
    for number in range(45):
        writer.set(database.document(f"numbers/{number}"), {"n": number})
    writer.close()
    assert len(list(database.collection("numbers").list_documents())) == 45


@pytest.mark.parametrize(
    "name",
    [
        "projects/p/databases/d/documents/avatars",
        "projects/p/databases/d/documents/avatars//x",
        "projects/p/databases/d/elsewhere/avatars/x",
        "avatars/x",
    ],
)
def test_malformed_names_are_refused(database: firestore.Client, name: str) -> None:
    with pytest.raises(InvalidArgument, match="avatars"):
        database._firestore_api.commit(
            {"database": database._database_string, "writes": [{"delete": name}]}
        )


def test_other_projects_and_databases_are_apart(suite: object, database: firestore.Client) -> None:
    database.document("avatars/ada").set({"a": 1})
    for other in (firestore.Client(project="other"), firestore.Client(database="second")):
        assert not other.document("avatars/ada").get().exists
        other.document("avatars/ada").set({"b": 1})
        other.close()
    assert database.document("avatars/ada").get().to_dict() == {"a": 1}
