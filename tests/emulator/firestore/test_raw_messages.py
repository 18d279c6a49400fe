"""Requests that the ordinary client rarely sends, by its message types."""

from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud import firestore
from google.cloud.firestore_v1 import types

from emulator.control.handle import Control
from emulator.faults import Fault, FaultKind

PARENT = "projects/demo-avatar/databases/(default)/documents"


@pytest.fixture
def numbers(database: firestore.Client) -> firestore.CollectionReference:
    collection = database.collection("numbers")
    for number in range(5):
        collection.document(f"n{number}").set({"n": number, "even": number % 2 == 0})
    return collection


def commit(database: firestore.Client, *writes: dict[str, Any], **fields: Any) -> Any:
    request = {"database": database._database_string, "writes": list(writes), **fields}
    return database._firestore_api.commit(request)


def test_a_transform_may_be_a_write_of_its_own(
    database: firestore.Client, numbers: firestore.CollectionReference
) -> None:
    transform = {
        "document": f"{PARENT}/numbers/n3",
        "field_transforms": [{"field_path": "n", "increment": {"integer_value": 4}}],
    }
    answer = commit(database, {"transform": transform, "current_document": {"exists": True}})
    assert answer.write_results[0].transform_results[0].integer_value == 7
    assert numbers.document("n3").get().to_dict() == {"n": 7, "even": False}


