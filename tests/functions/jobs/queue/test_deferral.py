"""What is due later is left to a queue: contract.md, section 9."""

from dataclasses import replace

import pytest

from functions.domain.job_record import Dispatch
from functions.domain.task import LookTask, read_subject
from functions.errors import InvalidTask, RetryLater
from liveportrait_core.errors import DeviceLost, OutOfMemory
from tests.functions.scene import AVATAR, IMAGE, SETTINGS, Scene, document


@pytest.fixture
def scene() -> Scene:
    return Scene()


def wish(multiplier: float) -> dict[str, object]:
    return document(training__livePortrait__drivingMultiplier=multiplier)


def look(scene: Scene) -> None:
    """The queue delivers the looks that are due."""
    now_s = scene.clock.now()
    for task in [each for each in scene.queue.looks if each.due_s <= now_s]:
        scene.waitless_gate().handle_look(LookTask.read(task.body))
        scene.queue.looks.remove(task)


def render(scene: Scene) -> None:
    """The queue delivers the first task, at its time."""
    task = scene.queue.pending[0]
    scene.clock.advance(max(task.due_s - scene.clock.now(), 0))
    scene.waitless_renderer().handle_task(read_subject(task.body))
    scene.queue.pending.remove(task)


def test_a_save_holds_no_thread(scene: Scene) -> None:
    scene.waitless_gate().handle_event(scene.write(document()))
    assert scene.clock.slept == []
    assert scene.states == ["queued"]
    assert scene.queue.pending == []
    (task,) = scene.queue.looks
    assert task.due_s == pytest.approx(scene.clock.now() + SETTINGS.debounce_s)
    scene.clock.advance(SETTINGS.debounce_s)
    look(scene)
    render(scene)
    assert scene.clock.slept == []
    assert scene.live["state"] == "ready"


def test_a_slider_that_is_dragged_is_rendered_once(scene: Scene) -> None:
    for step in range(20):
        scene.waitless_gate().handle_event(scene.write(wish(step / 20)))
        scene.clock.advance(0.2)
        look(scene)
    scene.clock.advance(SETTINGS.debounce_s)
    look(scene)
    assert len(scene.queue.pending) == 1
    render(scene)
    assert [options.driving_multiplier for options in scene.renderer.renders] == [0.95]


def test_an_event_that_comes_again_makes_no_second_look(scene: Scene) -> None:
    event = scene.write(document())
    for _ in range(3):
        scene.waitless_gate().handle_event(event)
    assert len(scene.queue.looks) == 1


def test_an_event_that_comes_late_waits_for_no_look(scene: Scene) -> None:
    event = scene.write(document())
    scene.waitless_gate().handle_event(event)
    scene.clock.advance(SETTINGS.debounce_s)
    scene.queue.looks.clear()  # it has been, and its name is taken
    scene.waitless_gate().handle_event(event)
    assert len(scene.queue.pending) == 1


def test_a_queue_that_is_away_has_the_event_redelivered(scene: Scene) -> None:
    def away() -> None:
        raise RetryLater("the queue is away")

    scene.queue.before = [away]
    event = scene.write(document())
    with pytest.raises(RetryLater, match="away"):
        scene.waitless_gate().handle_event(event)
    scene.waitless_gate().handle_event(event)
    assert len(scene.queue.looks) == 1


def test_a_missing_input_is_looked_for_by_looks_and_refuses_no_request(scene: Scene) -> None:
    portrait = scene.media.objects.pop(IMAGE)
    scene.waitless_gate().handle_event(scene.write(document()))
    scene.clock.advance(SETTINGS.debounce_s)
    look(scene)
    (again,) = scene.queue.looks
    assert again.due_s == pytest.approx(scene.clock.now() + 10, abs=0.01)
    scene.media.put(IMAGE, portrait.body)
    scene.clock.advance(10)
    look(scene)
    render(scene)
    assert scene.live["state"] == "ready"


def test_an_input_that_stays_away_fails_after_its_grace(scene: Scene) -> None:
    del scene.media.objects[IMAGE]
    scene.waitless_gate().handle_event(scene.write(document()))
    for _ in range(8):
        scene.clock.advance(10)
        look(scene)
    assert scene.live["error"]["code"] == "HERO_IMAGE_NOT_FOUND"
    assert scene.live["state"] == "failed"
    assert scene.queue.looks == []
    assert scene.queue.pending == []


