"""The emulator with Google's jar as its Firestore, where it is found; the relay in any case."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.cloud import firestore
from google.events.cloud.firestore import DocumentEventData

from emulator.eventarc.delivery import Outcome
from emulator.faults import Fault, FaultKind
from emulator.firestore.backends.event_relay import change_of
from emulator.firestore.backends.official_process import OfficialMissing
from emulator.suite import FirestoreBackend, Suite, SuiteOptions
from tests.emulator.conftest import TIME_FACTOR
from tests.emulator.function_double import Answer, FunctionDouble

NAME = "projects/p/databases/(default)/documents/avatars/ä"


def event(**fields: Any) -> bytes:
    return base64.b64encode(DocumentEventData.serialize(DocumentEventData(fields)))


def document(number: int) -> dict[str, Any]:
    fields = {"n": {"integer_value": number}}
    times = {"create_time": {"seconds": 1}, "update_time": {"seconds": number}}
    return {"name": NAME, "fields": fields, **times}


def test_an_event_of_the_jar_becomes_a_change() -> None:
    created = change_of(event(value=document(2)))
    assert created is not None
    assert (created.name, created.before, created.commit_time) == (NAME, None, 2_000_000)
    changed = change_of(event(value=document(2), old_value=document(1)))
    assert changed is not None
    assert changed.before is not None
    assert changed.after is not None
    deleted = change_of(event(old_value=document(1)))
    assert deleted is not None
    assert deleted.after is None
    assert deleted.commit_time > 2_000_000


def test_a_write_that_changes_nothing_is_no_change() -> None:
    later = {**document(1), "update_time": {"seconds": 5}}
    assert change_of(event(value=later, old_value=document(1))) is None
    assert change_of(event()) is None


@pytest.mark.parametrize("body", [b"no base64!", base64.b64encode(b"\xff\xff")])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="Error"):
        change_of(body)


def test_folders_need_the_embedded_backend(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="embedded backend"):
        SuiteOptions(backend=FirestoreBackend.JAR, export_to=tmp_path)


def test_a_missing_jar_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OfficialMissing, match="no java on the PATH"):
        Suite(SuiteOptions(backend=FirestoreBackend.JAR)).start()


@pytest.fixture(scope="module")
def jar_suite() -> Iterator[Suite]:
    suite = Suite(SuiteOptions(backend=FirestoreBackend.JAR, time_factor=TIME_FACTOR))
    try:
        suite.start()
    except OfficialMissing as missing:
        pytest.skip(str(missing))
    yield suite
    suite.stop()


@pytest.fixture
def jar(jar_suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    jar_suite.reset()
    for name, value in jar_suite.environment.items():
        monkeypatch.setenv(name, value)
    return jar_suite


@pytest.mark.official
def test_writes_to_the_jar_are_events_of_ours(jar: Suite) -> None:
    database = firestore.Client()
    with FunctionDouble() as double:
        jar.connect("jar", "avatars/{id}", [double.url])
        double.answers.append(Answer(status=500))
        reference = database.document("avatars/ä")
        reference.set({"n": 1})
        reference.set({"n": 1})
        database.document("elsewhere/a").set({})
        reference.delete()
        while len(jar.control.events()) < 2:
            time.sleep(0.01)
        jar.control.wait_idle()
        jar.control.disconnect("jar")
    database.close()
    first, second = jar.control.deliveries()
    assert {first.outcome, second.outcome} == {Outcome.ACKNOWLEDGED}
    assert len(first.attempts) + len(second.attempts) == 3  # one was refused and came again
    documents = {request.headers["ce-document"] for request in double.received}
    assert documents == {"avatars/%C3%A4"}
    assert len({request.event_id for request in double.received}) == 2


@pytest.mark.official
def test_a_reset_empties_the_jar(jar: Suite) -> None:
    database = firestore.Client()
    for reset in (jar.reset, lambda: httpx.post(f"{jar.control_url}/reset").raise_for_status()):
        database.document("avatars/a").set({})
        reset()
        assert not database.document("avatars/a").get().exists
    database.close()


@pytest.mark.official
def test_what_only_the_embedded_firestore_can_do_is_refused(jar: Suite, tmp_path: Any) -> None:
    with pytest.raises(ValueError, match=r"abort_commit needs the embedded Firestore"):
        jar.control.plan(Fault(kind=FaultKind.ABORT_COMMIT))
    with pytest.raises(ValueError, match="seed"):
        jar.control.seed(tmp_path)
    with pytest.raises(ValueError, match="export"):
        jar.control.export(tmp_path)
