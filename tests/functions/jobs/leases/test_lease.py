"""What holds a job in flight: the heartbeat at the clock's ticks, the checks between batches."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from functions.domain.job_record import Lease, Purpose, Record
from functions.domain.snapshot import Claim, Held, TransactionStatus
from functions.errors import Code, Failure, LeaseLost, Superseded
from functions.jobs.lease import Heartbeat, LeaseMonitor
from functions.jobs.ports import Clock, SystemClock
from functions.jobs.steps import load_state
from liveportrait_core import Progress, Stage
from tests.functions.doubles import VirtualClock, about
from tests.functions.scene import AVATAR, SETTINGS, Scene, document


def heartbeat_of(
    renew: Callable[[], Held],
    clock: Clock,
    *,
    every_s: float = 15,
    lease_s: float = 60,
) -> Heartbeat:
    return Heartbeat(renew, clock, every_s=every_s, lease_s=lease_s)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(ticking=True)


def test_a_heartbeat_renews_until_its_block_ends(clock: VirtualClock) -> None:
    beats = []

    def renew() -> Held:
        beats.append(clock.monotonic())
        return TransactionStatus.DONE

    began = clock.monotonic()
    with heartbeat_of(renew, clock) as heartbeat:
        clock.advance(600)
        heartbeat.check()
    assert beats == [began + 15 * beat for beat in range(1, 41)]
    clock.advance(600)
    assert len(beats) == 40


def test_the_machines_own_clock_beats_on_a_thread_of_its_own() -> None:
    beats: queue.Queue[int] = queue.Queue()

    def renew() -> Held:
        beats.put(threading.get_ident())
        return TransactionStatus.DONE

    with heartbeat_of(renew, SystemClock(), every_s=0.01) as heartbeat:
        threads = {beats.get(timeout=10) for _ in range(3)}
        heartbeat.check()
    assert threads.isdisjoint({threading.get_ident()})
    assert len(threads) == 1
    while not beats.empty():
        beats.get()
    with pytest.raises(queue.Empty):
        beats.get(timeout=0.05)


@pytest.mark.parametrize(
    ("status", "stop"), [(TransactionStatus.LOST, LeaseLost), (TransactionStatus.MOVED, Superseded)]
)
def test_a_lease_that_is_anothers_stops_the_job(
    clock: VirtualClock, status: Held, stop: type[Exception]
) -> None:
    spec = []

    def renew() -> Held:
        spec.append(True)
        return status

    with heartbeat_of(renew, clock) as heartbeat:
        clock.advance(45)
        with pytest.raises(stop):
            heartbeat.check()
        with pytest.raises(stop):
            heartbeat.beat()
    assert spec == [True]


def test_a_renewal_that_fails_now_and_then_is_tried_again(clock: VirtualClock) -> None:
    faults: Iterator[Exception] = iter([ConnectionError(), TimeoutError()])

    def renew() -> Held:
        for fault in faults:
            raise fault
        return TransactionStatus.DONE

    with heartbeat_of(renew, clock) as heartbeat:
        clock.advance(100)
        heartbeat.check()


def test_a_job_that_cannot_renew_stops(clock: VirtualClock) -> None:
    def renew() -> Held:
        raise ConnectionError("away")

    with heartbeat_of(renew, clock) as heartbeat:
        clock.advance(60)
        heartbeat.check()
        clock.advance(0.1)
        with pytest.raises(LeaseLost, match=r"renewed 60\.1 s ago"):
            heartbeat.check()


def test_a_job_that_was_paused_stops_before_asking_anybody() -> None:
    clock = VirtualClock()
    with heartbeat_of(lambda: pytest.fail("asked"), clock) as heartbeat:
        clock.advance(60.1)
        with pytest.raises(LeaseLost):
            heartbeat.beat()


def test_a_renewal_counts_from_when_it_was_asked_for(clock: VirtualClock) -> None:
    def renew() -> Held:
        clock.advance(50)  # committed at once, answered late
        return TransactionStatus.DONE

    heartbeat = heartbeat_of(renew, clock)
    heartbeat.beat()
    clock.advance(10.1)
    with pytest.raises(LeaseLost):
        heartbeat.check()


@pytest.fixture
def scene() -> Scene:
    scene = Scene(settings=replace(SETTINGS, deadline_s=100))
    scene.write(document())
    return scene


@pytest.fixture
def monitor(scene: Scene) -> LeaseMonitor:
    spec = load_state(scene.deps, about(AVATAR)).spec
    assert spec is not None
    scene.ledger.keep(
        AVATAR,
        Record(
            fingerprint=spec.fingerprint,
            lease=Lease(
                owner="me", purpose=Purpose.RENDER, fingerprint=spec.fingerprint, expires=1
            ),
        ),
    )
    scene.ledger.calls.clear()
    return LeaseMonitor(
        scene.deps,
        subject=about(AVATAR),
        claim=Claim(owner="me", spec=spec),
        deadline=scene.clock.monotonic() + 100,
    )


def progress(fraction: float = 0.5, eta_s: float | None = None) -> Progress:
    return Progress(stage=Stage.RENDER, fraction=fraction, eta_s=eta_s)


def test_the_document_is_looked_at_once_a_second_at_most(
    scene: Scene, monitor: LeaseMonitor
) -> None:
    for _ in range(40):
        scene.clock.advance(0.25)
        monitor.on_progress(progress())
    assert scene.ledger.calls == {"read": 10}


def test_a_document_that_moved_on_stops_the_job(scene: Scene, monitor: LeaseMonitor) -> None:
    scene.write(document(training__livePortrait__drivingMultiplier=0.9))
    monitor.on_progress(progress())
    scene.clock.advance(1)
    with pytest.raises(Superseded):
        monitor.on_progress(progress())


@pytest.mark.parametrize(
    "change",
    [
        {"nickname": "B"},
        {"training__livePortrait": None},
        {"training__livePortrait__mood": "calm"},
        {
            "avatarImageUrl": "https://storage.googleapis.com/demo.appspot.com/avatars/ava/hero.jpg?x=1"
        },
    ],
)
def test_what_asks_for_the_same_lets_it_go_on(
    scene: Scene, monitor: LeaseMonitor, change: dict[str, object]
) -> None:
    scene.write(document(**change))
    scene.clock.advance(1)
    monitor.on_progress(progress())
    monitor.renew("upload")
    assert scene.record.held_by("me")


@pytest.mark.parametrize(
    "change", [{"training__dynamicsEnabled": False}, {"avatarImageUrl": None}, None]
)
def test_disabled_blocked_or_gone_stops_it(
    scene: Scene, monitor: LeaseMonitor, change: dict[str, object] | None
) -> None:
    scene.write(None if change is None else document(**change))
    with pytest.raises(Superseded):
        monitor.renew("upload")


def test_what_was_decided_is_not_asked_again(scene: Scene, monitor: LeaseMonitor) -> None:
    scene.write(document(training__dynamicsEnabled=False))
    with pytest.raises(Superseded):
        monitor.renew("upload")
    assert scene.clock.slept == []


def test_an_outage_between_two_batches_is_no_reason_to_stop(
    scene: Scene, monitor: LeaseMonitor
) -> None:
    scene.ledger.faults = [ConnectionError("away")]
    scene.clock.advance(1)
    monitor.on_progress(progress())


def test_the_deadline_and_the_eta(scene: Scene, monitor: LeaseMonitor) -> None:
    scene.clock.advance(60)
    monitor.renew("render")
    monitor.on_progress(progress(eta_s=39.0))
    with pytest.raises(Failure, match=r"needs 41 s more; 40 of 100 s are left") as caught:
        monitor.on_progress(progress(eta_s=41.0))
    assert caught.value.code is Code.RENDER_TIMEOUT
    scene.clock.advance(40)
    with pytest.raises(Failure, match="are over"):
        monitor.on_progress(progress())


def test_a_job_that_hangs_does_not_hold_its_lease_for_ever(
    scene: Scene, monitor: LeaseMonitor
) -> None:
    scene.clock.ticking = True
    with monitor.heartbeat:
        scene.clock.advance(150)
        assert scene.record.lease_lives(round(scene.clock.now() * 1000))
        scene.clock.advance(100)
        assert not scene.record.lease_lives(round(scene.clock.now() * 1000))
        with pytest.raises(LeaseLost, match="hangs"):
            monitor.check()


def test_renewing_keeps_the_progress_in_the_ledger_and_extends_the_lease(
    scene: Scene, monitor: LeaseMonitor
) -> None:
    monitor.on_progress(progress(fraction=0.4))
    monitor.renew("upload")
    assert scene.record.percent == 95
    lease = scene.record.lease
    assert lease is not None
    assert lease.expires == round(scene.clock.now() * 1000) + 60_000
    assert scene.ledger.document_writes == []
