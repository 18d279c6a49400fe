"""What holds a job in flight: the heartbeat in its own thread, the checks between batches."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from functions.errors import Code, Failure, LeaseLost, Superseded
from functions.record import Lease, Purpose, Record
from functions.sight import look
from functions.standing import Claim, Verdict
from functions.vigil import Heartbeat, Vigil
from liveportrait_core import Progress, Stage
from tests.functions.scene import AVATAR, SETTINGS, Scene, document


def eventually(seen: threading.Event) -> None:
    assert seen.wait(10)


def test_a_heartbeat_renews_until_its_block_ends() -> None:
    beats = threading.Semaphore(0)

    def renew() -> Verdict:
        beats.release()
        return Verdict.DONE

    with Heartbeat(renew, every_s=0.01, lease_s=60) as heartbeat:
        for _ in range(3):
            assert beats.acquire(timeout=10)
        heartbeat.check()
    while beats.acquire(blocking=False):
        pass
    assert not beats.acquire(timeout=0.05)


@pytest.mark.parametrize(
    ("verdict", "stop"), [(Verdict.LOST, LeaseLost), (Verdict.MOVED, Superseded)]
)
def test_47_a_lease_that_is_anothers_stops_the_job(verdict: Verdict, stop: type[Exception]) -> None:
    asked = threading.Event()

    def renew() -> Verdict:
        asked.set()
        return verdict

    with Heartbeat(renew, every_s=0.01, lease_s=60) as heartbeat:
        eventually(asked)
        for _ in range(1000):
            try:
                heartbeat.check()
            except stop:
                break
            time.sleep(0.01)
        with pytest.raises(stop):
            heartbeat.beat()


def test_a_renewal_that_fails_now_and_then_is_tried_again() -> None:
    healed = threading.Event()
    faults: Iterator[Exception] = iter([ConnectionError(), TimeoutError()])

    def renew() -> Verdict:
        for fault in faults:
            raise fault
        healed.set()
        return Verdict.DONE

    with Heartbeat(renew, every_s=0.01, lease_s=60) as heartbeat:
        eventually(healed)
        heartbeat.check()


def test_21_a_job_that_cannot_renew_stops() -> None:
    def renew() -> Verdict:
        raise ConnectionError("away")

    with Heartbeat(renew, every_s=0.01, lease_s=0.05) as heartbeat:
        time.sleep(0.1)
        with pytest.raises(LeaseLost, match=r"renewed 0\.\d s ago"):
            heartbeat.check()


def test_47_a_job_that_was_paused_stops_before_asking_anybody() -> None:
    heartbeat = Heartbeat(lambda: pytest.fail("asked"), every_s=60, lease_s=0.02)
    time.sleep(0.05)
    with pytest.raises(LeaseLost):
        heartbeat.beat()


@pytest.fixture
def scene() -> Scene:
    scene = Scene(settings=replace(SETTINGS, deadline_s=100))
    scene.write(document())
    return scene


@pytest.fixture
def vigil(scene: Scene) -> Vigil:
    asked = look(scene.means, AVATAR).asked
    assert asked is not None
    scene.ledger.keep(
        AVATAR,
        Record(
            fingerprint=asked.fingerprint,
            lease=Lease(
                owner="me", purpose=Purpose.RENDER, fingerprint=asked.fingerprint, expires=1
            ),
        ),
    )
    scene.ledger.calls.clear()
    return Vigil(
        scene.means,
        avatar_id=AVATAR,
        claim=Claim(owner="me", asked=asked),
        deadline=scene.clock.monotonic() + 100,
    )


def progress(fraction: float = 0.5, eta_s: float | None = None) -> Progress:
    return Progress(stage=Stage.RENDER, fraction=fraction, eta_s=eta_s)


def test_the_document_is_looked_at_once_a_second_at_most(scene: Scene, vigil: Vigil) -> None:
    for _ in range(40):
        scene.clock.advance(0.25)
        vigil.watch(progress())
    assert scene.ledger.calls == {"read": 10}


def test_03_a_document_that_moved_on_stops_the_job(scene: Scene, vigil: Vigil) -> None:
    scene.write(document(training__livePortrait__drivingMultiplier=0.9))
    vigil.watch(progress())
    scene.clock.advance(1)
    with pytest.raises(Superseded):
        vigil.watch(progress())


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
def test_10_11_16_what_asks_for_the_same_lets_it_go_on(
    scene: Scene, vigil: Vigil, change: dict[str, object]
) -> None:
    scene.write(document(**change))
    scene.clock.advance(1)
    vigil.watch(progress())
    vigil.renew("upload")
    assert scene.record.held_by("me")


@pytest.mark.parametrize(
    "change", [{"training__dynamicsEnabled": False}, {"avatarImageUrl": None}, None]
)
def test_disabled_blocked_or_gone_stops_it(
    scene: Scene, vigil: Vigil, change: dict[str, object] | None
) -> None:
    scene.write(None if change is None else document(**change))
    with pytest.raises(Superseded):
        vigil.renew("upload")


def test_an_outage_between_two_batches_is_no_reason_to_stop(scene: Scene, vigil: Vigil) -> None:
    scene.ledger.faults = [ConnectionError("away")]
    scene.clock.advance(1)
    vigil.watch(progress())


def test_the_deadline_and_the_eta(scene: Scene, vigil: Vigil) -> None:
    scene.clock.advance(60)
    vigil.watch(progress(eta_s=39.0))
    with pytest.raises(Failure, match=r"needs 41 s more; 40 of 100 s are left") as caught:
        vigil.watch(progress(eta_s=41.0))
    assert caught.value.code is Code.RENDER_TIMEOUT
    scene.clock.advance(40)
    with pytest.raises(Failure, match="are over"):
        vigil.watch(progress())


def test_renewing_keeps_the_progress_in_the_ledger_and_extends_the_lease(
    scene: Scene, vigil: Vigil
) -> None:
    vigil.watch(progress(fraction=0.4))
    vigil.renew("upload")
    assert scene.record.percent == 95
    lease = scene.record.lease
    assert lease is not None
    assert lease.expires == round(scene.clock.now() * 1000) + 60_000
    assert scene.ledger.document_writes == []
