"""Moments that the document tells: since when, until when, and when it ended."""

import pytest

from functions.errors import RetryLater
from liveportrait_core.errors import OutOfMemory
from tests.functions.scene import Scene, document


@pytest.fixture
def scene() -> Scene:
    return Scene()


def run_out_of_memory() -> None:
    raise OutOfMemory


def test_the_deadline_counts_from_the_events_entry_not_from_the_claim(scene: Scene) -> None:
    scene.clock.ticking = True
    scene.clock.after(1, lambda: scene.clock.advance(200))  # the debounce is held up
    scene.renderer.steps = [lambda: scene.clock.advance(300)]  # 500 s in all, 300 since the claim
    with pytest.raises(RetryLater):
        scene.save(document())
    assert scene.live["error"]["code"] == "RENDER_TIMEOUT"
    assert scene.outputs == []


def test_a_request_is_as_old_as_its_first_answer(scene: Scene) -> None:
    saved_ms = round(scene.clock.now() * 1000)
    scene.renderer.steps = [run_out_of_memory]
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert scene.redeliver(event, times=5) == 1
    assert scene.live["state"] == "ready"
    assert scene.live["requestedAt"] == saved_ms
    assert scene.live["startedAt"] > saved_ms


def test_a_final_failure_says_when(scene: Scene) -> None:
    event = scene.write(document())
    for _ in range(3):
        scene.renderer.steps = [run_out_of_memory]
        try:
            scene.handler.handle_event(event)
        except RetryLater:
            assert "finishedAt" not in scene.live
            scene.clock.advance(21)
    assert scene.live["state"] == "failed"
    assert scene.live["finishedAt"] == round(scene.clock.now() * 1000)
