"""Looking after an avatar without an event: the same path, the same end."""

import pytest

from functions.errors import RetryLater
from tests.functions.doubles import about
from tests.functions.scene import AVATAR, UNSET, Scene, document


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_lost_event_is_made_up_for_at_once(scene: Scene) -> None:
    scene.write(document())
    scene.handler.handle_subject(about(AVATAR))
    assert scene.states == ["rendering", "ready"]
    assert scene.clock.slept == []


def test_what_is_well_is_left_alone(scene: Scene) -> None:
    scene.save(document())
    writes = len(scene.ledger.document_writes)
    record = scene.record
    scene.handler.handle_subject(about(AVATAR))
    assert len(scene.renderer.renders) == 1
    assert len(scene.ledger.document_writes) == writes
    assert scene.record == record


def test_a_refusal_is_shown(scene: Scene) -> None:
    scene.write(document(avatarImageUrl=None))
    scene.handler.handle_subject(about(AVATAR))
    assert (scene.live["state"], scene.live["error"]["code"]) == ("blocked", "MISSING_HERO_IMAGE")


def test_a_forgotten_queued_is_taken_back(scene: Scene) -> None:
    scene.write(document(training__livePortrait=UNSET, livePortrait={"state": "queued"}))
    scene.handler.handle_subject(about(AVATAR))
    assert scene.live == {}


def test_a_deleted_avatar_is_cleaned_up(scene: Scene) -> None:
    scene.save(document())
    scene.write(None)
    scene.handler.handle_subject(about(AVATAR))
    assert scene.outputs == []
    assert scene.ledger.jobs == {}


def test_an_object_lost_by_somebody_else_is_made_again(scene: Scene) -> None:
    scene.save(document())
    scene.media.objects.pop(scene.live["idleVideoPath"])
    scene.handler.handle_subject(about(AVATAR))
    assert len(scene.renderer.renders) == 2
    assert scene.live["idleVideoPath"] in scene.outputs


def test_a_cloud_that_is_away_asks_for_another_call(scene: Scene) -> None:
    scene.write(document())
    scene.ledger.faults = [ConnectionError("database away")]
    with pytest.raises(RetryLater, match="database away"):
        scene.handler.handle_subject(about(AVATAR))
    scene.media.faults["find"] = [ConnectionError("storage away")]
    with pytest.raises(RetryLater, match="storage away"):
        scene.handler.handle_subject(about(AVATAR))
    scene.handler.handle_subject(about(AVATAR))
    assert scene.live["state"] == "ready"
