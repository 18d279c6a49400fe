"""What mending leaves behind: URLs that play, nothing else written, nothing deleted by mistake."""

from dataclasses import replace

import pytest

from functions.domain.storage_paths import StoredObject
from functions.reconcile.findings import Finding
from liveportrait_core.errors import OutOfMemory
from tests.functions.reconcile.findings.test_cases import (
    every_video_deleted_while_disabled,
    litter_of_a_crash,
    lost_first_save,
    token_of_a_kept_result_revoked,
    token_removed,
    token_revoked,
    video_deleted,
    video_deleted_after_opting_out,
    video_deleted_while_blocked,
)
from tests.functions.reconcile.reconciling import DAY_MS, Watch, plays
from tests.functions.scene import AVATAR, OUTPUT, SETTINGS, VIDEO, Scene, document


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_a_video_that_is_gone_is_replaced_by_one_that_plays(watch: Watch) -> None:
    video_deleted(watch.scene)
    watch.sweep()
    live = watch.scene.live
    assert live["state"] == "ready"
    assert plays(watch, live["idleVideoUrl"])
    assert plays(watch, live["posterUrl"])
    assert watch.scene.mirror == live["idleVideoUrl"]


def test_a_blocked_avatar_falls_back_to_the_video_before(watch: Watch) -> None:
    video_deleted_while_blocked(watch.scene)
    watch.sweep()
    live = watch.scene.live
    assert (live["state"], live["error"]["code"]) == ("blocked", "MISSING_HERO_IMAGE")
    assert plays(watch, live["idleVideoUrl"])
    assert watch.scene.mirror == live["idleVideoUrl"]
    assert [result.parameters.driving_multiplier for result in watch.scene.record.results] == [20]
    assert len(watch.scene.outputs) == 2


def test_without_any_video_left_none_is_named(watch: Watch) -> None:
    every_video_deleted_while_disabled(watch.scene)
    watch.sweep()
    assert watch.scene.live["state"] == "disabled"
    assert "idleVideoUrl" not in watch.scene.live
    inputs = watch.scene.ledger.documents[AVATAR]["training"]["livePortrait"]
    assert "idleVideoUrl" not in inputs
    assert watch.scene.outputs == []


def test_after_opting_out_nothing_but_our_map_is_written(watch: Watch) -> None:
    video_deleted_after_opting_out(watch.scene)
    before = watch.scene.ledger.documents[AVATAR]
    watch.sweep()
    after = watch.scene.ledger.documents[AVATAR]
    assert "livePortrait" not in after
    assert after == {key: value for key, value in before.items() if key != "livePortrait"}


def test_a_revoked_token_stays_revoked(watch: Watch) -> None:
    watch.scene.save(document())
    leaked = watch.scene.live["idleVideoUrl"]
    video = watch.scene.media.objects[watch.scene.outputs[0]]
    generation = video.generation
    video.token = "issued-in-the-console"
    watch.sweep()
    live = watch.scene.live
    assert not plays(watch, leaked)
    assert live["idleVideoUrl"].endswith("token=issued-in-the-console")
    assert live["idleVideoPath"] in leaked.replace("%2F", "/")
    assert watch.scene.mirror == live["idleVideoUrl"]
    assert video.generation == generation


def test_one_of_several_tokens_is_enough(watch: Watch) -> None:
    watch.scene.save(document())
    video = watch.scene.media.objects[watch.scene.outputs[0]]
    video.token = f"another,{video.token}"
    assert watch.sweep().attended == 0
    video.token = "first,second"
    watch.sweep()
    assert watch.scene.live["idleVideoUrl"].endswith("token=first")
    assert watch.sweep().attended == 0


def test_a_token_of_a_kept_result_is_mended_before_it_is_shown_again(watch: Watch) -> None:
    token_of_a_kept_result_revoked(watch.scene)
    shown = watch.scene.live
    watch.sweep()
    assert watch.scene.live == shown
    watch.scene.save(document())
    assert plays(watch, watch.scene.live["idleVideoUrl"])


def test_a_token_changed_under_its_eyes_is_left_to_the_next_pass(watch: Watch) -> None:
    token_removed(watch.scene)
    path = watch.scene.outputs[0]

    def somebody_was_faster(stored: StoredObject, token: str) -> bool:
        watch.scene.media.objects[path].token = "theirs"
        return False

    watch.lister.give_token = somebody_was_faster  # type: ignore[method-assign]
    assert watch.sweep().postponed == 1
    assert watch.sweep().mended == {Finding.DEAD_TOKEN: 1}
    assert watch.scene.live["idleVideoUrl"].endswith("token=theirs")


