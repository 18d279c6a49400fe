"""An owner's renders in flight are bounded where they are dispatched: contract.md, section 9."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from functions.domain.document import DocumentWrite
from functions.domain.task import read_subject
from functions.errors import RetryLater
from tests.functions.doubles import Fields, about
from tests.functions.scene import AVATAR, BUCKET, SETTINGS, UNSET, Scene, document, snapshot

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def scene() -> Scene:
    """Four avatars of one owner, two of whose renders may be in flight at once."""
    return crowd(most=2)


def crowd(*, most: int, owner: Callable[[str], object] = lambda _: "owner-1") -> Scene:
    scene = Scene(settings=replace(SETTINGS, renders_per_owner_at_once=most))
    for name in NAMES:
        for file in ("hero.jpg", "heroVideo.mp4"):
            scene.media.put(f"avatars/{name}/{file}", file.encode())
        scene.ledger.documents[name] = document(
            userId=owner(name),
            avatarImageUrl=f"gs://{BUCKET}/avatars/{name}/hero.jpg",
            training__heroVideoUrl=f"gs://{BUCKET}/avatars/{name}/heroVideo.mp4",
        )
    return scene


def save(scene: Scene, *names: str) -> None:
    """The gate looks at what was saved."""
    for name in names:
        scene.clock.advance(1)
        scene.gate().handle_subject(about(name))


def deliver(scene: Scene) -> str:
    """The queue delivers its first task, and forgets it if that is answered well; whose it was."""
    task = scene.queue.pending[0]
    scene.waitless_renderer().handle_task(read_subject(task.body))
    scene.queue.pending.pop(0)
    return task.subject.avatar_id


def shown(scene: Scene, name: str) -> Fields:
    fields: Fields = scene.ledger.documents[name].get("livePortrait", {})
    return fields


def test_what_is_beyond_waits_and_is_rendered_in_its_turn(scene: Scene) -> None:
    save(scene, *NAMES)
    assert [task.subject.avatar_id for task in scene.queue.pending] == ["a", "b"]
    for name, position in (("c", 1), ("d", 2)):
        assert shown(scene, name)["state"] == "queued"
        assert shown(scene, name)["waiting"] == {"reason": "OWNER_LIMIT", "position": position}
        assert shown(scene, name)["error"] is None
    order = [deliver(scene) for _ in NAMES]
    assert order == list(NAMES)
    assert scene.queue.pending == []
    assert all(shown(scene, name)["state"] == "ready" for name in NAMES)
    assert not any("waiting" in shown(scene, name) for name in NAMES)
    assert scene.ledger.lines == {"owner-1": {}}


def test_no_owner_waits_for_another(scene: Scene) -> None:
    crowded = crowd(most=1, owner=lambda name: f"owner-{name}" if name == "d" else "owner-1")
    save(crowded, *NAMES)
    assert [task.subject.avatar_id for task in crowded.queue.pending] == ["a", "d"]


def test_who_has_no_owner_is_not_held_up() -> None:
    crowded = crowd(most=1, owner=lambda _: 5)
    save(crowded, *NAMES)
    assert len(crowded.queue.pending) == 4
    assert crowded.ledger.lines == {}


def test_a_slider_that_moves_on_keeps_its_place(scene: Scene) -> None:
    save(scene, *NAMES)
    inputs = scene.ledger.documents["c"]["training"]["livePortrait"]
    inputs["drivingMultiplier"] = 0.9
    save(scene, "c")
    assert shown(scene, "c")["waiting"]["position"] == 1
    assert [deliver(scene) for _ in NAMES] == list(NAMES)
    assert shown(scene, "c")["params"]["drivingMultiplier"] == 0.9


def test_the_time_is_estimated_by_its_own_last_renders(scene: Scene) -> None:
    scene.renderer.steps = [lambda: scene.clock.advance(20)]
    save(scene, "d")
    deliver(scene)
    save(scene, "a", "b", "c")
    scene.ledger.documents["d"]["training"]["livePortrait"]["drivingMultiplier"] = 0.9
    save(scene, "d")
    assert "etaSeconds" not in shown(scene, "c"), "it was never rendered"
    assert shown(scene, "d")["waiting"]["position"] == 2
    assert shown(scene, "d")["etaSeconds"] == 40


def test_an_event_that_comes_twice_is_told_once(scene: Scene) -> None:
    save(scene, *NAMES)
    written = len(scene.ledger.document_writes)
    save(scene, "c", "d", "c")
    assert len(scene.ledger.document_writes) == written
    assert len(scene.queue.pending) == 2


# --- no wake-up is lost


def test_a_renderer_that_dies_before_it_wakes_the_next_does_so_when_it_is_asked_again(
    scene: Scene,
) -> None:
    save(scene, *NAMES)
    scene.queue.before = [away]
    with pytest.raises(RetryLater):
        deliver(scene)
    assert shown(scene, "a")["state"] == "ready"
    assert [deliver(scene) for _ in NAMES] == list(NAMES)


def test_a_deleted_avatar_gives_its_turn_away(scene: Scene) -> None:
    save(scene, *NAMES)
    for name in ("a", "b"):
        before = snapshot(scene.ledger.documents.pop(name))
        scene.gate().handle_event(
            DocumentWrite(
                subject=about(name), before=before, after=None, committed_s=scene.clock.now()
            )
        )
    assert [task.subject.avatar_id for task in scene.queue.pending] == ["a", "b", "c", "d"]
    while scene.queue.pending:
        deliver(scene)
    assert [shown(scene, name)["state"] for name in ("c", "d")] == ["ready", "ready"]


def test_a_deleted_avatar_that_waits_is_passed_over(scene: Scene) -> None:
    save(scene, *NAMES)
    del scene.ledger.documents["c"]
    scene.gate().handle_subject(about("c"))
    deliver(scene)
    assert scene.queue.pending[-1].subject == about("d")


def test_a_task_in_vain_waits_on_under_another_name(scene: Scene) -> None:
    save(scene, *NAMES)
    scene.waitless_renderer().handle_task(about("c"))  # a wake-up that another has overtaken
    assert scene.renderer.renders == []
    held = scene.ledger.record("c").dispatch
    assert held is not None
    assert held.at > held.held > 0
    assert [deliver(scene) for _ in NAMES] == list(NAMES)


def test_a_turn_that_an_earlier_version_has_ended_is_free(scene: Scene) -> None:
    """It takes the dispatch off the ledger, and knows no list."""
    save(scene, *NAMES)
    scene.queue.pending.clear()
    line = dict(scene.ledger.lines["owner-1"])
    for name in ("a", "b"):
        scene.ledger.keep(name, replace(scene.ledger.record(name), dispatch=None))
    assert scene.ledger.lines["owner-1"] == line
    save(scene, "d")
    assert [deliver(scene) for _ in "cd"] == ["c", "d"]


def test_where_too_many_wait_the_event_comes_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.domain.transitions.dispatches.MOST_WAITING", 1)
    save(scene, "a", "b", "c")
    with pytest.raises(RetryLater):
        save(scene, "d")
    assert scene.ledger.record("d").dispatch is None
    deliver(scene)
    save(scene, "d")
    assert scene.ledger.record("d").dispatch is not None


# --- what follows a task stays in its queue


def test_what_follows_a_repair_waits_behind_what_was_saved(scene: Scene) -> None:
    scene.queue.name = "repairs"
    save(scene, "a")
    scene.queue.name = "renders"
    scene.renderer.steps = [out_of_memory]
    deliver(scene)
    (following,) = scene.queue.pending
    assert (following.due_s > 0, following.queue) == (True, "repairs")


def out_of_memory() -> None:
    raise MemoryError


def test_a_save_does_not_wait_where_a_repair_does(scene: Scene) -> None:
    scene.queue.name = "repairs"
    save(scene, "a")
    scene.queue.pending.clear()
    scene.queue.names.clear()  # of another queue
    scene.queue.name = "renders"
    save(scene, "a")
    (task,) = scene.queue.pending
    assert task.queue == "renders"
    assert AVATAR not in scene.ledger.jobs


def test_a_task_that_was_noted_and_never_made_keeps_no_turn() -> None:
    """The gate dies in between, and the document asks for nothing any more."""
    crowded = crowd(most=1)
    event = crowded.write(document())
    crowded.queue.before = [away]
    with pytest.raises(RetryLater):
        crowded.gate().handle_event(event)
    crowded.write(document(training__livePortrait=UNSET))
    crowded.gate().handle_event(event)  # redelivered: it has moved on
    save(crowded, "a")
    assert shown(crowded, "a")["waiting"]["position"] == 1
    assert [deliver(crowded) for _ in range(2)] == [AVATAR, "a"]
    assert shown(crowded, "a")["state"] == "ready"


def away() -> None:
    raise RetryLater("the queue is away")
