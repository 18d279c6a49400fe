"""The calls about one document, partitions, the Write stream, and the limits on what is written."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from google.cloud import firestore
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.control.handle import Control
from emulator.suite import Suite

DATABASE = "projects/demo-avatar/databases/(default)"
PARENT = f"{DATABASE}/documents"
NAME = f"{PARENT}/rooms/a"


@pytest.fixture
def api(database: firestore.Client) -> FirestoreClient:
    return database._firestore_api


def number(value: int) -> dict[str, Any]:
    return {"n": {"integer_value": value}}


def create(api: FirestoreClient, **fields: Any) -> Any:
    return api.create_document({"parent": PARENT, "collection_id": "rooms", **fields})


def test_a_document_is_created_under_its_id_once(api: FirestoreClient) -> None:
    created = create(api, document_id="a", document={"fields": number(1)})
    assert created.name == NAME
    assert created.create_time == created.update_time
    with pytest.raises(AlreadyExists, match="already exists"):
        create(api, document_id="a", document={})
    assert api.get_document({"name": NAME}) == created


def test_a_document_without_an_id_gets_one(api: FirestoreClient) -> None:
    first, second = create(api, document={}), create(api, document={})
    assert first.name != second.name
    assert len(first.name.removeprefix(f"{PARENT}/rooms/")) == 20


def test_a_document_is_updated_by_mask_and_precondition(api: FirestoreClient) -> None:
    created = create(api, document_id="a", document={"fields": {**number(1), "m": {}}})
    update = {
        "document": {"name": NAME, "fields": number(2)},
        "update_mask": {"field_paths": ["n"]},
        "mask": {"field_paths": ["n"]},
        "current_document": {"update_time": created.update_time},
    }
    assert dict(api.update_document(update).fields) == {"n": types.Value(integer_value=2)}
    assert sorted(api.get_document({"name": NAME}).fields) == ["m", "n"]
    with pytest.raises(FailedPrecondition, match="base version"):
        api.update_document(update)
    replaced = api.update_document({"document": {"name": NAME, "fields": number(3)}})
    assert sorted(replaced.fields) == ["n"]


def test_a_document_is_deleted(api: FirestoreClient) -> None:
    with pytest.raises(NotFound, match="No document to update"):
        api.delete_document({"name": NAME, "current_document": {"exists": True}})
    create(api, document_id="a", document={})
    api.delete_document({"name": NAME})
    with pytest.raises(NotFound, match="rooms/a"):
        api.get_document({"name": NAME})
    api.delete_document({"name": NAME})


def test_a_document_is_read_in_a_transaction_and_in_the_past(api: FirestoreClient) -> None:
    first = create(api, document_id="a", document={"fields": number(1)})
    transaction = api.begin_transaction({"database": DATABASE}).transaction
    assert api.get_document({"name": NAME, "transaction": transaction}) == first
    api.update_document({"document": {"name": NAME, "fields": number(2)}})
    assert api.get_document({"name": NAME, "transaction": transaction}) == first
    assert api.get_document({"name": NAME, "read_time": first.update_time}) == first


@pytest.mark.parametrize("collection", ["", "a/b/c"])
def test_a_malformed_collection_is_refused(api: FirestoreClient, collection: str) -> None:
    with pytest.raises(InvalidArgument, match="collection_id"):
        create(api, collection_id=collection, document={})


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 20), wanted=st.integers(2, 8))
def test_the_partitions_of_a_group_are_the_group(
    database: firestore.Client, count: int, wanted: int
) -> None:
    group = database.collection_group(f"parts{count}")
    for index in range(count):
        database.document(f"houses/h{index % 3}/parts{count}/p{index}").set({})
    partitions = list(group.get_partitions(wanted))
    found: list[list[str]] = [
        [snapshot.reference.path for snapshot in partition.query().stream()]
        for partition in partitions
    ]
    assert len(partitions) == min(wanted + 1, max(1, count))
    whole = [one.reference.path for one in group.order_by("__name__").stream()]
    assert list(chain.from_iterable(found)) == whole
    assert count == 0 or all(found)


@pytest.mark.parametrize(
    "change",
    [
        {"partition_count": 0},
        {"partition_count": 2, "page_token": "x"},
        {
            "partition_count": 2,
            "structured_query": {"from_": [{"collection_id": "a"}]},
        },
    ],
)
def test_malformed_partition_queries_are_refused(
    api: FirestoreClient, change: dict[str, Any]
) -> None:
    group = {"from_": [{"collection_id": "a", "all_descendants": True}]}
    with pytest.raises(InvalidArgument):
        list(api.partition_query({"parent": PARENT, "structured_query": group, **change}))


def set_write(name: str, value: int) -> dict[str, Any]:
    return {"update": {"name": f"{PARENT}/rooms/{name}", "fields": number(value)}}


def test_a_write_stream_commits_in_a_row(api: FirestoreClient, database: firestore.Client) -> None:
    tokens: list[bytes] = []

    def requests() -> Iterator[dict[str, Any]]:
        yield {"database": DATABASE}
        yield {"stream_token": b"", "writes": [set_write("a", 1), set_write("b", 2)]}
        yield {"stream_token": b"", "writes": [set_write("a", 3)]}

    opened, first, second = api.write(map(types.WriteRequest, requests()))
    assert opened.stream_id
    assert not opened.write_results
    tokens = [answer.stream_token for answer in (opened, first, second)]
    assert len(set(tokens)) == 3
    assert len(first.write_results) == 2
    assert first.commit_time < second.commit_time
    assert database.document("rooms/a").get().to_dict() == {"n": 3}


def test_a_refused_write_ends_its_stream(api: FirestoreClient, database: firestore.Client) -> None:
    refused = {**set_write("a", 1), "current_document": {"exists": True}}
    requests = [{"database": DATABASE}, {"writes": [set_write("b", 1), refused]}]
    answers = iter(api.write(map(types.WriteRequest, requests)))
    assert next(answers).stream_id
    with pytest.raises(NotFound, match="rooms/a"):
        next(answers)
    assert not database.document("rooms/b").get().exists
    with pytest.raises(InvalidArgument, match="first request"):
        list(api.write(map(types.WriteRequest, [{"writes": [set_write("b", 1)]}])))


def nested(depth: int) -> dict[str, Any]:
    return {"deeper": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("path", "data", "message"),
    [
        ("__a__/b", {}, "reserved"),
        ("a/__b__", {}, "reserved"),
        ("a/b", nested(20), "20 levels"),
        ("a/b", {f"f{index}": firestore.SERVER_TIMESTAMP for index in range(501)}, "501"),
    ],
)
def test_limits_are_production_s(
    database: firestore.Client, path: str, data: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        database.document(path).set(data)


def test_an_array_in_an_array_is_refused(api: FirestoreClient) -> None:
    inner: dict[str, Any] = {"array_value": {"values": [{"array_value": {}}]}}
    with pytest.raises(InvalidArgument, match="array value in an array"):
        create(api, document={"fields": {"a": inner}})


def test_numeric_ids_and_deep_maps_within_the_limits_are_stored(
    database: firestore.Client,
) -> None:
    reference = database.document("a/__id7__")
    reference.set(nested(19))
    assert reference.get().to_dict() == nested(19)


def test_a_resumed_target_tells_how_many_documents_there_are(
    api: FirestoreClient, database: firestore.Client
) -> None:
    database.document("rooms/a").set({})
    at = database.document("rooms/b").set({}).update_time
    database.document("rooms/a").delete()
    target = {
        "query": {
            "parent": PARENT,
            "structured_query": {"from_": [{"collection_id": "rooms"}]},
        },
        "target_id": 7,
        "read_time": at,
        "expected_count": 2,
    }
    requests = [types.ListenRequest({"database": DATABASE, "add_target": target})]
    answers = list(api.listen(iter(requests), metadata=[("google-cloud-resource-prefix", "")]))
    (counted,) = [answer.filter for answer in answers if "filter" in answer]
    assert (counted.target_id, counted.count) == (7, 1)
    (deleted,) = [answer.document_delete for answer in answers if "document_delete" in answer]
    assert deleted.document == f"{PARENT}/rooms/a"


def test_databases_and_projects_do_not_mix(
    suite: Suite, database: firestore.Client, control: Control
) -> None:
    clients = [
        firestore.Client(project=project, database=name)
        for project, name in (("demo-avatar", "second"), ("other", "(default)"))
    ]
    for number, client in enumerate([database, *clients]):
        client.document("rooms/a").set({"n": number})
        client.document(f"rooms/only{number}").set({})
    for number, client in enumerate([database, *clients]):
        assert client.document("rooms/a").get().to_dict() == {"n": number}
        group = client.collection_group("rooms").stream()
        assert [one.id for one in group] == ["a", f"only{number}"]
    for client in clients:
        client.close()