def test_the_second_mirror_follows_a_new_url() -> None:
    settings = replace(SETTINGS, mirror_dynamics=True)
    watch = Watch(scene=Scene(settings=settings))
    token_revoked(watch.scene)
    watch.sweep()
    basic = watch.scene.ledger.documents[AVATAR]["dynamics"]["basic"]
    assert basic["idleVideoUrl"] == watch.scene.live["idleVideoUrl"]
    assert plays(watch, basic["heroImageChunkUrl"])


@pytest.mark.parametrize("foreign", ["https://elsewhere/x.mp4", ""])
def test_a_foreign_mirror_is_left_alone(watch: Watch, foreign: str) -> None:
    watch.scene.save(document())
    inputs = watch.scene.ledger.documents[AVATAR]["training"]["livePortrait"]
    inputs["idleVideoUrl"] = foreign
    assert watch.sweep().attended == 0
    token_revoked_only = watch.scene.media.objects[watch.scene.outputs[0]]
    token_revoked_only.token = "another"
    watch.sweep()
    assert watch.scene.mirror == foreign


def test_inputs_that_are_missing_end_in_a_failure_after_two_passes(watch: Watch) -> None:
    lost_first_save(watch.scene)
    clip = watch.scene.media.objects.pop(VIDEO)
    assert watch.sweep().postponed == 1
    assert watch.scene.live["error"]["code"] == "HERO_VIDEO_NOT_FOUND"
    watch.scene.clock.advance(3600)
    assert watch.sweep().mended == {Finding.LEFT_OVER: 1}
    assert watch.scene.live["state"] == "failed"
    assert watch.sweep().attended == 0
    watch.scene.media.objects[VIDEO] = clip
    assert watch.sweep().mended == {Finding.LOST_EVENT: 1}
    assert watch.scene.live["state"] == "ready"


def test_three_attempts_are_all_a_left_over_render_gets(watch: Watch) -> None:
    def fail() -> None:
        raise OutOfMemory("it always fails")

    lost_first_save(watch.scene)
    for _ in range(3):
        watch.scene.renderer.steps = [fail]
        watch.sweep()
        watch.scene.clock.advance(3600)
    assert watch.scene.live["state"] == "failed"
    assert watch.scene.starts == 3
    assert watch.sweep().attended == 0


def test_a_result_that_cannot_be_made_again_is_not_named_any_longer() -> None:
    settings = replace(SETTINGS, renders_per_day=1)
    watch = Watch(scene=Scene(settings=settings))
    video_deleted(watch.scene)
    assert watch.sweep().mended == {Finding.RESULT_GONE: 1}
    assert watch.scene.live["error"]["code"] == "QUOTA_EXCEEDED"
    assert watch.sweep().mended == {Finding.DEAD_RESULT: 1}
    assert "idleVideoUrl" not in watch.scene.live
    assert watch.sweep().attended == 0


def test_young_objects_are_not_litter(watch: Watch) -> None:
    litter_of_a_crash(watch.scene)
    path = f"{OUTPUT}{'a' * 16}/poster.jpg"
    watch.lister.created[path] = round(watch.scene.clock.now() * 1000) - DAY_MS + 60_000
    assert watch.sweep().attended == 0
    watch.scene.clock.advance(120)
    assert watch.sweep().mended == {Finding.ORPHAN: 1}
    assert path not in watch.scene.media.objects


@pytest.mark.parametrize("name", ["old/idle.mp4", "idle.mp4", f"{'a' * 16}/notes.txt"])
def test_what_we_never_make_is_no_litter(watch: Watch, name: str) -> None:
    watch.scene.save(document())
    watch.scene.media.put(f"{OUTPUT}{name}", b"somebody's")
    assert watch.sweep().attended == 0


def test_litter_replaced_since_it_was_seen_stays(watch: Watch) -> None:
    litter_of_a_crash(watch.scene)
    path = f"{OUTPUT}{'a' * 16}/poster.jpg"
    discard = watch.scene.media.delete

    def replaced_then_discarded(path: str, generation: int) -> None:
        watch.scene.media.put(path, b"another job's")
        discard(path, generation)

    watch.scene.media.delete = replaced_then_discarded  # type: ignore[method-assign]
    watch.sweep()
    assert watch.scene.media.objects[path].body == b"another job's"
