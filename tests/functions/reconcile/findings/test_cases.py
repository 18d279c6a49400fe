"""Each thing that can be wrong with an avatar: found once, mended, and found no more."""

from collections.abc import Callable

import pytest

from functions.domain.job_record import Record
from functions.errors import RetryLater
from functions.reconcile.findings import Finding
from tests.functions.reconcile.reconciling import Watch
from tests.functions.scene import (
    AVATAR,
    IMAGE,
    OUTPUT,
    UNSET,
    Scene,
    document,
)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def params(multiplier: object) -> dict[str, object]:
    return {"drivingMultiplier": multiplier, "normalizeLip": True, "animationRegion": "all"}


def kill_while_rendering(scene: Scene, fields: dict[str, object]) -> None:
    """The instance dies in the middle: the lease and `rendering` are what it leaves."""

    class Killed(BaseException):
        """The end of a process."""

    def kill() -> None:
        raise Killed

    scene.renderer.steps = [kill]
    with pytest.raises(Killed):
        scene.save(fields)
    scene.clock.advance(3600)


def lost_first_save(scene: Scene) -> None:
    scene.write(document())


def lost_change(scene: Scene) -> None:
    scene.save(document())
    scene.write(document(training__livePortrait=params(0.7)))


def lost_return_to_a_kept_result(scene: Scene) -> None:
    scene.save(document())
    scene.save(document(training__livePortrait=params(0.7)))
    scene.write(document())


def lost_removal_of_the_portrait(scene: Scene) -> None:
    scene.save(document())
    scene.write(document(avatarImageUrl=None))


def portrait_overwritten(scene: Scene) -> None:
    scene.save(document())
    scene.media.put(IMAGE, b"another portrait")


def queued_and_forgotten(scene: Scene) -> None:
    def fail() -> None:
        raise RuntimeError("the first attempt fails")

    scene.renderer.steps = [fail]
    with pytest.raises(RetryLater):
        scene.save(document())
    scene.clock.advance(3600)


def rendering_and_killed(scene: Scene) -> None:
    kill_while_rendering(scene, document())


def withdrawn_and_killed(scene: Scene) -> None:
    scene.save(document(training__livePortrait=params(0.2)))
    kill_while_rendering(scene, document())
    del scene.ledger.documents[AVATAR]["training"]["livePortrait"]


def first_withdrawn_and_killed(scene: Scene) -> None:
    kill_while_rendering(scene, document())
    del scene.ledger.documents[AVATAR]["training"]["livePortrait"]


def video_deleted(scene: Scene) -> None:
    scene.save(document())
    del scene.media.objects[scene.outputs[0]]


def poster_deleted(scene: Scene) -> None:
    scene.save(document())
    del scene.media.objects[scene.outputs[1]]


def video_replaced(scene: Scene) -> None:
    scene.save(document())
    scene.media.put(scene.outputs[0], b"forged")


def video_deleted_while_blocked(scene: Scene) -> None:
    scene.save(document(training__livePortrait=params(0.2)))
    scene.save(document())
    newest = scene.live["idleVideoPath"]
    scene.save(document(avatarImageUrl=None))
    del scene.media.objects[newest]


def every_video_deleted_while_disabled(scene: Scene) -> None:
    scene.save(document())
    scene.save(document(training__dynamicsEnabled=False))
    del scene.media.objects[scene.outputs[0]]


def video_deleted_after_opting_out(scene: Scene) -> None:
    scene.save(document())
    scene.save(document(training__livePortrait=UNSET))
    del scene.media.objects[scene.outputs[0]]


def token_revoked(scene: Scene) -> None:
    scene.save(document())
    for path in scene.outputs:
        scene.media.objects[path].token = f"new-{path[-4:]}"


def token_removed(scene: Scene) -> None:
    scene.save(document())
    scene.media.objects[scene.outputs[0]].token = ""


def token_of_a_kept_result_revoked(scene: Scene) -> None:
    scene.save(document())
    scene.save(document(training__livePortrait=params(0.7)))
    kept = scene.record.results[1].video.path
    scene.media.objects[kept].token = "another"


def deleted_unheard(scene: Scene) -> None:
    scene.save(document())
    scene.media.put(f"livePortraitCache/avatars/{AVATAR}/x", b"cache")
    scene.write(None)


def opted_out_while_queued_and_deleted_unheard(scene: Scene) -> None:
    scene.clock.after(1, lambda: scene.write(document(training__livePortrait=UNSET)))
    scene.save(document())
    scene.write(None)
    assert (scene.record, AVATAR in scene.ledger.jobs) == (Record(), True)


