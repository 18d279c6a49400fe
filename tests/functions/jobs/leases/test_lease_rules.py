"""Leases: by whose clock they live, how they are renewed, who yields, and what drops them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from functions.cloud.database.documents import Found
from functions.cloud.database.snapshots import snapshot_of
from functions.domain.job_record import Lease, Purpose, Record
from functions.domain.snapshot import Claim, Held, RenderJob, TransactionStatus
from functions.errors import LeaseLost, RetryLater
from functions.jobs.dispatch import InlineDispatcher
from functions.jobs.handler import RenderHandler
from functions.jobs.lease import Heartbeat, LeaseMonitor
from functions.jobs.outcomes import AttemptOutcome
from functions.jobs.steps import load_state
from liveportrait_core import Progress, Stage
from liveportrait_core.errors import OutOfMemory
from tests.functions.doubles import about
from tests.functions.scene import AVATAR, Scene, document


@dataclass
class ScriptedDispatcher:
    """Hands nothing over, and answers as it was told."""

    outcomes: list[AttemptOutcome]
    jobs: list[RenderJob] = field(default_factory=list)
    queues = False

    def hand_over(self, job: RenderJob) -> AttemptOutcome:
        self.jobs.append(job)
        return self.outcomes.pop(0)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def run_out_of_memory() -> None:
    raise OutOfMemory


def test_now_is_the_moment_of_the_databases_read() -> None:
    read_time = datetime(2031, 5, 6, 7, 8, 9, 125_000, tzinfo=UTC)
    nothing = Found(id=AVATAR, exists=False, read_time=read_time)
    avatar = snapshot_of(about(AVATAR), (nothing, nothing))
    assert avatar.now == 1_935_817_689_125


def test_renewals_write_to_the_document_once(scene: Scene) -> None:
    scene.write(document())
    spec = load_state(scene.deps, about(AVATAR)).spec
    assert spec is not None
    claim, rules = Claim(owner="me", spec=spec), scene.transitions
    scene.ledger.transact(about(AVATAR), lambda now: rules.claim(now, claim, 480.0), counting=True)
    deadline = scene.clock.monotonic() + 480
    monitor = LeaseMonitor(scene.deps, subject=about(AVATAR), claim=claim, deadline=deadline)
    scene.ledger.document_writes.clear()
    writes = []
    for step in range(6):
        monitor.on_progress(Progress(stage=Stage.RENDER, fraction=step / 6, eta_s=None))
        monitor.confirm()
        writes.append(len(scene.ledger.document_writes))
        scene.clock.advance(15)
    assert writes == [0, 0, 1, 1, 1, 1]


def test_who_lost_its_lease_yields_from_then_on(scene: Scene) -> None:
    dispatcher = ScriptedDispatcher(
        [AttemptOutcome.LOST, AttemptOutcome.BUSY, AttemptOutcome.DISPATCHED]
    )
    RenderHandler(scene.deps, dispatcher).handle_event(scene.write(document()))
    assert [job.yielding for job in dispatcher.jobs] == [False, True, True]


def test_who_yields_waits_for_a_lease_for_something_else(scene: Scene) -> None:
    dispatcher = ScriptedDispatcher([AttemptOutcome.LOST, AttemptOutcome.DISPATCHED])
    RenderHandler(scene.deps, dispatcher).handle_event(scene.write(document()))
    at_first, yielding = dispatcher.jobs
    other_version = Lease.granted(
        "them", Purpose.RENDER, "other", now=round(scene.clock.now() * 1000), life_s=60
    )
    inline = InlineDispatcher(scene.deps, scene.renderer)
    scene.ledger.keep(AVATAR, Record(fingerprint="other", lease=other_version))
    at_first, yielding = (
        replace(job, spec=replace(job.spec, asked_before="other")) for job in (at_first, yielding)
    )
    assert inline.hand_over(yielding) is AttemptOutcome.BUSY
    assert scene.record.lease == other_version
    assert inline.hand_over(at_first) is AttemptOutcome.PUBLISHED


def test_a_lease_is_as_old_as_the_question_that_renewed_it(scene: Scene) -> None:
    def answer_late() -> Held:
        scene.clock.advance(61)
        return TransactionStatus.DONE

    heartbeat = Heartbeat(answer_late, scene.clock, every_s=15, lease_s=60)
    heartbeat.beat()
    with pytest.raises(LeaseLost, match=r"renewed 61\.0 s ago"):
        heartbeat.check()


@pytest.mark.parametrize("change", [{"training__dynamicsEnabled": False}, {"avatarImageUrl": None}])
def test_a_refusal_drops_the_lease_of_the_render_in_work(
    scene: Scene, change: dict[str, object]
) -> None:
    leases: list[Lease | None] = []

    def refuse() -> None:
        leases.append(scene.record.lease)
        scene.second_instance().handle_event(scene.write(document(**change)))
        leases.append(scene.record.lease)

    scene.renderer.steps = [refuse]
    scene.handler.handle_event(scene.write(document()))
    held, dropped = leases
    assert held is not None
    assert dropped is None


def test_another_value_begins_with_a_first_attempt_at_once(scene: Scene) -> None:
    scene.renderer.steps = [run_out_of_memory]
    with pytest.raises(RetryLater):
        scene.save(document())
    attempts: list[int] = []
    scene.renderer.steps = [lambda: attempts.append(scene.record.attempts)]
    scene.save(document(training__livePortrait__drivingMultiplier=0.9))
    assert attempts == [1]
    assert scene.live["state"] == "ready"


def test_a_failed_attempt_lets_go_of_its_lease(scene: Scene) -> None:
    scene.renderer.steps = [run_out_of_memory]
    with pytest.raises(RetryLater):
        scene.save(document())
    assert scene.record.attempts == 1
    assert scene.record.lease is None


def test_the_final_failure_after_killed_attempts_leaves_no_lease(scene: Scene) -> None:
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    event = scene.write(document())
    for _ in range(3):
        scene.renderer.steps = [kill]
        with pytest.raises(Killed):
            scene.handler.handle_event(event)
        assert scene.record.lease is not None
        scene.clock.advance(600)
    scene.handler.handle_event(event)
    assert scene.live["state"] == "failed"
    assert scene.record.lease is None


def test_a_video_made_again_begins_with_a_first_attempt(scene: Scene) -> None:
    scene.save(document())
    for path in scene.outputs:
        del scene.media.objects[path]
    attempts: list[int] = []
    scene.renderer.steps = [lambda: attempts.append(scene.record.attempts)]
    scene.save(document(training__livePortrait__mood=1))
    assert attempts == [1]
    assert len(scene.outputs) == 2


def test_a_delivery_before_the_next_attempt_is_due_writes_nothing(scene: Scene) -> None:
    scene.renderer.steps = [run_out_of_memory]
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    written = len(scene.ledger.document_writes)
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert len(scene.ledger.document_writes) == written
    assert scene.live["error"]["code"] == "RENDER_OOM"
