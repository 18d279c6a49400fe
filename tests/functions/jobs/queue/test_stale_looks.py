"""A delivery that looked, then stood still, and decides by what is there no longer."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.domain.document import DocumentWrite
from functions.domain.storage_paths import OWNER_KEY, StoredObject
from tests.functions.scene import AVATAR, IMAGE, Scene, document


@pytest.fixture
def scene() -> Scene:
    return Scene()


def while_it_looks(scene: Scene, act: Callable[[], object], *, at_look: int = 1) -> None:
    """Let something happen after the portrait has been looked up, at one of the looks."""
    find, looks = scene.media.find, [0]

    def slow(path: str) -> StoredObject | None:
        found = find(path)
        looks[0] += path == IMAGE
        if path == IMAGE and looks[0] == at_look:
            scene.media.find = find  # type: ignore[method-assign]
            act()
        return found

    scene.media.find = slow  # type: ignore[method-assign]


@pytest.mark.parametrize("at_look", [1, 2], ids=["before the debounce", "after it"])
def test_an_overwritten_portrait_is_asked_for_by_no_late_look(scene: Scene, at_look: int) -> None:
    """A duplicate has rendered the new one meanwhile: neither lease nor answer is disturbed."""
    event = scene.write(document())
    while_it_looks(scene, lambda: overwrite_and_serve(scene, event), at_look=at_look)
    scene.handler.handle_event(event)
    assert scene.states == ["queued"] * at_look + ["rendering", "ready"]
    assert scene.starts == 1


def test_a_late_look_does_not_queue_again_what_a_task_stands_for(scene: Scene) -> None:
    event = scene.write(document())

    def overwrite_and_dispatch() -> None:
        overwrite(scene)
        scene.gate().handle_event(event)

    while_it_looks(scene, overwrite_and_dispatch)
    scene.gate().handle_event(event)
    assert scene.states == ["queued"]
    assert len(scene.queue.names) == 1


def test_a_refusal_for_an_input_that_was_there_ends_no_render(scene: Scene) -> None:
    scene.media.put(IMAGE, b"portrait", metadata={OWNER_KEY: "mallory"})
    event = scene.write(document())
    while_it_looks(scene, lambda: overwrite_and_serve(scene, event), at_look=2)
    scene.handler.handle_event(event)
    assert scene.live["state"] == "ready"
    assert "failed" not in scene.states


@pytest.mark.parametrize("change", ["a portrait overwritten", "a poster destroyed"])
def test_who_has_rendered_sees_that_it_answers_what_is_there_now(scene: Scene, change: str) -> None:
    """As it woke, another delivery was at it: had it acknowledged, nobody would repeat that one."""

    def changed() -> None:
        if change == "a portrait overwritten":
            overwrite(scene)
        else:
            del scene.media.objects[scene.outputs[-1]]

    event = scene.write(document())
    after_the_commit(scene, changed)
    scene.handler.handle_event(event)
    assert scene.states == ["queued", "rendering", "ready", "rendering", "ready"]
    assert scene.live["idleVideoPath"] in scene.outputs
    assert len(scene.outputs) == 2 * len(scene.record.results)


def after_the_commit(scene: Scene, act: Callable[[], object]) -> None:
    """Let something happen when a result has been published."""
    transact = scene.ledger.transact

    def hooked(*given: Any, **more: Any) -> Any:
        change = transact(*given, **more)
        if scene.live.get("state") == "ready":
            scene.ledger.transact = transact  # type: ignore[method-assign]
            act()
        return change

    scene.ledger.transact = hooked  # type: ignore[method-assign]


def overwrite(scene: Scene) -> None:
    scene.clock.advance(1)
    scene.media.put(IMAGE, b"another portrait", metadata={OWNER_KEY: "owner-1"})


def overwrite_and_serve(scene: Scene, event: DocumentWrite) -> None:
    overwrite(scene)
    scene.second_instance().handle_event(event)
    assert scene.ledger.documents[AVATAR]["livePortrait"]["state"] == "ready"
