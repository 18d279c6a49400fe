"""Firestore over REST, on the port that also speaks gRPC."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud import firestore

from emulator.control.handle import Control
from emulator.suite import Suite

DATABASE = "projects/demo-avatar/databases/(default)"
PARENT = f"{DATABASE}/documents"


@pytest.fixture
def http(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{suite.firestore_address}/v1/{DATABASE}") as client:
        yield client


def number(value: int) -> dict[str, Any]:
    return {"fields": {"n": {"integerValue": str(value)}}}


def test_a_document_lives_and_dies(http: httpx.Client, database: firestore.Client) -> None:
    created = http.post("/documents/rooms", params={"documentId": "a"}, json=number(1))
    assert created.status_code == 200
    assert created.json()["name"] == f"{PARENT}/rooms/a"
    again = http.post("/documents/rooms", params={"documentId": "a"}, json=number(1))
    assert (again.status_code, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert database.document("rooms/a").get().to_dict() == {"n": 1}
    assert http.get("/documents/rooms/a").json() == created.json()
    mask = {"updateMask.fieldPaths": ["m", "n"], "mask.fieldPaths": "m"}
    changed = {"fields": {"m": {"booleanValue": True}}}
    updated = http.patch("/documents/rooms/a", params=mask, json=changed).json()
    assert updated["fields"] == changed["fields"]
    assert database.document("rooms/a").get().to_dict() == {"m": True}
    listed = http.get("/documents/rooms", params={"pageSize": 1}).json()
    assert [one["name"] for one in listed["documents"]] == [f"{PARENT}/rooms/a"]
    assert http.delete("/documents/rooms/a").json() == {}
    missing = http.delete("/documents/rooms/a", params={"currentDocument.exists": "true"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, 404)


def test_names_are_decoded(http: httpx.Client, database: firestore.Client) -> None:
    http.patch("/documents/rooms/%C3%A4%20b%3Ac", json=number(1))
    assert database.document("rooms/ä b:c").get().to_dict() == {"n": 1}


def test_queries_and_batches_answer_lists(http: httpx.Client, control: Control) -> None:
    for value in range(4):
        http.patch(f"/documents/rooms/r{value}", json=number(value))
    wanted = {
        "from": [{"collectionId": "rooms"}],
        "where": {
            "fieldFilter": {
                "field": {"fieldPath": "n"},
                "op": "GREATER_THAN",
                "value": {"integerValue": 1},
            }
        },
        "orderBy": [{"field": {"fieldPath": "n"}, "direction": "DESCENDING"}],
    }
    found = http.post("/documents:runQuery", json={"structuredQuery": wanted}).json()
    assert [one["document"]["name"][-2:] for one in found] == ["r3", "r2"]
    aggregation = {"structuredQuery": wanted, "aggregations": [{"alias": "all", "count": {}}]}
    (counted,) = http.post(
        "/documents:runAggregationQuery", json={"structuredAggregationQuery": aggregation}
    ).json()
    assert counted["result"]["aggregateFields"] == {"all": {"integerValue": "2"}}
    names = [f"{PARENT}/rooms/{name}" for name in ("r1", "none")]
    one, none = http.post("/documents:batchGet", json={"documents": names}).json()
    assert (one["found"]["name"], none["missing"]) == tuple(names)
    assert http.post("/documents:listCollectionIds").json() == {"collectionIds": ["rooms"]}
    assert control.calls()["firestore.RunQuery"] == 1


def test_a_transaction_commits_or_is_aborted(
    http: httpx.Client, database: firestore.Client
) -> None:
    reference = database.document("rooms/a")
    reference.set({"n": 1})
    for overtaken, status in ((False, 200), (True, 409)):
        transaction = http.post("/documents:beginTransaction", json={}).json()["transaction"]
        http.get("/documents/rooms/a", params={"transaction": transaction})
        if overtaken:
            reference.update({"n": 9})
        write = {"update": {"name": f"{PARENT}/rooms/a", **number(2)}}
        answer = http.post(
            "/documents:commit", json={"writes": [write], "transaction": transaction}
        )
        assert answer.status_code == status
    assert reference.get().get("n") == 9


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", ":commit", b"{", 400, "Invalid JSON"),
        ("POST", ":commit", b"[]", 400, "no object"),
        ("POST", ":commit", b'{"colour": 1}', 400, "colour"),
        ("POST", ":runQuery", b"{}", 400, "one collection"),
        ("GET", "/rooms/none", b"", 404, "rooms/none"),
        ("POST", "/rooms/a", b"{}", 404, "no POST"),
        ("PUT", "/rooms/a", b"{}", 404, "no PUT"),
    ],
)
def test_refusals_are_google_s(
    http: httpx.Client, method: str, path: str, body: bytes, status: int, message: str
) -> None:
    answer = http.request(method, f"/documents{path}", content=body)
    assert answer.status_code == status
    error = answer.json()
    error = error[0]["error"] if isinstance(error, list) else error["error"]
    assert error["code"] == status
    assert message in error["message"]


def test_every_kind_of_value_comes_back(http: httpx.Client) -> None:
    fields = {
        "null": {"nullValue": None},
        "nan": {"doubleValue": "NaN"},
        "infinite": {"doubleValue": "-Infinity"},
        "double": {"doubleValue": 0.1},
        "huge": {"integerValue": str(2**63 - 1)},
        "time": {"timestampValue": "2026-11-20T10:00:00.123456Z"},
        "bytes": {"bytesValue": "AP8="},
        "reference": {"referenceValue": f"{PARENT}/a/b"},
        "place": {"geoPointValue": {"latitude": 1.5, "longitude": -2.5}},
        "list": {"arrayValue": {"values": [{"stringValue": "ä€😀"}]}},
        "map": {"mapValue": {"fields": {"x": {"booleanValue": False}}}},
    }
    assert http.patch("/documents/kinds/a", json={"fields": fields}).json()["fields"] == fields


def test_pages_of_other_origins_are_let_in_by_name(suite: Suite) -> None:
    headers = {
        "Origin": "http://app.example:5000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-goog-api-client",
    }
    answer = httpx.options(f"http://{suite.firestore_address}/v1/{PARENT}:commit", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "http://app.example:5000"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-headers"] == "content-type,x-goog-api-client"


def test_a_database_is_emptied_where_the_official_emulator_empties_it(
    suite: Suite, database: firestore.Client
) -> None:
    other = firestore.Client(database="second")
    for client in (database, other):
        client.document("rooms/a").set({})
    path = "/emulator/v1/projects/demo-avatar/databases/(default)/documents"
    assert httpx.delete(f"http://{suite.firestore_address}{path}").json() == {}
    assert list(database.collections()) == []
    assert other.document("rooms/a").get().exists
    database.document("rooms/a").set({"n": 1})
    assert [one.id for one in database.collection("rooms").stream()] == ["a"]
    other.close()


def test_the_port_waits_for_enough_to_tell_the_protocol(suite: Suite) -> None:
    host, _, port = suite.firestore_address.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (b"P", b"UT / HTTP/1.1\r\nHost: x\r\n", b"Connection: close\r\n\r\n"):
            connection.sendall(piece)
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 404")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"PR")
    assert httpx.get(f"http://{suite.firestore_address}/").text == "Ok\n"
