"""Gate and renderer with a queue between them: contract.md, section 9."""

import json
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.domain.document import DocumentWrite
from functions.domain.job_record import Dispatch
from functions.domain.storage_paths import StoredObject
from functions.domain.task import RenderTask, read_subject
from functions.errors import RetryLater
from liveportrait_core import Engine
from liveportrait_core.errors import ImageNoFace, OutOfMemory
from tests.functions.doubles import Fields, about
from tests.functions.jobs.queue.turns import Turns, TurnsLedger, TurnsQueue
from tests.functions.scene import AVATAR, BUCKET, IMAGE, SETTINGS, UNSET, Scene, document
from tests.functions.scripted_renderer import ScriptedRenderer


@pytest.fixture
def scene() -> Scene:
    return Scene()


def wish(multiplier: float) -> Fields:
    return document(training__livePortrait__drivingMultiplier=multiplier)


def run_tasks(scene: Scene) -> None:
    """The queue delivers what it has; what fails stays for the next time."""
    for task in list(scene.queue.pending):
        try:
            scene.second_instance().handle_task(read_subject(task.body))
        except RetryLater:
            continue
        scene.queue.pending.remove(task)


def test_the_gate_acknowledges_as_soon_as_the_task_is_there(scene: Scene) -> None:
    scene.gate().handle_event(scene.write(document()))
    assert scene.renderer.renders == []
    assert scene.states == ["queued"]
    (task,) = scene.queue.pending
    assert task.subject == about(AVATAR)
    assert scene.record.dispatch == task.dispatch
    assert scene.record.lease is None


def test_the_renderer_renders_it_and_takes_the_dispatch_off_the_ledger(scene: Scene) -> None:
    scene.gate().handle_event(scene.write(document()))
    run_tasks(scene)
    assert scene.states == ["queued", "rendering", "ready"]
    assert scene.record.dispatch is None
    assert scene.queue.pending == []
    assert sum(scene.clock.slept) == pytest.approx(SETTINGS.debounce_s)  # the gate's alone


def test_a_slider_that_is_dragged_reaches_the_renderer_once(scene: Scene) -> None:
    events: list[DocumentWrite] = []
    for step in range(20):
        save = partial(lambda value: events.append(scene.write(wish(value))), step / 20)
        scene.clock.after(0.2 * step, save)
    scene.clock.advance(0.1)
    served = 0
    while served < len(events):  # each waits while the later ones are written
        scene.gate().handle_event(events[served])
        served += 1
    run_tasks(scene)
    assert len(scene.queue.names) == 1
    assert [options.driving_multiplier for options in scene.renderer.renders] == [0.95]
    assert scene.starts == 1


def test_duplicates_collapse_while_the_task_lives_and_after(scene: Scene) -> None:
    event = scene.write(document())
    for _ in range(3):
        scene.gate().handle_event(event)
    assert len(scene.queue.names) == 1
    run_tasks(scene)
    scene.gate().handle_event(event)
    assert len(scene.queue.names) == 1
    assert scene.starts == 1


def test_what_is_there_already_is_answered_by_the_gate_alone(scene: Scene) -> None:
    for multiplier in (0.4, 0.5):
        scene.gate().handle_event(scene.write(wish(multiplier)))
        run_tasks(scene)
    scene.gate().handle_event(scene.write(wish(0.4)))
    assert scene.queue.pending == []
    assert scene.live["params"]["drivingMultiplier"] == 0.4
    assert scene.live["state"] == "ready"
    assert scene.starts == 2


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"avatarImageUrl": None}, "blocked"),
        ({"training__dynamicsEnabled": False}, "disabled"),
        ({"training__livePortrait__animationRegion": "nose"}, "failed"),
    ],
)
def test_what_is_not_rendered_wakes_no_renderer(
    scene: Scene, changes: dict[str, object], state: str
) -> None:
    scene.gate().handle_event(scene.write(document(**changes)))
    assert scene.live["state"] == state
    assert scene.queue.names == []


def test_an_input_that_is_missing_is_the_gates_to_wait_for(scene: Scene) -> None:
    portrait = scene.media.objects.pop(IMAGE)
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.gate().handle_event(event)
    assert scene.queue.names == []
    scene.media.put(IMAGE, portrait.body)
    scene.gate().handle_event(event)
    assert len(scene.queue.pending) == 1


