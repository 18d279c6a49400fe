"""Faults nobody foresaw: tried again however old the event is, and told where they last."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from functions.domain.document import DocumentWrite
from functions.domain.job_record import Lease, Purpose
from functions.domain.snapshot import AvatarSnapshot, Status, TransactionResult
from functions.domain.subject import Subject
from functions.errors import RetryLater
from functions.jobs.handler import RenderHandler
from functions.jobs.ports import Ticker
from liveportrait_core.errors import ImageNoFace, OutOfMemory
from tests.functions.doubles import MemoryLedger, VirtualClock, about
from tests.functions.scene import AVATAR, BUCKET, UNSET, Scene, document, snapshot


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def event(scene: Scene) -> DocumentWrite:
    return scene.write(document())


def test_a_fault_is_tried_again(
    scene: Scene, event: DocumentWrite, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.media.faults["find"] = [ConnectionError("storage is away")]
    with pytest.raises(RetryLater, match="storage is away"):
        scene.handler.handle_event(event)
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert (line["severity"], line["avatarId"]) == ("ERROR", AVATAR)
    assert "ConnectionError" in line["stack_trace"]
    scene.handler.handle_event(event)
    assert scene.live["state"] == "ready"


def fail(scene: Scene, event: DocumentWrite, *, times: int = 1, every_s: float = 60) -> None:
    """Deliver while Storage is away."""
    fail_at(scene, scene.handler, event, times=times, every_s=every_s)


def fail_at(
    scene: Scene,
    handler: RenderHandler,
    event: DocumentWrite,
    *,
    times: int = 1,
    every_s: float = 60,
) -> None:
    """Deliver to this instance while Storage is away."""
    for _ in range(times):
        scene.media.faults["find"] = [ConnectionError("storage is away")]
        with pytest.raises(RetryLater):
            handler.handle_event(event)
        assert not scene.media.faults["find"]
        scene.clock.advance(every_s)


@pytest.mark.parametrize("age_s", [0, 660, 90_000])
def test_an_outage_of_firestore_loses_no_wish_however_old_it_is(
    scene: Scene, event: DocumentWrite, age_s: float
) -> None:
    scene.clock.advance(age_s)
    for _ in range(40):
        scene.ledger.faults = [ConnectionError("firestore is away")] * 2
        with pytest.raises(RetryLater):
            scene.handler.handle_event(event)
        scene.clock.advance(600)
    scene.ledger.faults = []
    scene.handler.handle_event(event)
    assert scene.states == ["queued", "rendering", "ready"]


@pytest.mark.parametrize("lost", ["an event that shows queued", "an event of a stale mirror"])
def test_what_asks_for_no_render_is_not_lost_either(scene: Scene, lost: str) -> None:
    scene.save(document())
    url = scene.live["idleVideoUrl"]
    late = scene.write(document())  # the mirror is gone
    if lost == "an event that shows queued":
        scene.ledger.documents[AVATAR]["livePortrait"]["state"] = "queued"
        late = scene.write(document(training__livePortrait=UNSET))
    scene.clock.advance(660)
    scene.ledger.faults = [ConnectionError("firestore is away")] * 2
    with pytest.raises(RetryLater):
        scene.handler.handle_event(late)
    scene.ledger.faults = []
    scene.handler.handle_event(late)
    assert scene.live["state"] == "ready"
    assert lost == "an event that shows queued" or scene.mirror == url


def test_age_is_not_lateness(scene: Scene, event: DocumentWrite) -> None:
    """Of an event or task that was long on its way the first fault is the first."""
    scene.clock.advance(660)
    fail(scene, event)
    assert "failed" not in scene.states
    scene.handler.handle_event(event)
    assert scene.live["state"] == "ready"
    scene.gate().handle_event(scene.write(document(training__livePortrait__drivingMultiplier=0.7)))
    scene.clock.advance(660)
    scene.media.faults["find"] = [ConnectionError("storage is away")]
    with pytest.raises(RetryLater):
        scene.second_instance().handle_task(about(AVATAR))
    scene.second_instance().handle_task(about(AVATAR))
    assert "failed" not in scene.states
    assert scene.live["params"]["drivingMultiplier"] == 0.7


def test_what_fails_for_long_is_told_and_still_tried_again(
    scene: Scene, event: DocumentWrite
) -> None:
    fail(scene, event, times=10)
    assert scene.live.get("state") in (None, "queued")
    fail(scene, event, times=2)
    assert scene.live["state"] == "failed"
    assert scene.live["error"] == {"code": "INTERNAL", "retryable": True}
    writes = len(scene.ledger.document_writes)
    fail(scene, event, times=20, every_s=600)
    assert len(scene.ledger.document_writes) == writes
    scene.handler.handle_event(event)
    assert scene.states[-3:] == ["failed", "rendering", "ready"]
    assert scene.record.trouble is None


def test_queued_is_not_shown_between_the_failure_that_was_told_and_the_render(
    scene: Scene,
) -> None:
    """The gate's next try succeeds, and the event comes once more before its task does."""
    event = scene.write(document())
    fail_at(scene, scene.gate(), event, times=12)
    for _ in range(2):
        scene.gate().handle_event(event)
    assert scene.states == ["failed"]
    scene.second_instance().handle_task(about(AVATAR))
    assert scene.states == ["failed", "rendering", "ready"]
    assert scene.record.trouble is None


