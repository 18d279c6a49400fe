"""Events: their form, their patterns, and how they are delivered until they are acknowledged."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cloudevents.http import from_http
from google.cloud import firestore
from google.events.cloud.firestore import DocumentEventData

from emulator.control.handle import Control
from emulator.eventarc.delivery import Outcome
from emulator.suite import Suite
from tests.emulator.conftest import TIME_FACTOR
from tests.emulator.function_double import Answer, FunctionDouble

NAME = "projects/demo-avatar/databases/(default)/documents/avatars/ada"
ACKNOWLEDGED = (102, 200, 201, 202, 204)


def save(database: firestore.Client, name: str = "avatars/ada", **fields: Any) -> None:
    database.document(name).set(fields or {"n": time.time_ns()}, merge=True)


def test_a_creation_event_has_the_whole_document(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    written = database.document("avatars/ada").set({"n": 1, "at": firestore.SERVER_TIMESTAMP})
    control.wait_idle()
    (request,) = function.received
    event = from_http(request.headers, request.body)
    attributes = {name: event[name] for name in event.get_attributes()}
    assert attributes | {"id": "", "time": ""} == {
        "specversion": "1.0",
        "id": "",
        "source": "//firestore.googleapis.com/projects/demo-avatar/databases/(default)",
        "type": "google.cloud.firestore.document.v1.written",
        "subject": "documents/avatars/ada",
        "time": "",
        "datacontenttype": "application/protobuf",
        "dataschema": "https://github.com/googleapis/google-cloudevents/blob/main/proto/google/"
        "events/cloud/firestore/v1/data.proto",
        "location": "nam5",
        "project": "demo-avatar",
        "database": "(default)",
        "namespace": "(default)",
        "document": "avatars/ada",
    }
    assert datetime.fromisoformat(attributes["time"]) == written.update_time
    data = DocumentEventData.deserialize(event.get_data())
    assert data.value.name == NAME
    assert data.value.fields["n"].integer_value == 1
    assert data.value.update_time == data.value.create_time == written.update_time
    assert "old_value" not in data
    assert "update_mask" not in data


def test_a_change_event_has_both_versions_and_the_mask(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    save(database, training={"status": "idle", "odd key": 1, "same": [1]}, gone=1)
    control.wait_idle()
    database.document("avatars/ada").update(
        {
            "training.status": "done",
            "training.`odd key`": 2,
            "gone": firestore.DELETE_FIELD,
            "new.deep": 1,
        }
    )
    control.wait_idle()
    data = function.received[-1].data
    assert data.old_value.fields["gone"].integer_value == 1
    assert "gone" not in data.value.fields
    assert list(data.update_mask.field_paths) == [
        "gone",
        "new",
        "training.`odd key`",
        "training.status",
    ]


def test_a_deletion_event_has_the_old_document(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    save(database, n=1)
    control.wait_idle()
    database.document("avatars/ada").delete()
    control.wait_idle()
    data = function.received[-1].data
    assert data.old_value.name == NAME
    assert "value" not in data


def test_a_write_that_changes_nothing_is_no_event(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    for _ in range(3):
        save(database, n=1)
    database.document("avatars/nobody").delete()
    control.wait_idle()
    assert len(function.received) == 1


def test_one_commit_is_one_event_for_each_document(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    batch = database.batch()
    batch.set(database.document("avatars/ada"), {"n": 1})
    batch.update(database.document("avatars/ada"), {"n": 2})
    batch.set(database.document("avatars/grace"), {"n": 3})
    batch.set(database.document("elsewhere/x"), {"n": 4})
    batch.commit()
    control.wait_idle()
    told = {request.headers["ce-document"]: request.data for request in function.received}
    assert sorted(told) == ["avatars/ada", "avatars/grace"]
    assert told["avatars/ada"].value.fields["n"].integer_value == 2


@pytest.mark.parametrize(
    ("pattern", "documents"),
    [
        ("avatars/{avatarId}", {"avatars/ada", "avatars/größe %"}),
        ("avatars/ada", {"avatars/ada"}),
        ("avatars/*", {"avatars/ada", "avatars/größe %"}),
        ("{collection}/{id}", {"avatars/ada", "avatars/größe %", "other/x"}),
        ("avatars/{avatarId}/takes/{takeId}", {"avatars/ada/takes/1"}),
        ("avatars/{path=**}", {"avatars/ada", "avatars/größe %", "avatars/ada/takes/1"}),
    ],
)
def test_patterns(
    database: firestore.Client,
    control: Control,
    new_function: Callable[[str], FunctionDouble],
    pattern: str,
    documents: set[str],
) -> None:
    double = new_function(pattern)
    for name in ("avatars/ada", "avatars/größe %", "avatars/ada/takes/1", "other/x"):
        save(database, name)
    firestore.Client(database="second").document("avatars/ada").set({"n": 1})
    control.wait_idle()
    assert {request.data.value.name for request in double.received} == {
        f"projects/demo-avatar/databases/(default)/documents/{name}" for name in documents
    }


def test_headers_are_percent_encoded(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    save(database, "avatars/größe %")
    control.wait_idle()
    headers = function.received[0].headers
    assert headers["ce-document"] == "avatars/gr%C3%B6%C3%9Fe%20%25"
    assert headers["ce-subject"] == "documents/avatars/gr%C3%B6%C3%9Fe%20%25"


@pytest.mark.parametrize("status", ACKNOWLEDGED)
def test_these_answers_end_a_delivery(
    database: firestore.Client, function: FunctionDouble, control: Control, status: int
) -> None:
    function.answers.append(Answer(status=status))
    save(database)
    control.wait_idle()
    assert [request.event_id for request in function.received] == [control.events()[0].identifier]
    (delivery,) = control.deliveries()
    assert delivery.outcome is Outcome.ACKNOWLEDGED
    assert [attempt.status for attempt in delivery.attempts] == [status]


@pytest.mark.parametrize("status", [203, 206, 301, 400, 404, 429, 500, 503])
def test_any_other_answer_is_repeated_under_the_same_id(
    database: firestore.Client, function: FunctionDouble, control: Control, status: int
) -> None:
    function.answers.extend([Answer(status=status)] * 2)
    save(database)
    control.wait_idle()
    assert len(function.received) == 3
    assert len({request.event_id for request in function.received}) == 1
    assert len({request.body for request in function.received}) == 1
    (delivery,) = control.deliveries()
    assert [attempt.status for attempt in delivery.attempts] == [status, status, 204]


def test_the_pauses_double(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    function.answers.extend([Answer(status=500)] * 4)
    save(database)
    control.wait_idle()
    (delivery,) = control.deliveries()
    pauses = [
        later.started_at - (earlier.finished_at or 0)
        for earlier, later in zip(delivery.attempts, delivery.attempts[1:], strict=False)
    ]
    for pause, seconds in zip(pauses, (10, 20, 40, 80), strict=True):
        assert pause >= 0.99 * seconds * TIME_FACTOR


def test_a_function_that_comes_later_gets_its_events(
    suite: Suite, database: firestore.Client, control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    with FunctionDouble() as gone:
        url = gone.url
    suite.connect("late", "late/{id}", [url])
    save(database, "late/one")
    save(database, "late/two")
    while sum(len(delivery.attempts) for delivery in control.deliveries()) < 4:
        time.sleep(0.005)
    with FunctionDouble() as double:
        suite.connect("late", "late/{id}", [double.url])
        control.wait_idle()
        assert len(double.received) == 2
    control.disconnect("late")
    warned = [record for record in caplog.records if "cannot reach" in record.message]
    assert len(warned) == 1
    assert url in warned[0].message


def test_deliveries_run_at_the_same_time(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    all_there = threading.Barrier(8, timeout=10)
    function.before_answer = all_there.wait
    for number in range(8):
        save(database, f"avatars/{number}")
    control.wait_idle()
    assert len(function.received) == 8
    assert not all_there.broken


def test_after_600_s_it_is_sent_again_while_the_first_still_runs(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    second_has_come = threading.Barrier(2, timeout=10)
    function.before_answer = second_has_come.wait
    save(database)
    control.wait_idle()
    first, second = function.received
    assert not second_has_come.broken
    assert first.event_id == second.event_id
    (delivery,) = control.deliveries()
    assert delivery.outcome is Outcome.ACKNOWLEDGED
    late, ours = delivery.attempts
    assert late.finished_at is not None
    assert ours.started_at < late.finished_at
    assert (late.status, ours.status) == (204, 204)


def test_several_instances_take_turns(
    suite: Suite, database: firestore.Client, control: Control
) -> None:
    with FunctionDouble() as one, FunctionDouble() as two:
        suite.connect("turns", "turns/{id}", [one.url, two.url])
        for number in range(6):
            save(database, f"turns/{number}")
        control.wait_idle()
        assert (len(one.received), len(two.received)) == (3, 3)
        one.answers.append(Answer(status=500))
        save(database, "turns/again")
        control.wait_idle()
        assert (len(one.received), len(two.received)) == (4, 4)
        control.disconnect("turns")


def test_a_planned_duplicate_runs_twice_at_once(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    control.duplicate_next_event()
    both = threading.Barrier(2, timeout=5)
    function.before_answer = both.wait
    save(database)
    control.wait_idle()
    first, second = function.received
    assert first.event_id == second.event_id
    (delivery,) = control.deliveries()
    assert len(delivery.attempts) == 2
    assert not both.broken


@pytest.mark.parametrize(("reverse", "order"), [(False, [1, 2, 3]), (True, [3, 2, 1])])
def test_events_are_held_back_and_released(
    suite: Suite, database: firestore.Client, control: Control, reverse: bool, order: list[int]
) -> None:
    with FunctionDouble(one_at_a_time=True) as double:
        suite.connect("ordered", "ordered/{id}", [double.url])
        control.hold_events(3)
        for number in (1, 2, 3):
            save(database, "ordered/x", n=number)
        control.wait_idle()
        assert double.received == []
        assert {delivery.outcome for delivery in control.deliveries()} == {Outcome.HELD}
        save(database, "ordered/x", n=4)
        control.wait_idle()
        assert control.release_events(reverse=reverse) == 3
        control.wait_idle()
        numbers = [request.data.value.fields["n"].integer_value for request in double.received]
        assert numbers == [4, *order]
        control.disconnect("ordered")


def test_a_dropped_event_never_comes(
    database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    control.drop_events(1, prefix="avatars/a")
    save(database, "avatars/b")
    save(database, "avatars/ada")
    control.wait_idle()
    assert [request.headers["ce-document"] for request in function.received] == ["avatars/b"]
    assert [one.outcome for one in control.deliveries()] == [Outcome.ACKNOWLEDGED, Outcome.DROPPED]


def test_a_reset_forgets_what_is_on_its_way(
    suite: Suite, database: firestore.Client, function: FunctionDouble, control: Control
) -> None:
    function.answers.extend([Answer(status=500)] * 50)
    save(database)
    suite.reset()
    function.answers.clear()
    control.wait_idle()
    assert control.deliveries() == ()
    save(database)
    control.wait_idle()
    assert [one.outcome for one in control.deliveries()] == [Outcome.ACKNOWLEDGED]