def test_a_spent_quota_wakes_no_renderer() -> None:
    scene = Scene(settings=replace(SETTINGS, renders_per_day=1))
    scene.gate().handle_event(scene.write(wish(0.1)))
    run_tasks(scene)
    scene.gate().handle_event(scene.write(wish(0.2)))
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "QUOTA_EXCEEDED")
    assert scene.queue.pending == []


def test_a_queue_that_is_away_has_the_event_redelivered_under_the_same_name(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    event = scene.write(document())

    def away() -> None:
        raise RetryLater("the queue is away")

    scene.queue.after = [away]  # it took the task, and its answer was lost
    with pytest.raises(RetryLater, match="away"):
        scene.gate().handle_event(event)
    scene.queue.before = [away]
    with pytest.raises(RetryLater, match="away"):
        scene.gate().handle_event(event)
    scene.gate().handle_event(event)
    assert len(scene.queue.names) == 1
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    warned = [line for line in told if line["message"] == "task not made"]
    assert [(line["severity"], line["reason"]) for line in warned] == [
        ("WARNING", "the queue is away")
    ] * 2


def test_a_render_in_work_without_a_task_gets_one(scene: Scene) -> None:
    """As after a change of the role from `all` to `gate`: the render may die, the task remains."""
    event = scene.write(document())
    scene.renderer.steps = [lambda: scene.gate().handle_event(event)]
    scene.handler.handle_event(event)
    assert len(scene.queue.pending) == 1
    run_tasks(scene)
    assert scene.starts == 1
    assert scene.record.dispatch is None


def test_a_dispatch_older_than_a_day_is_made_anew(scene: Scene) -> None:
    event = scene.write(document())
    scene.gate().handle_event(event)
    scene.queue.pending.clear()  # the queue gave it up
    scene.clock.advance(23 * 3600)
    scene.gate().handle_event(event)
    assert scene.queue.pending == []
    scene.clock.advance(3600)
    scene.gate().handle_event(event)
    run_tasks(scene)
    assert scene.live["state"] == "ready"


def test_attempts_are_the_queues_retries(scene: Scene) -> None:
    scene.gate().handle_event(scene.write(document()))
    for _ in range(3):
        scene.renderer.steps = [out_of_memory]
        run_tasks(scene)
        scene.clock.advance(61)
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "RENDER_OOM")
    assert scene.queue.pending == []
    assert scene.record.dispatch is None
    assert scene.starts == 3


def test_a_task_for_an_avatar_deleted_meanwhile_leaves_nothing(scene: Scene) -> None:
    scene.gate().handle_event(scene.write(document()))
    scene.write(None)
    run_tasks(scene)
    assert scene.ledger.jobs == {}
    assert scene.outputs == []
    assert scene.renderer.renders == []


def test_a_wish_withdrawn_before_its_task_comes_is_not_rendered(scene: Scene) -> None:
    scene.gate().handle_event(scene.write(document()))
    scene.write(document(training__livePortrait=UNSET))
    run_tasks(scene)
    assert scene.renderer.renders == []
    assert scene.live == {}
    assert scene.record.dispatch is None


def test_a_task_overtaken_by_a_newer_one_leaves_the_work_to_it(scene: Scene) -> None:
    gate = scene.gate()
    gate.handle_event(scene.write(wish(0.3)))

    def save_and_dispatch() -> None:
        gate.handle_event(scene.write(wish(0.7)))
        scene.clock.advance(2)

    scene.renderer.steps = [save_and_dispatch]
    first, second = scene.queue.pending[0], None
    scene.second_instance().handle_task(first.subject)
    assert scene.outputs == []
    second = scene.record.dispatch
    assert second is not None
    assert second != first.dispatch
    run_tasks(scene)
    assert scene.live["params"]["drivingMultiplier"] == 0.7
    assert scene.starts == 2