def objects_alone(scene: Scene) -> None:
    scene.write(None)
    scene.media.put(f"{OUTPUT}{'a' * 16}/idle.mp4", b"who made this?")


def caches_alone(scene: Scene) -> None:
    scene.write(None)
    scene.media.put(f"livePortraitCache/avatars/{AVATAR}/x", b"cache")


def litter_of_a_crash(scene: Scene) -> None:
    scene.save(document())
    scene.media.put(f"{OUTPUT}{'a' * 16}/poster.jpg", b"never listed")


def output_forged(scene: Scene) -> None:
    scene.save(document())
    scene.live["idleVideoUrl"] = "https://elsewhere/x.mp4"


def output_forged_after_opting_out(scene: Scene) -> None:
    scene.save(document())
    scene.save(document(training__livePortrait=UNSET))
    scene.live["idleVideoUrl"] = "https://elsewhere/x.mp4"


def output_dropped(scene: Scene) -> None:
    scene.save(document())
    del scene.ledger.documents[AVATAR]["livePortrait"]


def mirror_dropped(scene: Scene) -> None:
    scene.save(document())
    scene.write(document())


def mirror_of_an_earlier_video(scene: Scene) -> None:
    scene.save(document())
    earlier = scene.live["idleVideoUrl"]
    scene.save(document(training__livePortrait=params(0.7)))
    inputs = scene.ledger.documents[AVATAR]["training"]["livePortrait"]
    inputs["idleVideoUrl"] = earlier


CASES: list[tuple[Callable[[Scene], None], set[Finding], int]] = [
    (lost_first_save, {Finding.LOST_EVENT}, 1),
    (lost_change, {Finding.LOST_EVENT}, 1),
    (lost_return_to_a_kept_result, {Finding.LOST_EVENT}, 0),
    (lost_removal_of_the_portrait, {Finding.LOST_EVENT}, 0),
    (portrait_overwritten, {Finding.LOST_EVENT}, 1),
    (queued_and_forgotten, {Finding.LEFT_OVER}, 1),
    (rendering_and_killed, {Finding.LEFT_OVER}, 1),
    (withdrawn_and_killed, {Finding.WITHDRAWN}, 0),
    (first_withdrawn_and_killed, {Finding.WITHDRAWN}, 0),
    (video_deleted, {Finding.RESULT_GONE}, 1),
    (poster_deleted, {Finding.RESULT_GONE}, 1),
    (video_replaced, {Finding.RESULT_GONE, Finding.ORPHAN}, 1),
    (video_deleted_while_blocked, {Finding.DEAD_RESULT}, 0),
    (every_video_deleted_while_disabled, {Finding.DEAD_RESULT}, 0),
    (video_deleted_after_opting_out, {Finding.DEAD_RESULT}, 0),
    (token_revoked, {Finding.DEAD_TOKEN}, 0),
    (token_removed, {Finding.DEAD_TOKEN}, 0),
    (token_of_a_kept_result_revoked, {Finding.DEAD_TOKEN}, 0),
    (deleted_unheard, {Finding.NO_DOCUMENT}, 0),
    (opted_out_while_queued_and_deleted_unheard, {Finding.NO_DOCUMENT}, 0),
    (objects_alone, {Finding.NO_DOCUMENT}, 0),
    (caches_alone, {Finding.NO_DOCUMENT}, 0),
    (litter_of_a_crash, {Finding.ORPHAN}, 0),
    (output_forged, {Finding.NOT_SHOWN}, 0),
    (output_forged_after_opting_out, {Finding.NOT_SHOWN}, 0),
    (output_dropped, {Finding.NOT_SHOWN}, 0),
    (mirror_dropped, {Finding.STALE_MIRROR}, 0),
    (mirror_of_an_earlier_video, {Finding.STALE_MIRROR}, 0),
]


@pytest.mark.parametrize(
    ("break_it", "findings", "renders"), CASES, ids=[case.__name__ for case, _, _ in CASES]
)
def test_found_mended_and_found_no_more(
    watch: Watch, break_it: Callable[[Scene], None], findings: set[Finding], renders: int
) -> None:
    watch.healthy("neighbour")
    break_it(watch.scene)
    rendered = len(watch.scene.renderer.renders)
    before = watch.world()

    dry = watch.sweep(dry_run=True)
    assert (set(dry.found), watch.world()) == (findings, before)

    report = watch.sweep()
    assert set(report.mended) == findings
    assert report.mended == report.found == dry.found
    assert (report.attended, report.postponed, report.faults) == (1, 0, 0)
    assert len(watch.scene.renderer.renders) - rendered == renders

    after = watch.world()
    assert (watch.sweep().attended, watch.world()) == (0, after)
