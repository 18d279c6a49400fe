"""Attempts, leases, quotas and deadlines: who may render, how often, until when."""

from dataclasses import replace

import pytest

from functions.domain.document import DocumentWrite
from functions.errors import RetryLater
from liveportrait_core.errors import ImageNoFace, OutOfMemory
from tests.functions.scene import (
    AVATAR,
    SETTINGS,
    Scene,
    document,
)
from tests.functions.scripted_renderer import ScriptedRenderer


@pytest.fixture
def scene() -> Scene:
    return Scene()


def params(multiplier: object) -> dict[str, object]:
    return {"drivingMultiplier": multiplier, "normalizeLip": True, "animationRegion": "all"}


@pytest.mark.parametrize(("accepted", "renders"), [(None, 1), (frozenset(), 2)])
def test_two_deployments_with_different_engines_do_not_snatch_for_ever(
    accepted: frozenset[str] | None, renders: int
) -> None:
    """Each renders at most once, where neither takes the other's result for an answer."""
    scene = Scene(settings=replace(SETTINGS, accepted_versions=accepted))
    newer = replace(scene.renderer, engine_version="mesh-2-89abcdef", steps=[], renders=[])
    other = scene.second_instance(newer)
    event = scene.write(document())

    def other_takes_over() -> None:
        newer.steps = [lambda: scene.clock.advance(2)]
        other.handle_event(event)

    scene.renderer.steps = [other_takes_over]
    scene.handler.handle_event(event)
    assert (len(scene.renderer.renders), len(newer.renders)) == (renders, 1)
    assert scene.live["state"] == "ready"


class Killed(BaseException):
    """The process is no more."""


def kill() -> None:
    raise Killed


def out_of_memory() -> None:
    raise OutOfMemory


def test_attempts_are_bounded_while_two_versions_take_turns(scene: Scene) -> None:
    newer = ScriptedRenderer(engine_version="mesh-2-89abcdef")
    event = scene.write(document())
    for turn in range(12):
        renderer = (scene.renderer, newer)[turn % 2]
        if turn < 6:
            renderer.steps = [kill]
            with pytest.raises(Killed):
                scene.second_instance(renderer).handle_event(event)
        else:
            scene.second_instance(renderer).handle_event(event)
            assert scene.live["error"]["code"] == "RENDER_FAILED"
        scene.clock.advance(61)
    assert (len(scene.renderer.renders), len(newer.renders), scene.starts) == (3, 3, 6)


def test_a_newer_version_may_try_what_an_older_one_failed_at_for_good(scene: Scene) -> None:
    newer = ScriptedRenderer(engine_version="mesh-2-89abcdef")
    event = scene.write(document())
    for renderer in (scene.renderer, newer):
        for _ in range(3):
            renderer.steps = [out_of_memory]
            try:
                scene.second_instance(renderer).handle_event(event)
            except RetryLater:
                scene.clock.advance(61)
        assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "RENDER_OOM")
    for renderer in (scene.renderer, newer) * 2:
        scene.second_instance(renderer).handle_event(event)
    assert scene.live["state"] == "failed"
    assert (len(scene.renderer.renders), len(newer.renders)) == (3, 3)


def test_a_duplicate_waits_for_the_lease_and_then_takes_over(scene: Scene) -> None:
    event = scene.write(document())
    waited = []

    def stop_renewing() -> None:  # as a killed or paused instance does
        before = scene.clock.now()
        scene.second_instance().handle_event(event)
        waited.append(scene.clock.now() - before)

    scene.renderer.steps = [stop_renewing]
    scene.handler.handle_event(event)
    assert waited == [pytest.approx(60, abs=5)]
    assert scene.starts == 2
    assert scene.live["state"] == "ready"


def test_a_killed_instance_is_followed_by_the_redelivery(scene: Scene) -> None:
    event = scene.write(document())

    for attempt in (1, 2, 3):
        scene.renderer.steps = [kill]
        with pytest.raises(Killed):
            scene.handler.handle_event(event)
        assert scene.record.attempts == attempt
        assert scene.live["state"] == "rendering"
        scene.clock.advance(600)
    scene.handler.handle_event(event)
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "RENDER_FAILED")
    assert scene.starts == 3


def test_the_daily_quota(scene: Scene) -> None:
    scene = Scene(settings=replace(SETTINGS, renders_per_day=3))
    for multiplier in (0.1, 0.2, 0.3, 0.4):
        scene.save(document(training__livePortrait=params(multiplier)))
    assert scene.live["error"] == {"code": "QUOTA_EXCEEDED", "retryable": False}
    assert scene.live["state"] == "failed"
    assert scene.live["idleVideoUrl"]
    scene.clock.advance(86_400)
    scene.save(document(training__livePortrait=params(0.5)))
    assert scene.live["state"] == "ready"


def test_the_owners_quota_counts_over_avatars(scene: Scene) -> None:
    scene = Scene(settings=replace(SETTINGS, renders_per_owner_day=1))
    scene.save(document())
    scene.save(document(training__livePortrait=params(0.5)))
    assert scene.live["error"]["code"] == "QUOTA_EXCEEDED"
    scene.save(document(training__livePortrait=params(0.5), userId=7, training__x=1))
    scene.save(document(training__livePortrait=params(0.6), userId=7))
    assert scene.live["state"] == "ready"