def out_of_memory() -> None:
    raise OutOfMemory


def dispatched(scene: Scene) -> None:
    scene.gate().handle_event(scene.write(document()))


def test_the_next_attempt_is_a_task_of_its_own_at_its_time(scene: Scene) -> None:
    dispatched(scene)
    for attempt, back_off_s in ((1, 10), (2, 20)):
        scene.renderer.steps = [out_of_memory]
        render(scene)
        assert scene.record.attempts == attempt
        (following,) = scene.queue.pending
        assert following.due_s == pytest.approx(scene.clock.now() + back_off_s)
        assert scene.record.dispatch == following.dispatch
    render(scene)
    assert scene.live["state"] == "ready"
    assert scene.record.dispatch is None
    assert scene.queue.pending == []


def test_a_delivery_before_its_time_is_refused_and_makes_no_other(scene: Scene) -> None:
    dispatched(scene)
    scene.renderer.steps = [out_of_memory]
    render(scene)
    (following,) = scene.queue.pending
    with pytest.raises(RetryLater):
        scene.waitless_renderer().handle_task(read_subject(following.body))
    assert scene.queue.pending == [following]
    assert scene.record.attempts == 1


def away() -> None:
    raise RetryLater("the queue is away")


@pytest.mark.parametrize("left_s", [0, 400])
def test_a_delivery_that_stood_still_makes_the_follow_up_that_another_could_not(
    scene: Scene, left_s: float
) -> None:
    """Its good answer ends the task that was to make it. It has time left to look, or none."""

    def stand_still() -> None:
        scene.clock.advance(480 - left_s)
        scene.renderer.steps = [out_of_memory]
        scene.queue.before = [away]
        with pytest.raises(RetryLater, match="away"):
            scene.waitless_renderer().handle_task(read_subject(task.body))

    dispatched(scene)
    (task,) = scene.queue.pending
    scene.renderer.steps = [stand_still]
    scene.waitless_renderer().handle_task(read_subject(task.body))
    assert scene.record.dispatch not in (None, task.dispatch)
    assert [each.dispatch for each in scene.queue.pending][1:] == [scene.record.dispatch]


def test_a_follow_up_that_was_not_taken_is_made_by_the_redelivery(scene: Scene) -> None:
    dispatched(scene)
    scene.renderer.steps = [out_of_memory]
    scene.queue.before = [away]
    with pytest.raises(RetryLater, match="away"):
        render(scene)
    assert len(scene.queue.pending) == 1
    with pytest.raises(RetryLater):
        render(scene)
    assert [each.dispatch for each in scene.queue.pending][1:] == [scene.record.dispatch]


@pytest.mark.parametrize("lost", [True, False])
def test_a_process_that_ends_has_another_begin_at_once(scene: Scene, lost: bool) -> None:
    def end() -> None:
        if lost:
            raise DeviceLost
        scene.deps.health.tell_end("SIGTERM")

    dispatched(scene)
    scene.renderer.steps = [end, lambda: None]
    render(scene)
    (following,) = scene.queue.pending
    assert following.due_s == pytest.approx(scene.clock.now())
    assert scene.record.attempts == 0


def test_without_a_queue_the_task_is_refused(scene: Scene) -> None:
    dispatched(scene)
    scene.renderer.steps = [out_of_memory]
    with pytest.raises(RetryLater):
        scene.second_instance().handle_task(read_subject(scene.queue.pending[0].body))


def test_another_s_task_is_made_once_more_and_left_alone(scene: Scene) -> None:
    dispatched(scene)
    newer = Dispatch(fingerprint="f" * 16, at=7)

    def other() -> None:
        scene.ledger.keep(AVATAR, replace(scene.record, dispatch=newer))
        raise OutOfMemory

    scene.renderer.steps = [other]
    render(scene)
    assert [each.dispatch for each in scene.queue.pending] == [newer]  # a name is taken once
    assert scene.record.dispatch == newer


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"avatarId": "ava"}', b'{"avatarId": "ava", "wish": 1, "at": 2}']
)
def test_what_is_no_look_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidTask, match="accepted"):
        LookTask.read(body)