def test_tries_that_failed_before_a_task_was_made_do_not_count_for_it(scene: Scene) -> None:
    event = scene.write(document())
    fail_at(scene, scene.gate(), event, times=9)
    scene.gate().handle_event(event)
    fail_at(scene, scene.handler, event, times=5)
    assert "failed" not in scene.states


def test_few_tries_that_failed_are_not_told(scene: Scene, event: DocumentWrite) -> None:
    fail(scene, event, times=2, every_s=1000)
    assert "failed" not in scene.states


def test_tries_count_only_one_after_the_other(scene: Scene, event: DocumentWrite) -> None:
    fail(scene, event, times=9)
    scene.clock.advance(86_400)  # they were cured, by something that this one does not know of
    fail(scene, event)
    assert "failed" not in scene.states


def test_tries_count_for_one_wish(scene: Scene, event: DocumentWrite) -> None:
    fail(scene, event, times=9)
    newer = scene.write(document(training__livePortrait__drivingMultiplier=0.7))
    fail(scene, newer, times=9)
    assert "failed" not in scene.states
    fail(scene, newer, times=3)
    assert scene.live["state"] == "failed"


def test_after_a_day_it_is_given_up(scene: Scene, event: DocumentWrite) -> None:
    fail(scene, event, times=144, every_s=600)
    scene.media.faults["find"] = [ConnectionError("storage is away")]
    scene.handler.handle_event(event)
    assert scene.live["state"] == "failed"
    scene.save(document(training__livePortrait__mood="calm"))
    assert scene.live["state"] == "ready"


def test_after_a_day_the_task_goes_as_well(scene: Scene, event: DocumentWrite) -> None:
    scene.gate().handle_event(event)
    for _ in range(144):
        scene.media.faults["find"] = [ConnectionError("storage is away")]
        with pytest.raises(RetryLater):
            scene.handler.handle_task(about(AVATAR))
        scene.clock.advance(600)
    scene.media.faults["find"] = [ConnectionError("storage is away")]
    scene.handler.handle_task(about(AVATAR))
    assert (scene.live["state"], scene.record.dispatch) == ("failed", None)


def test_a_result_is_never_unmade(scene: Scene, event: DocumentWrite) -> None:
    scene.handler.handle_event(event)
    live = scene.live
    fail(scene, event, times=30)
    assert scene.live == live


def test_a_final_failure_is_never_overwritten(scene: Scene, event: DocumentWrite) -> None:
    def no_face() -> None:
        raise ImageNoFace

    scene.renderer.steps = [no_face]
    scene.handler.handle_event(event)
    fail(scene, event, times=30)
    assert scene.live["error"]["code"] == "IMAGE_NO_FACE"


def test_a_refusal_is_never_overwritten(scene: Scene) -> None:
    event = scene.save(document(training__dynamicsEnabled=False))
    for _ in range(30):
        scene.ledger.faults = [ConnectionError("firestore is away")]  # the look alone
        with pytest.raises(RetryLater):
            scene.handler.handle_event(event)
        scene.clock.advance(60)
    assert scene.live["state"] == "disabled"


def test_a_render_in_flight_is_left_alone(scene: Scene, event: DocumentWrite) -> None:
    scene.clock.advance(660)
    scene.clock.ticking = True

    def duplicate() -> None:
        fail(scene, event, times=4, every_s=1)
        scene.clock.advance(100)

    scene.renderer.steps = [duplicate] * 3
    scene.handler.handle_event(event)
    assert scene.states == ["queued", "rendering", "rendering", "ready"]


def test_while_anything_holds_a_lease_nothing_is_counted(
    scene: Scene, event: DocumentWrite
) -> None:
    fail(scene, event, times=12)
    assert scene.live["state"] == "failed"
    trouble, now = scene.record.trouble, round(scene.clock.now() * 1000)
    other = Lease(owner="a", purpose=Purpose.RENDER, fingerprint="f", expires=now + 60_000)
    scene.ledger.keep(AVATAR, replace(scene.record, lease=other, shown=None))
    fail(scene, event, times=1, every_s=0)
    assert scene.record.trouble == trouble
    assert scene.record.shown is None


