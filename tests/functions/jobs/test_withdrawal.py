"""Opting out while a render is under way, however the render ends: nothing is left pending."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.domain.document import DocumentWrite
from functions.domain.job_record.status_view import DELETED
from functions.domain.snapshot import TransactionResult
from functions.errors import LeaseLost, RetryLater
from liveportrait_core.errors import ImageNoFace, OutOfMemory
from tests.functions.doubles import about
from tests.functions.scene import AVATAR, IMAGE, UNSET, Scene, document


class Killed(BaseException):
    """The process is no more."""


@pytest.fixture
def scene() -> Scene:
    return Scene()


def opt_out(scene: Scene) -> DocumentWrite:
    return scene.write(document(training__livePortrait=UNSET))


def move(scene: Scene, multiplier: float = 0.5) -> DocumentWrite:
    return scene.write(document(training__livePortrait__drivingMultiplier=multiplier))


def fail_with(fault: BaseException) -> Callable[[], object]:
    def fail() -> None:
        raise fault

    return fail


def is_at_rest(scene: Scene) -> bool:
    pending = scene.live.get("state") in ("queued", "rendering")
    return not pending and not scene.record.lease_lives(round(scene.clock.now() * 1000))


def test_moved_on_and_then_opted_out_before_the_newer_event_arrives(scene: Scene) -> None:
    scene.save(document(training__livePortrait__drivingMultiplier=0.1))
    video = scene.live["idleVideoUrl"]
    later: list[DocumentWrite] = []

    def save() -> None:
        later.append(move(scene))
        scene.clock.advance(1.5)  # the job looks, and stops

    scene.renderer.steps = [save]
    scene.save(document())
    later.append(opt_out(scene))
    for event in later:
        scene.handler.handle_event(event)
    assert is_at_rest(scene)
    assert (scene.live["state"], scene.live["idleVideoUrl"]) == ("ready", video)
    assert scene.live["params"]["drivingMultiplier"] == 0.1


def test_without_a_result_nothing_is_shown_any_more(scene: Scene) -> None:
    later: list[DocumentWrite] = []

    def save() -> None:
        later.append(move(scene))
        scene.clock.advance(1.5)

    scene.renderer.steps = [save]
    scene.save(document())
    later.append(opt_out(scene))
    for event in later:
        scene.handler.handle_event(event)
    assert "livePortrait" not in scene.ledger.documents[AVATAR]
    assert scene.record.lease is None


def test_giving_up_the_lease_takes_back_what_is_pending_in_the_same_transaction(
    scene: Scene,
) -> None:
    changes: list[TransactionResult[Any]] = []

    def give_up() -> None:
        opt_out(scene)
        held = scene.ledger.read(about(AVATAR))
        assert held.record.lease is not None
        changes.append(scene.transitions.release(held, held.record.lease.owner))

    scene.renderer.steps = [give_up]
    scene.save(document())
    (change,) = changes
    assert change.record is not None
    assert change.record.lease is None
    assert change.fields == {"livePortrait": DELETED}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_moved_on_and_opted_out_while_the_job_has_not_looked_yet(
    scene: Scene, order: tuple[int, int]
) -> None:
    """The job goes on, as for any removal, and its video is shown."""
    later: list[DocumentWrite] = []
    scene.renderer.steps = [
        lambda: later.extend([move(scene), opt_out(scene)]),
        lambda: scene.clock.advance(1.5),
    ]
    scene.save(document())
    for number in order:
        scene.handler.handle_event(later[number])
    assert is_at_rest(scene)
    assert scene.live["state"] == "ready"


def test_the_portrait_is_overwritten_after_opting_out(scene: Scene) -> None:
    fetch, later = scene.media.fetch, []

    def overwritten(*what: Any) -> None:
        scene.media.fetch = fetch  # type: ignore[method-assign]
        later.append(opt_out(scene))
        scene.media.put(IMAGE, b"another")
        fetch(*what)

    scene.media.fetch = overwritten  # type: ignore[method-assign, assignment]
    scene.save(document())
    scene.handler.handle_event(later[0])
    assert is_at_rest(scene)


def test_the_lease_is_lost_after_opting_out(scene: Scene) -> None:
    later: list[DocumentWrite] = []
    scene.renderer.steps = [lambda: later.append(opt_out(scene)), fail_with(LeaseLost())]
    scene.save(document())
    scene.handler.handle_event(later[0])
    assert is_at_rest(scene)


@pytest.mark.parametrize("pause_s", [0, 61])
def test_killed_after_opting_out(scene: Scene, pause_s: float) -> None:
    """The redelivery finds the document asking for nothing, and the lease perhaps still living."""
    event = scene.write(document())
    later: list[DocumentWrite] = []
    scene.renderer.steps = [lambda: later.append(opt_out(scene)), fail_with(Killed())]
    with pytest.raises(Killed):
        scene.handler.handle_event(event)
    assert scene.live["state"] == "rendering"
    scene.handler.handle_event(later[0])
    scene.clock.advance(pause_s)
    scene.handler.handle_event(event)
    assert is_at_rest(scene)


def test_killed_after_opting_out_the_task_sees_to_it(scene: Scene) -> None:
    gate, renderer = scene.gate(), scene.second_instance()
    gate.handle_event(scene.write(document()))
    later: list[DocumentWrite] = []
    scene.renderer.steps = [lambda: later.append(opt_out(scene)), fail_with(Killed())]
    with pytest.raises(Killed):
        renderer.handle_task(about(AVATAR))
    began = scene.clock.now()
    gate.handle_event(later[0])
    assert scene.clock.now() == began, "the gate waits for no render"
    renderer.handle_task(about(AVATAR))
    assert is_at_rest(scene)
    assert scene.record.dispatch is None


def test_the_gate_settles_what_no_task_stands_for(scene: Scene) -> None:
    event = scene.write(document())
    later: list[DocumentWrite] = []
    scene.clock.after(1, lambda: later.append(opt_out(scene)))  # while it is debounced
    scene.gate().handle_event(event)
    assert is_at_rest(scene)
    assert scene.queue.pending == []
    scene.gate().handle_event(later[0])
    assert is_at_rest(scene)


def test_a_passing_fault_while_opted_out_is_not_held_against_opting_in_again(scene: Scene) -> None:
    later: list[DocumentWrite] = []
    scene.renderer.steps = [lambda: later.append(opt_out(scene)), fail_with(OutOfMemory())]
    scene.save(document())
    scene.handler.handle_event(later[0])
    assert is_at_rest(scene)
    assert "livePortrait" not in scene.ledger.documents[AVATAR]
    scene.save(document())
    assert scene.live["state"] == "ready"


def test_what_no_retry_can_cure_is_final_also_while_opted_out(scene: Scene) -> None:
    later: list[DocumentWrite] = []
    scene.renderer.steps = [lambda: later.append(opt_out(scene)), fail_with(ImageNoFace())]
    scene.save(document())
    scene.handler.handle_event(later[0])
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "IMAGE_NO_FACE")
    scene.save(document())
    assert len(scene.renderer.renders) == 1


def test_a_job_that_outlives_the_deadline_of_who_waits_for_it_is_asked_for_again(
    scene: Scene,
) -> None:
    event = scene.write(document())

    def opted_out_for_long() -> None:
        opt_out(scene)
        scene.clock.ticking = True
        with pytest.raises(RetryLater, match="outlived"):
            scene.second_instance().handle_event(event)

    scene.renderer.steps = [opted_out_for_long]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    scene.redeliver(event)
    assert is_at_rest(scene)
