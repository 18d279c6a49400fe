"""The kept motion does not outlive the avatar, wherever a clean-up comes in between."""

from collections.abc import Callable

import pytest

from functions.errors import RetryLater
from tests.functions.jobs.rendering.cached_motion import (
    MOTION,
    at,
    cached,
    nothing,
    while_it_is_kept,
)
from tests.functions.scene import VIDEO, Scene, document


@pytest.fixture
def scene() -> Scene:
    return Scene()


def delete(scene: Scene) -> None:
    """The document goes; its event is served to the end."""
    scene.handler.handle_event(scene.write(None))


def unread(scene: Scene) -> None:
    """The document goes, and from then on nobody can tell."""
    scene.write(None)
    scene.ledger.faults = [ConnectionError("no database")]


PLACES: dict[str, Callable[[Scene, Callable[[], object]], object]] = {
    # No lease any more: nothing is stored.
    "before the lease is confirmed": lambda scene, act: scene.renderer.before_motion.append(act),
    # The folder is emptied first: the attempt sees that the document is gone, and deletes.
    "after that, before the object is there": lambda scene, act: while_it_is_kept(
        scene, act, nothing
    ),
    # The folder is emptied with the object in it.
    "after the object is there": lambda scene, act: while_it_is_kept(scene, nothing, act),
    "while frames are drawn": lambda scene, act: scene.renderer.steps.append(act),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("act", [delete, unread])
@pytest.mark.parametrize("is_warm", [False, True])
def test_a_deleted_avatar_leaves_no_motion(
    scene: Scene,
    place: Callable[[Scene, Callable[[], object]], object],
    act: Callable[[Scene], object],
    is_warm: bool,
) -> None:
    if is_warm:
        scene.save(document())
        scene.media.put(VIDEO, b"another clip")  # so that there is a motion to be replaced
    happened = []

    def happen() -> None:
        happened.append(True)
        act(scene)

    place(scene, happen)
    event = scene.write(at(0.5))
    try:
        scene.handler.handle_event(event)
    except RetryLater:
        scene.redeliver(event, times=3)
    assert happened == [True]
    delete(scene)  # an event comes at least once
    assert cached(scene) is None
    assert scene.outputs == []
    assert scene.ledger.documents == {}


def test_a_clean_up_that_has_ended_is_not_needed_again(scene: Scene) -> None:
    """The late object goes by the attempt itself: no second deletion event will come."""
    while_it_is_kept(scene, lambda: delete(scene), nothing)
    scene.save(document())
    assert cached(scene) is None
    assert scene.ledger.jobs == {}


def test_an_upload_that_fails_after_the_deletion_leaves_nothing(scene: Scene) -> None:
    def lose() -> None:
        raise ConnectionError("answer lost")

    while_it_is_kept(scene, lambda: delete(scene), lose)
    scene.save(document())
    assert cached(scene) is None


def test_where_nobody_can_tell_the_motion_goes(scene: Scene) -> None:
    unreachable = ConnectionError("no database")
    while_it_is_kept(scene, lambda: delete(scene), lambda: scene.ledger.faults.append(unreachable))
    scene.save(document())
    assert scene.ledger.faults == []
    assert cached(scene) is None


def test_the_motion_goes_with_the_avatar(scene: Scene) -> None:
    scene.save(document())
    assert cached(scene) is not None
    delete(scene)
    assert scene.media.objects == {}


def test_an_avatar_that_is_there_again_keeps_it(scene: Scene) -> None:
    def delete_and_recreate() -> None:
        delete(scene)
        scene.write(document())

    while_it_is_kept(scene, delete_and_recreate, nothing)
    scene.save(document())
    held = cached(scene)
    assert held is not None
    assert held.body == MOTION
