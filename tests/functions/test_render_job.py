"""What an event leads to, from the gate to the outcome: the scenarios of docs/contract.md."""

from dataclasses import replace

import pytest

from functions.contract import ABSENT, DocumentWrite
from functions.errors import RetryLater
from functions.record import Record
from functions.render_job import Doorway
from liveportrait_core import Engine, RenderWarning
from liveportrait_core.errors import ImageNoFace, OutOfMemory
from tests.functions.scene import (
    AVATAR,
    BUCKET,
    IMAGE,
    OUTPUT,
    SETTINGS,
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


def test_01_a_first_save_renders_and_publishes(scene: Scene) -> None:
    scene.renderer.warnings = (RenderWarning.VIDEO_TRIMMED,)
    scene.save(document())
    assert scene.states == ["queued", "rendering", "ready"]
    live = scene.live
    folder = f"{OUTPUT}{live['fingerprint']}"
    assert scene.outputs == [f"{folder}/idle.mp4", f"{folder}/poster.jpg"]
    assert list(scene.media.objects)[-2:] == [f"{folder}/poster.jpg", f"{folder}/idle.mp4"]
    video = scene.media.objects[f"{folder}/idle.mp4"]
    assert video.content_type == "video/mp4"
    assert video.facts == {
        "avatarId": AVATAR,
        "fingerprint": live["fingerprint"],
        "engineVersion": live["engineVersion"],
    }
    quoted = f"{folder}/idle.mp4".replace("/", "%2F")
    assert live["idleVideoUrl"] == (
        f"https://firebasestorage.googleapis.com/v0/b/{BUCKET}/o/{quoted}"
        f"?alt=media&token={video.token}"
    )
    assert scene.mirror == live["idleVideoUrl"]
    assert (live["contract"], live["engine"], live["progress"]) == (1, "mesh", 100)
    assert live["warnings"] == ["VIDEO_TRIMMED"]
    assert live["error"] is None
    assert live["requestedAt"] <= live["startedAt"] <= live["finishedAt"] <= live["deadlineAt"]
    assert (live["width"], live["height"], live["frameCount"]) == (300, 400, 60)
    assert live["fps"] == pytest.approx(29.97, abs=1e-3)
    assert "stage" not in live
    assert scene.record.lease is None


def test_only_our_fields_are_written(scene: Scene) -> None:
    scene.save(document())
    written = {path for _, fields in scene.ledger.document_writes for path in fields}
    assert written == {"livePortrait", "training.livePortrait.idleVideoUrl"}
    assert len(scene.ledger.document_writes) == 3


def test_02_a_newer_save_during_the_debounce_wins(scene: Scene) -> None:
    event = scene.write(document(training__livePortrait=params(0.3)))
    newer = []
    scene.clock.after(
        1.0, lambda: newer.append(scene.write(document(training__livePortrait=params(0.5))))
    )
    scene.doorway.answer(event)
    assert scene.renderer.renders == []
    scene.doorway.answer(newer[0])
    assert [options.driving_multiplier for options in scene.renderer.renders] == [0.5]


@pytest.mark.parametrize(
    ("ahead_s", "waited_s"), [(0.0, 3.0), (-2.0, 1.0), (-60.0, 0.0), (500.0, 3.0)]
)
def test_debounce_counts_from_the_commit_and_never_longer(
    scene: Scene, ahead_s: float, waited_s: float
) -> None:
    event = scene.write(document())
    scene.doorway.answer(replace(event, committed_s=event.committed_s + ahead_s))
    assert sum(scene.clock.slept) == pytest.approx(waited_s)


def test_03_a_new_value_while_rendering_stops_the_job(scene: Scene) -> None:
    other = scene.second_instance()
    newer = []

    def save_and_answer() -> None:
        newer.append(scene.write(document(training__livePortrait=params(0.7))))
        scene.clock.advance(2)

    scene.renderer.steps = [save_and_answer]
    scene.save(document(training__livePortrait=params(0.3)))
    assert scene.outputs == []
    assert "idleVideoUrl" not in scene.live
    other.answer(newer[0])
    assert scene.live["params"]["drivingMultiplier"] == 0.7
    assert len({path.split("/")[3] for path in scene.outputs}) == 1
    assert scene.starts == 2


def test_03_another_instance_takes_over_at_once(scene: Scene) -> None:
    other = scene.second_instance()

    def save_and_answer() -> None:
        other.answer(scene.write(document(training__livePortrait=params(0.7))))

    scene.renderer.steps = [save_and_answer]
    scene.save(document(training__livePortrait=params(0.3)))
    assert scene.live["state"] == "ready"
    assert scene.live["params"]["drivingMultiplier"] == 0.7
    assert {path.split("/")[3] for path in scene.outputs} == {scene.live["fingerprint"]}


def test_04_the_same_again_writes_nothing(scene: Scene) -> None:
    scene.save(document())
    before = list(scene.ledger.document_writes)
    stored = dict(scene.ledger.jobs)
    scene.doorway.answer(scene.write(document(training__livePortrait={**params(0.4), "mood": 1})))
    assert scene.ledger.document_writes[len(before) :] == [
        (AVATAR, {"training.livePortrait.idleVideoUrl": scene.live["idleVideoUrl"]})
    ]
    assert scene.ledger.jobs == stored
    assert len(scene.renderer.renders) == 1


def test_05_a_second_delivery_waits_and_finds_the_result(scene: Scene) -> None:
    event = scene.write(document())
    other = scene.second_instance()
    scene.renderer.steps = [lambda: scene.clock.after(4, lambda: None)]
    scene.doorway.answer(event)
    writes = len(scene.ledger.document_writes)
    other.answer(event)
    assert len(scene.renderer.renders) == 1
    assert len(scene.ledger.document_writes) == writes


def test_20_two_deployments_with_different_engines_do_not_snatch_for_ever(scene: Scene) -> None:
    newer = replace(scene.renderer, engine_version="mesh-2-89abcdef", steps=[], renders=[])
    other = Doorway(replace(scene.means, renderer=newer))
    event = scene.write(document())

    def other_takes_over() -> None:
        newer.steps = [lambda: scene.clock.advance(2)]
        other.answer(event)

    scene.renderer.steps = [other_takes_over]
    scene.doorway.answer(event)
    assert (len(scene.renderer.renders), len(newer.renders)) == (2, 1)
    assert scene.live["state"] == "ready"


def test_21_a_duplicate_waits_for_the_lease_and_then_takes_over(scene: Scene) -> None:
    event = scene.write(document())
    waited = []

    def stop_renewing() -> None:  # as a killed or paused instance does
        before = scene.clock.now()
        scene.second_instance().answer(event)
        waited.append(scene.clock.now() - before)

    scene.renderer.steps = [stop_renewing]
    scene.doorway.answer(event)
    assert waited == [pytest.approx(60, abs=5)]
    assert scene.starts == 2
    assert scene.live["state"] == "ready"


def test_06_unrelated_changes_touch_nothing(scene: Scene) -> None:
    scene.save(document())
    scene.ledger.calls.clear()
    scene.media.calls.clear()
    for change in ({"nickname": "B"}, {"slug": "b"}, {"training__status": "x"}):
        scene.save(
            {**scene.ledger.documents[AVATAR], **document(**change)}
            | {"training": {**scene.ledger.documents[AVATAR]["training"], "status": "x"}}
        )
    assert not scene.ledger.calls
    assert not scene.media.calls


def test_09_a_stale_mirror_is_healed_without_a_render(scene: Scene) -> None:
    scene.save(document())
    first = scene.live["idleVideoUrl"]
    scene.save(document(training__livePortrait=params(0.5)))
    second = scene.live["idleVideoUrl"]
    with_mirror = document(training__livePortrait=params(0.5))
    write = scene.ledger.document_writes
    for stale in (first, UNSET):
        fields = {**with_mirror, "training": {**with_mirror["training"]}}
        fields["training"]["livePortrait"] = dict(params(0.5))
        if stale is not UNSET:
            fields["training"]["livePortrait"]["idleVideoUrl"] = stale
        count = len(write)
        scene.save(fields)
        assert scene.mirror == second
        assert len(write) == count + 1
    assert len(scene.renderer.renders) == 2


def test_09_a_foreign_mirror_is_left_alone(scene: Scene) -> None:
    scene.save(document())
    fields = document()
    fields["training"]["livePortrait"]["idleVideoUrl"] = "https://example.com/x.mp4"
    scene.save(fields)
    assert scene.mirror == "https://example.com/x.mp4"


def test_11_withdrawn_during_a_render(scene: Scene) -> None:
    later = []
    scene.renderer.steps = [
        lambda: later.append(scene.write(document(training__livePortrait=UNSET))),
        lambda: scene.clock.advance(2),
    ]
    scene.save(document())
    assert scene.live["state"] == "ready"
    assert scene.mirror is ABSENT
    assert "livePortrait" not in scene.ledger.documents[AVATAR]["training"]
    writes = len(scene.ledger.document_writes)
    scene.doorway.answer(later[0])
    assert len(scene.ledger.document_writes) == writes


def test_11_a_failure_after_the_withdrawal_is_final(scene: Scene) -> None:
    def withdraw_and_fail() -> None:
        scene.write(document(training__livePortrait=UNSET))
        raise OutOfMemory

    scene.renderer.steps = [withdraw_and_fail]
    scene.save(document())
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "RENDER_OOM")


