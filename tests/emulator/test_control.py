"""The control endpoint, over HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud import firestore
from google.cloud.storage import Bucket

from emulator.control.handle import Control
from emulator.faults import Fault, FaultKind, FaultPlan
from emulator.suite import Suite
from tests.emulator.function_double import FunctionDouble


@pytest.fixture
def http(suite: Suite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=suite.control_url) as client:
        yield client


def test_health(http: httpx.Client) -> None:
    assert http.get("/health").json() == {
        "status": "ok",
        "project": "demo-avatar",
        "bucket": "demo-avatar.appspot.com",
    }


def test_a_reset_empties_all(
    http: httpx.Client,
    database: firestore.Client,
    bucket: Bucket,
    function: FunctionDouble,
    control: Control,
) -> None:
    database.document("avatars/ada").set({"n": 1})
    bucket.blob("a").upload_from_string(b"data")
    control.wait_idle()
    control.fail_uploads(1)
    assert http.post("/reset").status_code == 204
    assert http.get("/calls").json() == {}
    assert http.get("/events").json() == http.get("/deliveries").json() == []
    assert http.get("/faults").json() == []
    assert not database.document("avatars/ada").get().exists
    assert not bucket.blob("a").exists()
    assert bucket.exists()


def test_calls_events_and_deliveries(
    http: httpx.Client, database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    database.document("avatars/ada").set({"n": 1})
    database.document("avatars/ada").get()
    control.wait_idle()
    calls = http.get("/calls").json()
    assert calls == {"firestore.Commit": 1, "firestore.BatchGetDocuments": 1}
    (event,) = http.get("/events").json()
    (delivery,) = http.get("/deliveries").json()
    assert event["headers"]["ce-id"] == event["id"] == delivery["event_id"]
    assert (delivery["document"], delivery["outcome"]) == ("avatars/ada", "acknowledged")
    (attempt,) = delivery["attempts"]
    assert (attempt["target"], attempt["status"]) == (function.url, 204)
    assert delivery["created_at"] <= attempt["started_at"] <= attempt["finished_at"]


def test_faults_are_planned_and_shown(http: httpx.Client, bucket: Bucket) -> None:
    planned = http.post("/faults", json={"kind": "fail_upload", "times": 1, "prefix": "a/"})
    assert planned.status_code == 200
    assert http.get("/faults").json() == [planned.json()]
    bucket.blob("a/x").upload_from_string(b"data", if_generation_match=0)
    assert http.get("/faults").json() == []


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/faults", {"kind": "earthquake"}, "abort_commit"),
        ("/faults", {"kind": "fail_upload", "times": 0}, "times is 0"),
        ("/faults", {"kind": "fail_upload", "status": 200}, "status is 200"),
        ("/faults", {"kind": "delay_download", "seconds": -1}, "negative"),
        ("/faults", {"kind": "fail_upload", "colour": "red"}, "colour"),
        ("/faults", [], "JSON object"),
        ("/triggers", {"name": "x"}, "document_pattern"),
        ("/triggers", {"name": "x", "document_pattern": "a/{b}", "targets": ["ftp://x"]}, "http"),
    ],
)
def test_malformed_requests_are_refused(
    http: httpx.Client, path: str, body: Any, message: str
) -> None:
    answer = http.post(path, json=body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_triggers_and_held_events(
    http: httpx.Client, database: firestore.Client, control: Control
) -> None:
    with FunctionDouble() as double:
        trigger = {"name": "http", "document_pattern": "http/{id}", "targets": [double.url]}
        assert http.post("/triggers", json=trigger).status_code == 200
        assert trigger["name"] in [one["name"] for one in http.get("/triggers").json()]
        http.post("/faults", json={"kind": "hold_event"})
        database.document("http/a").set({"n": 1})
        control.wait_idle()
        assert double.received == []
        assert http.post("/events/release", json={"reverse": True}).json() == {"released": 1}
        control.wait_idle()
        assert len(double.received) == 1
        control.disconnect("http")


def test_faults_strike_in_order_and_by_prefix() -> None:
    plan = FaultPlan()
    plan.plan(Fault(kind=FaultKind.FAIL_UPLOAD, status=500, prefix="a/"))
    plan.plan(Fault(kind=FaultKind.FAIL_UPLOAD, status=502, times=2))
    plan.plan(Fault(kind=FaultKind.FAIL_DOWNLOAD))
    struck = [plan.take(FaultKind.FAIL_UPLOAD, path) for path in ("b", "a/x", "a/y", "a/z")]
    assert [fault and fault.status for fault in struck] == [502, 500, 502, None]
    assert [fault.kind for fault in plan.planned()] == [FaultKind.FAIL_DOWNLOAD]
