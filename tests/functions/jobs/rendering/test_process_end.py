"""A process that is told to end, or whose GPU is lost: contract.md, section 4."""

from dataclasses import replace
from pathlib import Path

import pytest

from functions.domain.storage_paths import StoredObject
from functions.errors import RetryLater
from functions.jobs.dispatch import InlineDispatcher
from functions.jobs.handler import RenderHandler
from functions.runtime.process_health import ProcessHealth
from liveportrait_core.errors import DeviceLost, ImageNoFace
from tests.functions.scene import UNSET, Scene, document


@pytest.fixture
def scene() -> Scene:
    return Scene()


def another(scene: Scene) -> RenderHandler:
    """A process that has just started."""
    deps = replace(scene.deps, health=ProcessHealth())
    return RenderHandler(deps, InlineDispatcher(deps, scene.renderer))


def told_to_end(scene: Scene) -> None:
    scene.deps.health.tell_end("SIGTERM")


def lose_device() -> None:
    raise DeviceLost


def defect() -> None:
    raise ZeroDivisionError


def test_a_render_is_given_back_and_its_redelivery_renders_at_once(scene: Scene) -> None:
    event = scene.write(document())
    scene.renderer.steps = [lambda: None, lambda: told_to_end(scene)]
    with pytest.raises(RetryLater, match="given back"):
        scene.handler.handle_event(event)
    assert (scene.record.attempts, scene.record.lease, scene.record.not_before) == (0, None, 0)
    assert scene.states == ["queued", "rendering", "queued"]
    slept = list(scene.clock.slept)
    another(scene).handle_event(event)
    assert scene.clock.slept == slept
    assert scene.live["state"] == "ready"
    assert len(scene.renderer.renders) == 2
    assert scene.record.returned == 0


def test_the_lease_goes_while_the_render_is_stuck_in_a_download(scene: Scene) -> None:
    fetch, seen = scene.media.fetch, []

    def hang(wanted: StoredObject, to: Path) -> None:
        told_to_end(scene)
        seen.append(scene.record)
        fetch(wanted, to)

    scene.media.fetch = hang  # type: ignore[method-assign]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(scene.write(document()))
    (during,) = seen
    assert (during.lease, during.attempts) == (None, 0)
    assert scene.renderer.renders == []


def test_what_was_uploaded_is_deleted_and_nothing_is_published(scene: Scene) -> None:
    publish = scene.media.publish

    def upload(*given: object, **named: object) -> StoredObject:
        stored = publish(*given, **named)  # type: ignore[arg-type]
        told_to_end(scene)
        return stored

    scene.media.publish = upload  # type: ignore[method-assign]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(scene.write(document()))
    assert scene.outputs == []
    assert scene.record.deletions == ()


def test_a_process_that_ends_claims_nothing(scene: Scene) -> None:
    told_to_end(scene)
    with pytest.raises(RetryLater, match="this process ends: SIGTERM"):
        scene.handler.handle_event(scene.write(document()))
    assert scene.starts == 0


def test_an_avatar_that_asks_no_more_is_left_as_it_was(scene: Scene) -> None:
    def opt_out() -> None:
        scene.write(document(training__livePortrait=UNSET))
        told_to_end(scene)

    scene.renderer.steps = [opt_out]
    with pytest.raises(RetryLater):
        scene.handler.handle_event(scene.write(document()))
    assert scene.live == {}
    assert scene.record.lease is None


def test_a_lost_device_ends_the_process_and_costs_no_attempt(scene: Scene) -> None:
    ended: list[str] = []
    scene.deps.health.terminate = lambda: ended.append(scene.deps.health.ending)
    scene.renderer.steps = [lose_device]
    event = scene.write(document())
    with pytest.raises(RetryLater, match="given back"):
        scene.handler.handle_event(event)
    assert len(ended) == 1
    assert (scene.record.attempts, scene.record.lease) == (0, None)
    with pytest.raises(RetryLater, match="this process ends"):
        scene.handler.handle_event(event)
    another(scene).handle_event(event)
    assert scene.live["state"] == "ready"


def test_a_request_that_breaks_every_device_fails_in_the_end(scene: Scene) -> None:
    event = scene.write(document())
    for _ in range(8):
        scene.renderer.steps = [lose_device]
        with pytest.raises(RetryLater):
            another(scene).handle_event(event)
    another(scene).handle_event(event)
    assert scene.starts == 8  # five were given back uncounted, three were attempts
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "RENDER_FAILED")


@pytest.mark.parametrize(("between", "ends"), [([], True), ([ImageNoFace], False)])
def test_two_unforeseen_failures_in_a_row_end_the_process(
    scene: Scene, between: list[type[Exception]], ends: bool
) -> None:
    def other() -> None:
        raise between[0]("no face")

    for number, step in enumerate([defect, *([other] * len(between)), defect]):
        wish = {"training__livePortrait__drivingMultiplier": number / 10}
        scene.renderer.steps = [step]
        event = scene.write(document(**wish))
        try:
            scene.handler.handle_event(event)
        except RetryLater:
            continue
    assert bool(scene.deps.health.ending) is ends
