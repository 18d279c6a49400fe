"""Triggers: patterns, event types, concurrency, and events out of order."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud import firestore

from emulator.control.handle import Control
from emulator.eventarc.delivery import Outcome
from emulator.eventarc.trigger import EventType, Trigger
from emulator.firestore.documents.document import DocumentChange
from emulator.firestore.paths import document_path
from emulator.suite import Suite
from tests.emulator.function_double import Answer, FunctionDouble

DATABASE = "projects/p/databases/(default)"


@pytest.fixture
def double() -> Iterator[FunctionDouble]:
    with FunctionDouble() as function:
        yield function


def written(double: FunctionDouble) -> list[int]:
    return [request.data.value.fields["n"].integer_value for request in double.received]


@pytest.mark.parametrize(
    ("pattern", "document", "matches"),
    [
        ("a/{b}", "a/1", True),
        ("a/{b}", "a/1/c/2", False),
        ("a/*/c/{d}", "a/1/c/2", True),
        ("a/{b=**}", "a/1/c/2", True),
        ("**", "a/1/c/2", True),
        ("{all=**}/c/2", "a/1/c/2", True),
        ("a/ma*", "a/marie", True),
        ("a/{name=ma*e}", "a/marie", True),
        ("a/{name=ma*}", "a/emma", False),
        ("a/x.y", "a/xzy", False),
        ("/a/{b}/", "a/1", True),
    ],
)
def test_patterns(pattern: str, document: str, matches: bool) -> None:
    trigger = Trigger(name="t", document_pattern=pattern, targets=("http://x",), database=DATABASE)
    path = document_path(f"{DATABASE}/documents/{document}")
    change = DocumentChange(path=path, before=None, after=None, commit_time=1)
    assert trigger.matches(change) is matches


def test_types_of_events(suite: Suite, database: firestore.Client, control: Control) -> None:
    wanted = (EventType.CREATED, EventType.UPDATED, EventType.DELETED)
    doubles = {kind: FunctionDouble() for kind in wanted}
    for kind, double in doubles.items():
        double.__enter__()
        control.connect(kind, "typed/{id}", [double.url], event_type=kind)
    reference = database.document("typed/a")
    reference.set({"n": 1})
    reference.update({"n": 2})
    reference.set({"n": 2})
    reference.delete()
    control.wait_idle()
    for kind, double in doubles.items():
        control.disconnect(kind)
        double.__exit__()
        assert [request.headers["ce-type"] for request in double.received] == [kind]


def test_so_many_requests_at_once_and_no_more(
    database: firestore.Client, control: Control, double: FunctionDouble
) -> None:
    running, most = [0], [0]
    lock = threading.Lock()
    pairs = threading.Barrier(2, timeout=10)

    def count() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        pairs.wait()
        time.sleep(0.02)
        with lock:
            running[0] -= 1

    double.before_answer = count
    control.connect("few", "few/{id}", [double.url], concurrency=2)
    for number in range(6):
        database.document(f"few/{number}").set({})
    control.wait_idle()
    control.disconnect("few")
    assert len(double.received) == 6
    assert most[0] == 2
    assert not pairs.broken


def test_a_refused_event_releases_its_slot(
    database: firestore.Client, control: Control, double: FunctionDouble
) -> None:
    double.answers.append(Answer(status=500))
    control.connect("one", "one/{id}", [double.url], concurrency=1)
    for number in range(3):
        database.document(f"one/{number}").set({"n": number})
    control.wait_idle()
    control.disconnect("one")
    assert sorted(written(double)) == [0, 0, 1, 2]


def test_two_events_are_swapped(database: firestore.Client, control: Control) -> None:
    with FunctionDouble(one_at_a_time=True) as double:
        control.connect("swapped", "swapped/{id}", [double.url])
        control.swap_next_events()
        for number in (1, 2, 3):
            database.document("swapped/a").set({"n": number})
            control.wait_idle()
        assert written(double) == [2, 1, 3]
        control.swap_next_events()
        database.document("swapped/a").set({"n": 4})
        assert control.deliveries()[-1].outcome is Outcome.HELD
        assert control.release_events() == 1
        control.wait_idle()
        assert written(double) == [2, 1, 3, 4]
        control.disconnect("swapped")


def test_an_event_is_delayed(
    database: firestore.Client, control: Control, double: FunctionDouble
) -> None:
    control.connect("late", "late/{id}", [double.url])
    control.delay_events(0.2)
    database.document("late/a").set({"n": 1})
    database.document("late/a").set({"n": 2})
    control.wait_idle()
    control.disconnect("late")
    assert written(double) == [2, 1]
    delayed = control.deliveries()[0]
    assert delayed.attempts[0].started_at - delayed.created_at >= 0.2


def test_triggers_over_http(
    suite: Suite, database: firestore.Client, control: Control, double: FunctionDouble
) -> None:
    trigger = {
        "name": "http",
        "document_pattern": "http/{id}",
        "targets": [double.url],
        "event_type": "google.cloud.firestore.document.v1.deleted",
        "concurrency": 3,
    }
    with httpx.Client(base_url=suite.control_url) as http:
        made = http.post("/triggers", json=trigger).json()
        assert made == {**trigger, "database": control._cloud.database}
        database.document("http/a").set({})
        database.document("http/a").delete()
        control.wait_idle()
        assert len(double.received) == 1
        assert http.delete("/triggers/http").status_code == 204
        again = http.delete("/triggers/http")
        assert (again.status_code, "http" in again.json()["error"]) == (404, True)
        wrong: tuple[dict[str, Any], ...] = ({"concurrency": 0}, {"event_type": "gone"})
        for change in wrong:
            assert http.post("/triggers", json={**trigger, **change}).status_code == 400
        assert http.get("/dead-letters").json() == []