def test_a_wish_that_is_not_the_dispatched_one_is_given_the_time_to_come_to_rest(
    scene: Scene,
) -> None:
    scene.gate().handle_event(scene.write(wish(0.3)))
    scene.write(wish(0.5))
    scene.clock.after(2.0, lambda: scene.write(wish(0.6)))
    scene.clock.slept.clear()
    run_tasks(scene)
    assert [options.driving_multiplier for options in scene.renderer.renders] == [0.6]
    assert scene.clock.slept == [SETTINGS.debounce_s] * 2


def test_gate_and_renderer_of_two_versions_still_come_to_an_end(scene: Scene) -> None:
    """While a deployment rolls, one names the render otherwise than the other."""
    newer = ScriptedRenderer(engine=Engine.MESH, engine_version="mesh-2-89abcdef")
    event = scene.write(document())
    scene.gate().handle_event(event)
    scene.second_instance(newer).handle_task(about(AVATAR))
    assert len(newer.renders) == 1
    assert scene.live["state"] == "ready"
    assert scene.record.dispatch is None


def test_a_fault_nobody_foresaw_never_ends_the_task_for_its_age(scene: Scene) -> None:
    scene.gate().handle_event(scene.write(document()))
    scene.clock.advance(601)
    scene.media.faults["find"] = [OSError("broken") for _ in range(3)]
    for _ in range(3):
        run_tasks(scene)
        assert len(scene.queue.pending) == 1
    assert "failed" not in scene.states
    run_tasks(scene)
    assert (scene.live["state"], scene.record.dispatch) == ("ready", None)


def test_a_task_does_not_end_while_its_failure_cannot_be_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.gate().handle_event(scene.write(document()))
    scene.clock.advance(90_000)

    def both_away(path: str) -> None:
        scene.ledger.faults = [ConnectionError("the database is away")]
        raise OSError(f"storage is away: {path}")

    monkeypatch.setattr(scene.media, "find", both_away)
    for _ in range(5):
        with pytest.raises(RetryLater, match="storage is away"):
            scene.second_instance().handle_task(about(AVATAR))
        scene.clock.advance(600)
    assert scene.record.dispatch is not None
    assert "failed" not in scene.states


def overwrite(scene: Scene, body: bytes = b"another portrait") -> None:
    """The portrait is overwritten under its URL, and nobody saves."""
    scene.clock.advance(1)
    scene.media.put(IMAGE, body)


def out_of_memory() -> None:
    raise OutOfMemory("no room")


def test_a_delivery_whose_task_another_one_has_ended_begins_no_render(scene: Scene) -> None:
    """The queue has forgotten the task by then: a failed attempt would be nobody's to repeat."""
    scene.gate().handle_event(scene.write(document()))
    find = scene.media.find

    def end_it_meanwhile(path: str) -> StoredObject | None:
        scene.media.find = find  # type: ignore[method-assign]
        scene.second_instance().handle_task(about(AVATAR))
        overwrite(scene)
        scene.renderer.steps = [out_of_memory]
        return find(path)

    scene.media.find = end_it_meanwhile  # type: ignore[method-assign]
    scene.handler.handle_task(about(AVATAR))
    assert scene.states == ["queued", "rendering", "ready"]
    assert scene.starts == 1
    scene.handler.handle_task(about(AVATAR))  # nor does one that comes later
    assert scene.starts == 1


def test_a_task_takes_no_other_tasks_dispatch_off_the_ledger(scene: Scene) -> None:
    event = scene.write(document())
    scene.gate().handle_event(event)

    def overwrite_and_dispatch() -> None:
        overwrite(scene)
        scene.gate().handle_event(event)  # a duplicate

    scene.renderer.steps = [overwrite_and_dispatch]
    first, *_ = scene.queue.pending
    scene.handler.handle_task(about(AVATAR))
    newer = scene.record.dispatch
    assert newer is not None
    assert newer != first.dispatch
    run_tasks(scene)
    assert scene.live["fingerprint"] == newer.fingerprint
    assert scene.record.dispatch is None


def test_a_gate_that_stood_still_does_not_acknowledge_for_a_task_that_was_ended(
    scene: Scene,
) -> None:
    event = scene.write(document())

    def meanwhile() -> None:
        scene.gate().handle_event(event)  # redelivered
        run_tasks(scene)
        overwrite(scene)

    scene.queue.before = [meanwhile]
    scene.gate().handle_event(event)
    assert len(scene.queue.pending) == 1
    run_tasks(scene)
    assert scene.starts == 2
    assert scene.record.dispatch is None