@pytest.mark.parametrize(
    ("write", "message"),
    [
        ({}, "update, delete and transform"),
        (
            {
                "update": {"name": f"{PARENT}/a/b"},
                "update_mask": {"field_paths": ["a.b", "a"]},
            },
            "contains the other",
        ),
        (
            {
                "update": {"name": f"{PARENT}/a/b"},
                "update_transforms": [{"field_path": "n", "increment": {"string_value": "1"}}],
            },
            "numeric",
        ),
        (
            {"update": {"name": f"{PARENT}/a/b"}, "update_transforms": [{"field_path": "n"}]},
            "no known transform",
        ),
        (
            {
                "update": {"name": f"{PARENT}/a/b"},
                "update_transforms": [{"field_path": "n", "set_to_server_value": 0}],
            },
            "REQUEST_TIME",
        ),
    ],
)
def test_malformed_writes_are_refused(
    database: firestore.Client, write: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        commit(database, write)


def test_one_commit_may_write_a_document_twice(database: firestore.Client) -> None:
    name = f"{PARENT}/a/b"
    answer = commit(
        database,
        {"update": {"name": name, "fields": {"n": {"integer_value": 1}}}},
        {
            "update": {"name": name},
            "update_mask": {"field_paths": []},
            "update_transforms": [{"field_path": "n", "increment": {"integer_value": 1}}],
        },
        {"delete": f"{PARENT}/a/c"},
    )
    assert database.document("a/b").get().to_dict() == {"n": 2}
    first, second, deleted = answer.write_results
    assert first.update_time == second.update_time == answer.commit_time
    assert "update_time" not in deleted


def test_batch_write_takes_a_document_once(database: firestore.Client) -> None:
    with pytest.raises(InvalidArgument, match="only one write"):
        database._firestore_api.batch_write(
            {"database": database._database_string, "writes": [{"delete": f"{PARENT}/a/b"}] * 2}
        )


def test_a_read_may_begin_its_transaction(
    database: firestore.Client, numbers: firestore.CollectionReference
) -> None:
    (answer,) = database._firestore_api.batch_get_documents(
        {
            "database": database._database_string,
            "documents": [f"{PARENT}/numbers/n1"],
            "new_transaction": {"read_write": {}},
        }
    )
    assert answer.found.fields["n"].integer_value == 1
    numbers.document("n1").update({"n": 11})
    with pytest.raises(Exception, match="contention"):
        commit(database, {"delete": f"{PARENT}/numbers/n1"}, transaction=answer.transaction)

    query = {"parent": PARENT, "structured_query": {"from_": [{"collection_id": "numbers"}]}}
    first, *rest = database._firestore_api.run_query(
        {**query, "new_transaction": {"read_only": {}}}
    )
    assert first.transaction
    assert len(rest) == 5
    with pytest.raises(InvalidArgument, match="read-only"):
        commit(database, {"delete": f"{PARENT}/numbers/n1"}, transaction=first.transaction)


def test_documents_are_listed_in_an_order_with_a_mask(
    database: firestore.Client, numbers: firestore.CollectionReference
) -> None:
    request: dict[str, Any] = {
        "parent": PARENT,
        "collection_id": "numbers",
        "order_by": "even desc, n",
        "mask": {"field_paths": ["n"]},
        "page_size": 2,
    }
    listed = [
        {name: value.integer_value for name, value in document.fields.items()}
        for document in database._firestore_api.list_documents(request)
    ]
    assert listed == [{"n": number} for number in (0, 2, 4, 1, 3)]
    with pytest.raises(InvalidArgument, match="show_missing"):
        list(database._firestore_api.list_documents({**request, "show_missing": True}))
    with pytest.raises(InvalidArgument, match="page_token"):
        list(database._firestore_api.list_documents({**request, "page_token": "x"}))


def aggregate(database: firestore.Client, *aggregations: dict[str, Any]) -> dict[str, Any]:
    (answer,) = database._firestore_api.run_aggregation_query(
        {
            "parent": PARENT,
            "structured_aggregation_query": {
                "structured_query": {"from_": [{"collection_id": "numbers"}]},
                "aggregations": list(aggregations),
            },
        }
    )
    return dict(answer.result.aggregate_fields)


def test_aggregates_have_their_corners(
    database: firestore.Client, numbers: firestore.CollectionReference
) -> None:
    of_none = {"field": {"field_path": "none"}}
    found = aggregate(
        database,
        {"alias": "few", "count": {"up_to": {"value": 3}}},
        {"alias": "sum", "sum": of_none},
        {"alias": "avg", "avg": of_none},
    )
    assert found["few"] == types.Value(integer_value=3)
    assert found["sum"] == types.Value(integer_value=0)
    assert found["avg"]._pb.WhichOneof("value_type") == "null_value"
    numbers.document("big").set({"n": 2**63 - 1})
    huge = aggregate(database, {"alias": "s", "sum": {"field": {"field_path": "n"}}})
    assert huge["s"].double_value == float(2**63 + 9)
    for aggregation in ({"alias": "x"}, {"alias": "x", "count": {"up_to": {"value": 0}}}):
        with pytest.raises(InvalidArgument):
            aggregate(database, aggregation)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"from_": [{"collection_id": "a"}, {"collection_id": "b"}]},
        {"from_": [{"collection_id": "a"}], "where": {}},
        {"from_": [{"collection_id": "a"}], "where": {"composite_filter": {"op": 1}}},
        {
            "from_": [{"collection_id": "a"}],
            "where": {"field_filter": {"field": {"field_path": "n"}, "op": 0}},
        },
        {
            "from_": [{"collection_id": "a"}],
            "where": {"unary_filter": {"field": {"field_path": "n"}, "op": 0}},
        },
        {"from_": [{"collection_id": "a"}], "start_at": {"values": [{}, {}]}},
        {"from_": [{"collection_id": "a"}], "offset": -1},
    ],
)
def test_malformed_queries_are_refused(database: firestore.Client, query: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        list(database._firestore_api.run_query({"parent": PARENT, "structured_query": query}))


def test_bulk_writes_meet_planned_faults_one_by_one(
    database: firestore.Client, control: Control
) -> None:
    control.plan(Fault(kind=FaultKind.ABORT_COMMIT, prefix="a/b"))
    answer = database._firestore_api.batch_write(
        {
            "database": database._database_string,
            "writes": [{"update": {"name": f"{PARENT}/a/{name}"}} for name in "abc"],
        }
    )
    assert [status.code for status in answer.status] == [0, 10, 0]
    assert [database.document(f"a/{name}").get().exists for name in "abc"] == [True, False, True]
