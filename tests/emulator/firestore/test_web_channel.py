"""The web channel, request by request."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud import firestore

from emulator.suite import Suite

DATABASE = "projects/demo-avatar/databases/(default)"
PARENT = f"{DATABASE}/documents"
HANDSHAKE = {"VER": "8", "RID": "100", "CVER": "22", "t": "1"}


class Channel:
    """One channel, as the browser's library drives it."""

    def __init__(self, http: httpx.Client, stream: str, *requests: dict[str, Any]) -> None:
        self._http = http
        self._path = f"/google.firestore.v1.Firestore/{stream}/channel"
        (greeting,) = arrays(http.post(self._path, params=HANDSHAKE, data=maps(0, *requests)).text)
        assert greeting[0] == 0
        self.greeting = greeting[1]
        self.query = {"VER": "8", "SID": self.greeting[1]}

    def send(self, first: int, *requests: dict[str, Any]) -> list[Any]:
        answer = self._http.post(self._path, params=self.query, data=maps(first, *requests))
        assert answer.status_code == 200
        return sized(answer.text)[0]

    def receive(self, acknowledged: int = 0) -> list[Any]:
        """One long GET that ends with the first piece."""
        query = {**self.query, "RID": "rpc", "AID": str(acknowledged), "CI": "1"}
        return arrays(self._http.get(self._path, params=query).text)

    def request(self, method: str, **query: str) -> httpx.Response:
        return self._http.request(method, self._path, params={**self.query, **query})

    def stream(self, acknowledged: int = 0) -> Any:
        query = {**self.query, "RID": "rpc", "AID": str(acknowledged), "CI": "0"}
        return self._http.stream("GET", self._path, params=query)


def maps(first: int, *requests: dict[str, Any]) -> dict[str, str]:
    form = {"count": str(len(requests)), "ofs": str(first)}
    return form | {f"req{i}___data__": json.dumps(one) for i, one in enumerate(requests)}


def sized(text: str) -> list[Any]:
    """Take apart texts that follow their lengths."""
    found = []
    while text:
        length, _, rest = text.partition("\n")
        found.append(json.loads(rest[: int(length)]))
        text = rest[int(length) :]
    return found


def arrays(text: str) -> list[Any]:
    return [array for piece in sized(text) for array in piece]


def listen_to(name: str, target_id: int = 2) -> dict[str, Any]:
    documents = {"documents": [f"{PARENT}/{name}"]}
    return {"database": DATABASE, "addTarget": {"targetId": target_id, "documents": documents}}


def put(name: str, value: int) -> dict[str, Any]:
    fields = {"n": {"integerValue": value}}
    return {"writes": [{"update": {"name": f"{PARENT}/{name}", "fields": fields}}]}