def test_a_new_owner_keeps_the_task_that_stands(scene: Scene) -> None:
    """The app's server gives the avatar to another user while it is rendered."""
    scene.gate().handle_event(scene.write(document()))
    scene.renderer.steps = [
        lambda: scene.ledger.documents[AVATAR].update(userId="owner-2"),
        lambda: scene.clock.advance(2),
    ]
    run_tasks(scene)
    assert scene.live["state"] == "ready"
    assert (scene.record.owner, scene.record.dispatch) == ("owner-2", None)


APP, FIRST_GATE, SECOND_GATE, RENDERER = range(4)
SOME_MOVES = st.integers(0, 8)
BURSTS = st.lists(st.tuples(st.integers(APP, RENDERER), st.integers(1, 8)), max_size=12)


@settings(deadline=None, max_examples=150)
@given(data=st.data(), bursts=BURSTS, fails=st.booleans())
def test_a_wish_taken_back_and_renewed_is_rendered_in_every_interleaving(
    data: st.DataObject, bursts: list[tuple[int, int]], fails: bool
) -> None:
    """A → B → A: wherever the first A's task is under way as the second A is handed over."""
    between = [RENDERER, APP, FIRST_GATE, RENDERER, APP, FIRST_GATE, SECOND_GATE]
    order = [(actor, 1 if actor == APP else data.draw(SOME_MOVES)) for actor in between]
    scene = Scene()
    scene.renderer.steps = [no_face] if fails else []  # whichever is rendered first
    play_a_b_a(scene, [actor for actor, moves in (*order, *bursts) for _ in range(moves)])
    for _ in range(10):
        run_tasks(scene)
        scene.clock.advance(61)
    assert scene.queue.pending == []
    assert scene.record.dispatch is None
    assert scene.live["state"] in (["failed", "ready"] if fails else ["ready"])
    assert scene.live["params"]["drivingMultiplier"] == 0.1


@pytest.mark.parametrize("begun", range(3, 9))
@pytest.mark.parametrize("heard", range(2, 5))
def test_a_failure_that_another_wish_has_cleared_is_tried_again(begun: int, heard: int) -> None:
    """B is heard after A failed for good and before A's task is at its end: A counts anew."""
    scene = Scene()
    scene.renderer.steps = [no_face]
    order = [(RENDERER, begun), (APP, 1), (FIRST_GATE, heard), (APP, 1), (SECOND_GATE, 8)]
    play_a_b_a(scene, [actor for actor, moves in order for _ in range(moves)])
    run_tasks(scene)
    assert scene.queue.pending == []
    assert scene.live["state"] in ("failed", "ready")
    assert scene.record.dispatch is None


def no_face() -> None:
    raise ImageNoFace("no face")


def play_a_b_a(scene: Scene, schedule: list[int]) -> None:
    """A is dispatched; then app, a gate for each event and the renderer move as scheduled."""
    turns = Turns()
    ledger, queue = TurnsLedger(scene.clock), TurnsQueue()
    ledger.turns = queue.turns = turns
    scene.queue = queue
    scene.use(ledger)
    scene.gate().handle_event(scene.write(wish(0.1)))
    events: list[DocumentWrite] = []

    def app() -> None:
        for multiplier in (0.2, 0.1):
            events.append(scene.write(wish(multiplier)))
            scene.clock.advance(0.001)
            turns.wait()

    def gate(number: int) -> None:
        while len(events) <= number:
            turns.wait()
        scene.gate().handle_event(events[number])

    for act in (app, lambda: gate(0), lambda: gate(1), lambda: run_tasks(scene)):
        turns.add(act)
    turns.play(schedule)


def test_a_tasks_name_holds_nothing_of_the_avatars_id() -> None:
    task = RenderTask(subject=about("ünï:cödé 1"), dispatch=Dispatch(fingerprint="ab12", at=17))
    head, *rest = task.task_id.split("-")
    assert rest == ["ab12", "17"]
    assert len(head) == 16
    assert head.isalnum()
    assert BUCKET not in task.task_id
