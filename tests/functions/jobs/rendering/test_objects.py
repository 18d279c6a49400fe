"""Inputs and results that are missing, replaced, overwritten, retired or deleted."""

import pytest

from functions.domain.job_record import Deletion, Record
from functions.errors import RetryLater
from tests.functions.scene import (
    AVATAR,
    IMAGE,
    UNSET,
    VIDEO,
    Scene,
    document,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def params(multiplier: object) -> dict[str, object]:
    return {"drivingMultiplier": multiplier, "normalizeLip": True, "animationRegion": "all"}


def test_a_missing_object_fails_only_after_its_grace(scene: Scene) -> None:
    clip = scene.media.objects.pop(VIDEO)
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert scene.live["state"] == "queued"
    assert scene.live["error"] == {
        "code": "HERO_VIDEO_NOT_FOUND",
        "field": "training.heroVideoUrl",
        "retryable": True,
    }
    scene.media.objects[VIDEO] = clip
    assert scene.redeliver(event) == 1
    assert scene.live["state"] == "ready"
    assert "failed" not in scene.states
    assert scene.starts == 1


def test_a_missing_object_is_final_after_a_minute(scene: Scene) -> None:
    del scene.media.objects[IMAGE]
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.handler.handle_event(event)
    assert scene.redeliver(event, times=9, every_s=15) == 4
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "HERO_IMAGE_NOT_FOUND")
    assert scene.starts == 0
    writes = len(scene.ledger.document_writes)
    scene.handler.handle_event(event)
    assert len(scene.ledger.document_writes) == writes


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"avatarImageUrl": None}, "MISSING_HERO_IMAGE", "avatarImageUrl"),
        ({"avatarImageUrl": ""}, "MISSING_HERO_IMAGE", "avatarImageUrl"),
        ({"training__heroVideoUrl": UNSET}, "MISSING_HERO_VIDEO", "training.heroVideoUrl"),
    ],
)
def test_a_missing_input_blocks_and_keeps_the_last_video(
    scene: Scene, change: dict[str, object], code: str, field: str
) -> None:
    scene.save(document())
    url = scene.live["idleVideoUrl"]
    scene.save(document(**change))
    assert scene.live["state"] == "blocked"
    assert scene.live["error"] == {"code": code, "field": field, "retryable": False}
    assert scene.live["idleVideoUrl"] == url
    scene.save(document())
    assert scene.live["state"] == "ready"
    assert scene.live["error"] is None
    assert len(scene.renderer.renders) == 1


def test_an_overwritten_object_renders_anew(scene: Scene) -> None:
    scene.save(document())
    first = scene.live["idleVideoUrl"]
    scene.media.put(IMAGE, b"another portrait")
    scene.save(document(training__livePortrait=params(0.5)))
    scene.save(document(training__livePortrait=params(0.4)))
    assert scene.live["idleVideoUrl"] != first
    assert len(scene.renderer.renders) == 3


def test_an_object_changed_while_fetching_begins_again(scene: Scene) -> None:
    find = scene.media.find
    seen = []

    def find_then_overwrite(path: str) -> object:
        found = find(path)
        seen.append(path)
        if seen.count(VIDEO) == 2 and path == VIDEO:
            seen.append("overwritten")
            scene.media.put(VIDEO, b"newer clip")
        return found

    scene.media.find = find_then_overwrite  # type: ignore[method-assign, assignment]
    scene.save(document())
    assert scene.live["state"] == "ready"
    assert b"newer clip" in scene.media.objects[scene.outputs[0]].body
    assert len(scene.renderer.renders) == 1


def test_deleted_during_a_render(scene: Scene) -> None:
    deletions = []
    scene.renderer.steps = [
        lambda: deletions.append(scene.write(None)),
        lambda: scene.handler.handle_event(deletions[0]),
    ]
    scene.save(document())
    assert scene.outputs == []
    assert scene.ledger.documents == {}
    assert scene.ledger.jobs == {}


def test_deleted_after_ready(scene: Scene) -> None:
    scene.save(document())
    scene.media.put(f"livePortraitCache/avatars/{AVATAR}/x", b"cache")
    scene.save(None)
    assert scene.media.objects == {}
    assert scene.ledger.jobs == {}
    assert scene.starts == 1


def test_a_clean_up_whose_lease_was_taken_deletes_no_more(scene: Scene) -> None:
    scene.save(document())
    cached = f"livePortraitCache/avatars/{AVATAR}/x"
    scene.media.put(cached, b"cache")
    clear = scene.media.delete_prefix

    def lose_the_lease(deletion: Deletion) -> None:
        clear(deletion)
        scene.ledger.keep(AVATAR, Record())

    scene.media.delete_prefix = lose_the_lease  # type: ignore[method-assign]
    with pytest.raises(RetryLater):
        scene.save(None)
    assert cached in scene.media.objects
    assert AVATAR in scene.ledger.jobs


def test_a_late_deletion_event_spares_the_living_document(scene: Scene) -> None:
    scene.save(document())
    deletion = scene.write(None)
    scene.save(document())
    outputs = scene.outputs
    scene.handler.handle_event(deletion)
    assert scene.outputs == outputs
    assert scene.live["state"] == "ready"


def test_a_result_whose_object_is_gone_is_rendered_again(scene: Scene) -> None:
    scene.save(document())
    first = scene.live["idleVideoUrl"]
    del scene.media.objects[scene.outputs[0]]
    scene.save(document(training__livePortrait=params(0.5)))
    scene.save(document())
    assert scene.live["state"] == "ready"
    assert scene.live["idleVideoUrl"] != first
    assert len(scene.renderer.renders) == 3
    assert len(scene.record.results) == 2


@pytest.mark.parametrize("name", ["poster.jpg", "idle.mp4"])
def test_a_result_whose_object_was_overwritten_is_rendered_again(scene: Scene, name: str) -> None:
    scene.save(document())
    folder = scene.outputs[0].rpartition("/")[0]
    scene.media.put(f"{folder}/{name}", b"forged")
    scene.save(document(training__livePortrait={**params(0.4), "mood": "calm"}))
    assert scene.live["state"] == "ready"
    kept = scene.record.results[0]
    assert scene.media.objects[kept.video.path].body.startswith(b"video of")
    assert scene.media.objects[kept.poster.path].body.startswith(b"poster of")
    assert len(scene.renderer.renders) == 2


def test_results_beyond_the_last_three_are_retired_after_a_day(scene: Scene) -> None:
    for multiplier in (0.1, 0.2, 0.3, 0.4):
        scene.save(document(training__livePortrait=params(multiplier)))
    assert len(scene.outputs) == 8
    scene.clock.advance(86_500)
    scene.save(document(training__livePortrait=params(0.5)))
    assert len(scene.outputs) == 6
    assert [result.parameters.driving_multiplier for result in scene.record.results] == [50, 40, 30]