@pytest.fixture
def http(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{suite.firestore_address}", timeout=20) as client:
        yield client


def test_a_listener_receives_changes(http: httpx.Client, database: firestore.Client) -> None:
    channel = Channel(http, "Listen", listen_to("rooms/a"))
    assert channel.greeting[0] == "c"
    told = channel.receive()
    assert [number for number, _ in told] == list(range(1, len(told) + 1))
    assert told[0][1] == [{"targetChange": {"targetChangeType": "ADD", "targetIds": [2]}}]
    database.document("rooms/a").set({"text": "ä€😀"})
    ((number, (change,)), _) = channel.receive(told[-1][0])
    assert number == told[-1][0] + 1
    assert change["documentChange"]["document"]["fields"] == {"text": {"stringValue": "ä€😀"}}


def test_what_was_not_acknowledged_is_sent_again(http: httpx.Client) -> None:
    channel = Channel(http, "Listen", listen_to("rooms/a"))
    told = channel.receive()
    assert channel.receive() == told
    assert channel.receive(1) == told[1:]


def test_maps_that_came_before_are_skipped(http: httpx.Client, database: firestore.Client) -> None:
    channel = Channel(http, "Write", {"database": DATABASE})
    increment = {
        "update": {"name": f"{PARENT}/rooms/a"},
        "updateMask": {"fieldPaths": []},
        "updateTransforms": [{"fieldPath": "n", "increment": {"integerValue": 1}}],
    }
    assert channel.send(1, {"writes": [increment]})[:2] == [0, 2]
    assert channel.send(1, {"writes": [increment]}, {"writes": [increment]})[:2] == [0, 3]
    assert database.document("rooms/a").get().to_dict() == {"n": 2}


def test_a_refused_write_ends_the_stream_with_its_reason(
    http: httpx.Client, database: firestore.Client
) -> None:
    channel = Channel(http, "Write", {"database": DATABASE})
    refused = put("rooms/a", 1)
    refused["writes"][0]["currentDocument"] = {"exists": True}
    channel.send(1, refused, put("rooms/b", 1))
    *_, (_, (error,)) = channel.receive()
    assert (error["error"]["code"], error["error"]["status"]) == (404, "NOT_FOUND")
    assert not database.document("rooms/b").get().exists
    assert channel.receive(2) == []


def test_malformed_requests_are_answered_in_the_stream(http: httpx.Client) -> None:
    channel = Channel(http, "Listen", {"colour": "red"})
    ((_, (error,)),) = channel.receive()
    assert error["error"]["status"] == "INVALID_ARGUMENT"
    assert "colour" in error["error"]["message"]


def test_a_long_get_streams_and_a_new_one_takes_its_place(
    http: httpx.Client, database: firestore.Client
) -> None:
    channel = Channel(http, "Listen", listen_to("rooms/a"))
    with channel.stream() as old:
        pieces = old.iter_text()
        told = arrays(next(pieces))
        assert channel.send(1, listen_to("rooms/b", 4))[0] == 1
        told += arrays(next(pieces))
        assert told[-1][1][0]["targetChange"]["resumeToken"]
        with channel.stream(told[-1][0]) as new:
            database.document("rooms/b").set({"n": 1})
            ((_, (change,)), _) = arrays(next(new.iter_text()))
            assert change["documentChange"]["targetIds"] == [4]
            assert list(pieces) == []


def test_a_long_get_ends_before_it_is_endless(http: httpx.Client) -> None:
    channel = Channel(http, "Write", {"database": DATABASE})
    channel.send(1, *[{"writes": []}] * 600)
    with channel.stream() as answer:
        told = arrays("".join(answer.iter_text()))
    assert [number for number, _ in told] == list(range(1, 602))
    channel.send(601, {"writes": []})
    assert [number for number, _ in channel.receive(601)] == [602]


def test_a_post_acknowledges_too(http: httpx.Client) -> None:
    channel = Channel(http, "Write", {"database": DATABASE})
    channel.query["AID"] = "1"
    channel.send(1, {"writes": []})
    assert [number for number, _ in channel.receive(0)] == [2]


def test_a_terminated_channel_is_unknown(http: httpx.Client) -> None:
    channel = Channel(http, "Listen", listen_to("rooms/a"))
    assert channel.request("GET", TYPE="terminate").status_code == 200
    answer = channel.request("GET", RID="rpc", AID="0")
    assert (answer.status_code, answer.text) == (400, "Unknown SID")


@pytest.mark.parametrize("path", ["Listen", "Commit/channel", "channel"])
def test_other_channels_do_not_exist(http: httpx.Client, path: str) -> None:
    assert http.post(f"/google.firestore.v1.Firestore/{path}").status_code == 404


def test_an_open_channel_does_not_keep_the_cloud_from_stopping() -> None:
    suite = Suite()
    suite.start()
    with httpx.Client(base_url=f"http://{suite.firestore_address}", timeout=20) as http:
        channel = Channel(http, "Listen", listen_to("rooms/a"))
        with channel.stream() as answer:
            pieces = answer.iter_text()
            next(pieces)
            suite.stop()
            assert list(pieces) == []