def test_an_attempt_that_has_tries_left_is_left_alone(scene: Scene, event: DocumentWrite) -> None:
    def out_of_memory() -> None:
        raise OutOfMemory

    scene.renderer.steps = [out_of_memory]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    fail(scene, event, times=30)
    assert (scene.live["state"], scene.live["error"]["code"]) == ("queued", "RENDER_OOM")
    scene.handler.handle_event(event)
    assert scene.live["state"] == "ready"


def test_a_task_that_published_and_then_failed_once_stays_ready(scene: Scene) -> None:
    scene.gate().handle_event(scene.write(document()))
    scene.clock.advance(660)
    ledger = RestFails(scene.clock)
    ledger.documents, ledger.jobs = scene.ledger.documents, scene.ledger.jobs
    scene.use(ledger)
    with pytest.raises(RetryLater):
        scene.second_instance().handle_task(about(AVATAR))
    assert scene.live["state"] == "ready"
    scene.second_instance().handle_task(about(AVATAR))
    assert (scene.live["state"], scene.record.dispatch) == ("ready", None)


class RestFails(MemoryLedger):
    """Fails once where a dispatch would leave it."""

    failed = False

    def transact(
        self,
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Status]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Status]:
        record = decide(self._snapshot(subject, counting=counting)).record
        if record is not None and record.dispatch is None and not self.failed:
            self.failed = True
            raise ConnectionError("DEADLINE_EXCEEDED")
        return super().transact(subject, decide, counting=counting)


@dataclass(frozen=True)
class SkewedClock:
    """An instance's clock that goes wrong by so much; it pauses and measures as the true one."""

    true: VirtualClock
    ahead_s: float

    def now(self) -> float:
        return self.true.now() + self.ahead_s

    def monotonic(self) -> float:
        return self.true.monotonic()

    def sleep(self, seconds: float) -> None:
        self.true.sleep(seconds)

    def every(self, seconds: float, action: Callable[[], bool]) -> Ticker:
        return self.true.every(seconds, action)


@pytest.mark.parametrize("ahead_s", [660.0, -660.0, 90_000.0])
def test_an_instances_clock_that_is_wrong_changes_nothing(
    scene: Scene, event: DocumentWrite, ahead_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.deps = replace(scene.deps, clock=SkewedClock(scene.clock, ahead_s))
    scene.handler = scene.second_instance()
    fail(scene, event, every_s=0)
    assert "failed" not in scene.states
    scene.handler.handle_event(event)
    assert scene.states == ["queued", "rendering", "ready"]
    assert scene.clock.slept == [3.0]
    assert '"waitedS": 3.0' in capsys.readouterr().err


def test_an_old_event_of_a_document_that_moved_on_writes_nothing(
    scene: Scene, event: DocumentWrite
) -> None:
    scene.write(document(avatarImageUrl=None))
    for _ in range(30):
        scene.ledger.faults = [ConnectionError("firestore is away")]  # the look alone
        with pytest.raises(RetryLater):
            scene.handler.handle_event(event)
        scene.clock.advance(60)
    assert scene.live == {}
    assert scene.ledger.jobs == {}


def test_a_clean_up_is_retried_however_old(scene: Scene) -> None:
    scene.save(document())
    deletion = scene.write(None)
    scene.clock.advance(7200)
    scene.media.faults["delete_prefix"] = [ConnectionError("storage is away")]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(deletion)
    assert scene.record.lease is not None
    scene.handler.handle_event(deletion)  # waits for the lease that the failed clean-up left
    assert scene.outputs == []
    assert scene.ledger.jobs == {}


def test_an_instance_busy_for_too_long_answers_503(
    scene: Scene, event: DocumentWrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.runtime.render_lock._WAIT_S", 0.01)

    base = f"gs://{BUCKET}/avatars/other"
    fields = document(avatarImageUrl=f"{base}/a.jpg", training__heroVideoUrl=f"{base}/b.mp4")
    for name in ("a.jpg", "b.mp4"):
        scene.media.put(f"avatars/other/{name}", b"x")
    scene.ledger.documents["other"] = fields
    other = replace(event, subject=about("other"), after=snapshot(fields))

    def second_avatar() -> None:
        with pytest.raises(RetryLater, match="another render"):
            scene.handler.handle_event(other)

    scene.renderer.steps = [second_avatar]
    scene.handler.handle_event(event)
    assert scene.live["state"] == "ready"