def test_the_quota_of_all_counts_over_owners() -> None:
    scene = Scene(settings=replace(SETTINGS, renders_per_day_total=2))
    scene.save(document())
    scene.save(document(userId="another", training__livePortrait=params(0.5)))
    assert scene.ledger.quotas["all"]["starts"] == 2
    scene.save(document(userId="a-third", training__livePortrait=params(0.6)))
    assert scene.live["error"] == {"code": "QUOTA_EXCEEDED", "retryable": False}
    assert len(scene.renderer.renders) == 2
    scene.clock.advance(86_400)
    scene.save(document(userId="a-third", training__livePortrait=params(0.7)))
    assert scene.live["state"] == "ready"


def test_a_final_failure_stands_until_something_relevant_changes(scene: Scene) -> None:
    def no_face() -> None:
        raise ImageNoFace

    scene.renderer.steps = [no_face]
    event = scene.save(document())
    assert scene.live["error"] == {
        "code": "IMAGE_NO_FACE",
        "field": "avatarImageUrl",
        "retryable": False,
    }
    assert scene.outputs == []
    scene.handler.handle_event(event)
    scene.save(document(training__livePortrait={**params(0.4), "mood": 1}))
    assert scene.starts == 1
    scene.ledger.documents[AVATAR]["livePortrait"]["state"] = "ready"
    scene.handler.handle_event(
        scene.write(document(training__livePortrait={**params(0.4), "mood": 2}))
    )
    assert scene.live["state"] == "failed"
    scene.save(document(training__livePortrait={**params(0.4), "renderNonce": 1}))
    assert scene.live["state"] == "ready"


def test_a_retryable_failure_is_tried_three_times_with_back_off(scene: Scene) -> None:
    event = scene.write(document())
    for attempt, back_off_s in ((1, 10), (2, 20)):
        scene.renderer.steps = [out_of_memory]
        with pytest.raises(RetryLater):
            scene.handler.handle_event(event)
        assert scene.live["state"] == "queued"
        assert scene.live["error"]["code"] == "RENDER_OOM"
        assert scene.record.attempts == attempt
        scene.clock.advance(back_off_s - 1)
        with pytest.raises(RetryLater):
            scene.handler.handle_event(event)
        assert scene.record.attempts == attempt
        scene.clock.advance(1.5)
    scene.renderer.steps = [out_of_memory]
    scene.handler.handle_event(event)
    assert scene.live["state"] == "failed"
    assert scene.starts == 3


def test_another_request_clears_the_count(scene: Scene) -> None:
    scene.renderer.steps = [out_of_memory]
    with pytest.raises(RetryLater):
        scene.save(document())
    scene.save(document(avatarImageUrl=None))
    assert scene.record.attempts == 0
    scene.save(document())
    assert scene.live["state"] == "ready"


def test_an_eta_beyond_the_deadline_ends_the_render_at_once(scene: Scene) -> None:
    scene.renderer.eta_s = 600.0
    with pytest.raises(RetryLater):
        scene.save(document())
    assert scene.live["error"]["code"] == "RENDER_TIMEOUT"
    assert scene.outputs == []


def test_the_deadline_is_checked_between_batches(scene: Scene) -> None:
    scene.clock.ticking = True
    scene.renderer.steps = [lambda: scene.clock.advance(481)]
    with pytest.raises(RetryLater):
        scene.save(document())
    assert scene.live["error"]["code"] == "RENDER_TIMEOUT"


def test_too_little_time_answers_before_the_claim(scene: Scene) -> None:
    event = scene.write(document())
    scene.clock.after(1, lambda: scene.clock.advance(250))
    with pytest.raises(RetryLater, match="left"):
        scene.handler.handle_event(event)
    assert scene.record.attempts == 0


def test_a_long_render_shows_its_progress_once(scene: Scene) -> None:
    scene = Scene(settings=replace(SETTINGS, lease_s=60))
    claims = []
    scene.renderer.steps = [
        lambda: claims.append(scene.record.lease),
        lambda: scene.clock.advance(31),
    ]
    scene.save(document())
    assert scene.states == ["queued", "rendering", "rendering", "ready"]
    assert claims[0] is not None


def test_a_job_whose_lease_was_taken_publishes_nothing(scene: Scene) -> None:
    other = scene.second_instance()
    events: list[DocumentWrite] = []

    def sleep_through_ones_lease() -> None:
        scene.clock.advance(61)
        other.handle_event(events[0])

    scene.renderer.steps = [sleep_through_ones_lease]
    events.append(scene.write(document()))
    scene.handler.handle_event(events[0])
    assert scene.live["state"] == "ready"
    assert len(scene.renderer.renders) == 2
    kept = scene.record.results[0]
    assert scene.media.objects[kept.video.path].generation == kept.video.generation
    assert scene.media.objects[kept.poster.path].generation == kept.poster.generation
