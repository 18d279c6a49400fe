"""An emulator attached to a running Firestore: a second emulator, or the jar."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import firestore

from emulator.control.handle import Control
from emulator.eventarc.delivery import Outcome
from emulator.faults import Fault, FaultKind
from emulator.firestore.backends.official_process import OfficialFirestore, OfficialMissing
from emulator.serving import bind
from emulator.suite import FirestoreBackend, Suite, SuiteOptions
from tests.emulator.conftest import TIME_FACTOR
from tests.emulator.function_double import Answer, FunctionDouble


def attached_to(address: str, storage_port: int) -> Suite:
    return Suite(
        SuiteOptions(
            backend=FirestoreBackend.SUITE,
            firestore_port=int(address.rpartition(":")[2]),
            storage_port=storage_port,
            time_factor=TIME_FACTOR,
        )
    )


@pytest.fixture
def attached(suite: Suite, database: firestore.Client) -> Iterator[Suite]:
    database.document("avatars/before").set({"n": 0})
    with attached_to(suite.firestore_address, int(suite.storage_url[-5:])) as running:
        yield running


def wait_for_events(control: Control, count: int) -> None:
    give_up_at = time.monotonic() + 20
    while len(control.events()) < count:
        assert time.monotonic() < give_up_at, control.events()
        time.sleep(0.005)
    control.wait_idle()


def check_events(attached: Suite, database: firestore.Client) -> None:
    """Created, refused once, changed, deleted: three events, told in full."""
    control = attached.control
    with FunctionDouble() as double:
        attached.connect("suite", "avatars/{id}", [double.url])
        double.answers.append(Answer(status=500))
        reference = database.document("avatars/ä")
        reference.set({"n": 1})
        wait_for_events(control, 1)
        reference.update({"n": 2})
        wait_for_events(control, 2)
        reference.delete()
        wait_for_events(control, 3)
        database.document("elsewhere/a").set({})
    assert [one.outcome for one in control.deliveries()] == [Outcome.ACKNOWLEDGED] * 3
    _refused, created, changed, deleted = (request.data for request in double.received)
    assert "old_value" not in created
    assert changed.old_value.fields["n"].integer_value == 1
    assert changed.value.fields["n"].integer_value == 2
    assert list(changed.update_mask.field_paths) == ["n"]
    assert deleted.old_value.fields["n"].integer_value == 2
    assert "value" not in deleted


def test_what_is_heard_becomes_events(
    suite: Suite, attached: Suite, database: firestore.Client
) -> None:
    queue = "CLOUD_TASKS_EMULATOR_HOST"  # of its own: the official suite has none
    addresses = {**suite.environment, queue: attached.tasks_address}
    assert attached.environment == addresses
    check_events(attached, database)


@pytest.mark.parametrize("pattern", ["{all=**}", "a/{b}/{c}/{d}", "avatars", "ava*/{id}"])
def test_the_collection_must_be_named(attached: Suite, pattern: str) -> None:
    with pytest.raises(ValueError, match="names the collection"):
        attached.connect("open", pattern, ["http://127.0.0.1:9"])


def test_only_what_is_ours_is_refused_or_reset(
    attached: Suite, database: firestore.Client, tmp_path: Path
) -> None:
    for kind in (FaultKind.ABORT_COMMIT, FaultKind.FAIL_UPLOAD):
        with pytest.raises(ValueError, match=f"kind {kind} needs"):
            attached.control.plan(Fault(kind=kind))
    attached.control.plan(Fault(kind=FaultKind.DROP_EVENT))
    with pytest.raises(ValueError, match="seed"):
        attached.control.seed(tmp_path)
    attached.reset()
    assert list(database.collections()) == []


def test_a_missing_emulator_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.firestore.backends.attached._TIMEOUT_S", 0.3)
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(OfficialMissing, match=f"no Firestore emulator answers on .*:{port}"):
        attached_to(f"127.0.0.1:{port}", 9199).start()
    with pytest.raises(ValueError, match="needs the ports"):
        SuiteOptions(backend=FirestoreBackend.SUITE)


@pytest.mark.official
def test_the_jar_is_followed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    try:
        with OfficialFirestore(port, tmp_path / "log") as official:
            monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", official.address)
            database = firestore.Client(project="demo-avatar")
            with attached_to(official.address, 9199) as attached:
                check_events(attached, database)
            database.close()
    except OfficialMissing as missing:
        pytest.skip(str(missing))