def test_a_queued_that_nobody_asks_for_is_taken_back(scene: Scene) -> None:
    scene.save(document())
    ready = scene.live
    event = scene.write(document(training__livePortrait=params(0.9)))
    withdrawn = []
    scene.clock.after(
        1, lambda: withdrawn.append(scene.write(document(training__livePortrait=UNSET)))
    )
    scene.doorway.answer(event)
    assert scene.live["state"] == "queued"
    scene.doorway.answer(withdrawn[0])
    assert scene.live["state"] == "ready"
    assert scene.live["idleVideoUrl"] == ready["idleVideoUrl"]


def test_a_queued_without_any_result_disappears(scene: Scene) -> None:
    event = scene.write(document())
    withdrawn = []
    scene.clock.after(
        1, lambda: withdrawn.append(scene.write(document(training__livePortrait=UNSET)))
    )
    scene.doorway.answer(event)
    assert scene.live["state"] == "queued"
    scene.doorway.answer(withdrawn[0])
    assert "livePortrait" not in scene.ledger.documents[AVATAR]


def test_12_13_a_missing_object_fails_only_after_its_grace(scene: Scene) -> None:
    clip = scene.media.objects.pop(VIDEO)
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.doorway.answer(event)
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


def test_13_a_missing_object_is_final_after_a_minute(scene: Scene) -> None:
    del scene.media.objects[IMAGE]
    event = scene.write(document())
    with pytest.raises(RetryLater):
        scene.doorway.answer(event)
    assert scene.redeliver(event, times=9, every_s=15) == 4
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "HERO_IMAGE_NOT_FOUND")
    assert scene.starts == 0
    writes = len(scene.ledger.document_writes)
    scene.doorway.answer(event)
    assert len(scene.ledger.document_writes) == writes


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"avatarImageUrl": None}, "MISSING_HERO_IMAGE", "avatarImageUrl"),
        ({"avatarImageUrl": ""}, "MISSING_HERO_IMAGE", "avatarImageUrl"),
        ({"training__heroVideoUrl": UNSET}, "MISSING_HERO_VIDEO", "training.heroVideoUrl"),
    ],
)
def test_14_15_a_missing_input_blocks_and_keeps_the_last_video(
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


def test_17_an_overwritten_object_renders_anew(scene: Scene) -> None:
    scene.save(document())
    first = scene.live["idleVideoUrl"]
    scene.media.put(IMAGE, b"another portrait")
    scene.save(document(training__livePortrait=params(0.5)))
    scene.save(document(training__livePortrait=params(0.4)))
    assert scene.live["idleVideoUrl"] != first
    assert len(scene.renderer.renders) == 3


def test_17_an_object_changed_while_fetching_begins_again(scene: Scene) -> None:
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


def test_18_deleted_during_a_render(scene: Scene) -> None:
    deletions = []
    scene.renderer.steps = [
        lambda: deletions.append(scene.write(None)),
        lambda: scene.doorway.answer(deletions[0]),
    ]
    scene.save(document())
    assert scene.outputs == []
    assert scene.ledger.documents == {}
    assert scene.ledger.jobs == {}


def test_19_deleted_after_ready(scene: Scene) -> None:
    scene.save(document())
    scene.media.put(f"livePortraitCache/avatars/{AVATAR}/x", b"cache")
    scene.save(None)
    assert set(scene.media.objects) == {IMAGE, VIDEO}
    assert scene.ledger.jobs == {}
    assert scene.starts == 1


def test_19_a_clean_up_whose_lease_was_taken_deletes_no_more(scene: Scene) -> None:
    scene.save(document())
    cached = f"livePortraitCache/avatars/{AVATAR}/x"
    scene.media.put(cached, b"cache")
    clear = scene.media.clear

    def lose_the_lease(folder: str) -> None:
        clear(folder)
        scene.ledger.keep(AVATAR, Record())

    scene.media.clear = lose_the_lease  # type: ignore[method-assign]
    with pytest.raises(RetryLater):
        scene.save(None)
    assert cached in scene.media.objects
    assert AVATAR in scene.ledger.jobs


def test_46_a_late_deletion_event_spares_the_living_document(scene: Scene) -> None:
    scene.save(document())
    deletion = scene.write(None)
    scene.save(document())
    outputs = scene.outputs
    scene.doorway.answer(deletion)
    assert scene.outputs == outputs
    assert scene.live["state"] == "ready"


def test_21_a_killed_instance_is_followed_by_the_redelivery(scene: Scene) -> None:
    event = scene.write(document())

    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    for attempt in (1, 2, 3):
        scene.renderer.steps = [kill]
        with pytest.raises(Killed):
            scene.doorway.answer(event)
        assert scene.record.attempts == attempt
        assert scene.live["state"] == "rendering"
        scene.clock.advance(600)
    scene.doorway.answer(event)
    assert (scene.live["state"], scene.live["error"]["code"]) == ("failed", "RENDER_FAILED")
    assert scene.starts == 3


def test_22_a_value_rendered_before_is_ready_without_waiting(scene: Scene) -> None:
    scene.save(document())
    first = scene.live["idleVideoUrl"]
    scene.save(document(training__livePortrait=params(0.5)))
    scene.clock.slept.clear()
    scene.save(document())
    assert scene.live["idleVideoUrl"] == first
    assert scene.mirror == first
    assert scene.clock.slept == []
    assert len(scene.renderer.renders) == 2


def test_27_disabled_then_enabled(scene: Scene) -> None:
    scene.save(document())
    scene.save(document(training__dynamicsEnabled=False))
    assert scene.live["state"] == "disabled"
    assert scene.live["error"] is None
    scene.save(document(training__dynamicsEnabled=True))
    assert scene.live["state"] == "ready"
    assert len(scene.renderer.renders) == 1


def test_27_disabled_during_a_render_stops_it(scene: Scene) -> None:
    scene.renderer.steps = [
        lambda: scene.write(document(training__dynamicsEnabled=False)),
        lambda: scene.clock.advance(2),
    ]
    scene.save(document())
    assert scene.outputs == []
    assert scene.record.lease is None


def test_40_a_forged_answer_is_corrected_by_the_next_relevant_event(scene: Scene) -> None:
    scene.save(document())
    ready = dict(scene.live)
    scene.ledger.documents[AVATAR]["livePortrait"] = {"state": "failed", "evil": True}
    scene.save(document(training__livePortrait={**params(0.4), "mood": "calm"}))
    assert scene.live == ready
    scene.ledger.documents[AVATAR]["livePortrait"] = "forged"
    scene.save(document(training__livePortrait={**params(0.4), "mood": "merry"}))
    assert scene.live == ready
    assert len(scene.renderer.renders) == 1


def test_41_a_result_whose_object_is_gone_is_rendered_again(scene: Scene) -> None:
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
def test_41_a_result_whose_object_was_overwritten_is_rendered_again(
    scene: Scene, name: str
) -> None:
    scene.save(document())
    folder = scene.outputs[0].rpartition("/")[0]
    scene.media.put(f"{folder}/{name}", b"forged")
    scene.save(document(training__livePortrait={**params(0.4), "mood": "calm"}))
    assert scene.live["state"] == "ready"
    assert scene.media.objects[f"{folder}/{name}"].body != b"forged"
    assert len(scene.renderer.renders) == 2


def test_45_the_daily_quota(scene: Scene) -> None:
    scene = Scene(settings=replace(SETTINGS, renders_per_day=3))
    for multiplier in (0.1, 0.2, 0.3, 0.4):
        scene.save(document(training__livePortrait=params(multiplier)))
    assert scene.live["error"] == {"code": "QUOTA_EXCEEDED", "retryable": False}
    assert scene.live["state"] == "failed"
    assert scene.live["idleVideoUrl"]
    scene.clock.advance(86_400)
    scene.save(document(training__livePortrait=params(0.5)))
    assert scene.live["state"] == "ready"


def test_45_the_owners_quota_counts_over_avatars(scene: Scene) -> None:
    scene = Scene(settings=replace(SETTINGS, renders_per_owner_day=1))
    scene.save(document())
    scene.save(document(training__livePortrait=params(0.5)))
    assert scene.live["error"]["code"] == "QUOTA_EXCEEDED"
    scene.save(document(training__livePortrait=params(0.5), userId=7, training__x=1))
    scene.save(document(training__livePortrait=params(0.6), userId=7))
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
    scene.doorway.answer(event)
    scene.save(document(training__livePortrait={**params(0.4), "mood": 1}))
    assert scene.starts == 1
    scene.ledger.documents[AVATAR]["livePortrait"]["state"] = "ready"
    scene.doorway.answer(scene.write(document(training__livePortrait={**params(0.4), "mood": 2})))
    assert scene.live["state"] == "failed"
    scene.save(document(training__livePortrait={**params(0.4), "renderNonce": 1}))
    assert scene.live["state"] == "ready"


def test_a_retryable_failure_is_tried_three_times_with_back_off(scene: Scene) -> None:
    def out_of_memory() -> None:
        raise OutOfMemory

    event = scene.write(document())
    for attempt, back_off_s in ((1, 10), (2, 20)):
        scene.renderer.steps = [out_of_memory]
        with pytest.raises(RetryLater):
            scene.doorway.answer(event)
        assert scene.live["state"] == "queued"
        assert scene.live["error"]["code"] == "RENDER_OOM"
        assert scene.record.attempts == attempt
        scene.clock.advance(back_off_s - 1)
        with pytest.raises(RetryLater):
            scene.doorway.answer(event)
        assert scene.record.attempts == attempt
        scene.clock.advance(1.5)
    scene.renderer.steps = [out_of_memory]
    scene.doorway.answer(event)
    assert scene.live["state"] == "failed"
    assert scene.starts == 3


def test_another_request_clears_the_count(scene: Scene) -> None:
    def out_of_memory() -> None:
        raise OutOfMemory

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
    scene.renderer.steps = [lambda: scene.clock.advance(481)]
    with pytest.raises(RetryLater):
        scene.save(document())
    assert scene.live["error"]["code"] == "RENDER_TIMEOUT"


def test_too_little_time_answers_before_the_claim(scene: Scene) -> None:
    event = scene.write(document())
    scene.clock.after(1, lambda: scene.clock.advance(250))
    with pytest.raises(RetryLater, match="left"):
        scene.doorway.answer(event)
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


def test_47_a_job_whose_lease_was_taken_publishes_nothing(scene: Scene) -> None:
    other = scene.second_instance()
    events: list[DocumentWrite] = []

    def sleep_through_ones_lease() -> None:
        scene.clock.advance(61)
        other.answer(events[0])

    scene.renderer.steps = [sleep_through_ones_lease]
    events.append(scene.write(document()))
    scene.doorway.answer(events[0])
    assert scene.live["state"] == "ready"
    assert len(scene.renderer.renders) == 2
    kept = scene.record.results[0]
    assert scene.media.objects[kept.video.path].generation == kept.video.generation
    assert scene.media.objects[kept.poster.path].generation == kept.poster.generation


def test_results_beyond_the_last_three_are_retired_after_a_day(scene: Scene) -> None:
    for multiplier in (0.1, 0.2, 0.3, 0.4):
        scene.save(document(training__livePortrait=params(multiplier)))
    assert len(scene.outputs) == 8
    scene.clock.advance(86_500)
    scene.save(document(training__livePortrait=params(0.5)))
    assert len(scene.outputs) == 6
    assert [result.parameters.driving_multiplier for result in scene.record.results] == [50, 40, 30]


def test_the_engine_is_named(scene: Scene) -> None:
    scene.renderer.engine = Engine.LIVEPORTRAIT
    scene.save(document())
    assert scene.live["engine"] == "liveportrait"
    assert scene.live["engineVersion"].startswith("mesh-1-")
