"""Inputs, results and avatars that are replaced: scenarios 12, 13, 17, 41, 43 and 46.

Of contract.md, section 11. The second hero video is shorter than the first, and the second
portrait of another shape, so that a result says what it was made of.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.app import Avatar, Cloud, play
from tests.end_to_end.media_kinds import cut

pytestmark = [pytest.mark.scenarios, pytest.mark.queue]


def ready(cloud: Cloud, name: str) -> Avatar:
    """A new avatar with its first video, at 0.40."""
    avatar = cloud.avatar(name)
    avatar.create()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    return avatar


@contextmanager
def never_failed(avatar: Avatar) -> Iterator[None]:
    """No listener may hear of a failure, and the last video plays until the next is there."""
    before = avatar.live()["idleVideoUrl"]
    stop = avatar.listen()
    yield
    stop()
    assert "failed" not in avatar.states
    assert avatar.states[-1] == "ready"
    assert play(before)[1] == "video/mp4"  # the results of the last day are kept


def test_12_a_hero_video_is_replaced_by_several_writes(cloud: Cloud, tmp_path: Path) -> None:
    avatar = ready(cloud, "refilmed")
    shorter = cut(cloud.media.clip, tmp_path / "second.mp4", "trim=end_frame=18")
    with never_failed(avatar):
        avatar.update({"training.status": "uploading", "training.heroVideoUrl": None})
        url = avatar.upload("second.mp4", shorter, "video/mp4")
        avatar.update({"training.heroVideoUrl": url})
        cloud.bucket.blob(f"avatars/{avatar.id}/heroVideo.mp4").delete()
        avatar.update({"training.status": "done"})
        avatar.save(0.40)
        live = avatar.wait(lambda live: live.get("frameCount") == 18, "video of the new clip")
        cloud.settle()
    assert avatar.live() == live
    assert (live["state"], live["error"]) == ("ready", None)
    assert avatar.renders() == 2  # the first one, and one of the new video
    avatar.assert_inputs_untouched()


def test_13_a_portrait_is_cropped_again(cloud: Cloud) -> None:
    avatar = ready(cloud, "recropped")
    with never_failed(avatar):
        cloud.bucket.blob(f"avatars/{avatar.id}/hero.jpg").delete()
        gone_at = time.monotonic()
        avatar.save(0.50)
        waiting = avatar.wait(lambda live: live.get("error") is not None, "word of what is missing")
        assert (waiting["state"], waiting["error"]["code"]) == ("queued", "HERO_IMAGE_NOT_FOUND")
        time.sleep(max(0.0, gone_at + 2.0 - time.monotonic()))
        url = avatar.upload("crop.jpg", cloud.media.other_portrait, "image/jpeg")
        avatar.update({"avatarImageUrl": url})
        live = avatar.wait_ready(0.50)
    assert (live["width"], live["height"]) == (256, 256)
    assert avatar.renders() == 2
    avatar.assert_inputs_untouched()


def test_17_an_object_is_overwritten_under_its_url(cloud: Cloud) -> None:
    avatar = ready(cloud, "overwritten")
    old = avatar.live()
    avatar.upload("hero.jpg", cloud.media.other_portrait, "image/jpeg")  # the document stays
    for multiplier in (0.50, 0.40):
        avatar.save(multiplier)
        new = avatar.wait_ready(multiplier)
        assert (new["width"], new["height"]) == (256, 256)
    assert new["params"] == old["params"]
    assert new["idleVideoUrl"] != old["idleVideoUrl"]
    assert avatar.renders() == 3  # the first one, and two of the new object


def test_41_a_kept_result_was_deleted_by_somebody(cloud: Cloud) -> None:
    avatar = ready(cloud, "emptied")
    first = avatar.live()
    avatar.save(0.50)
    avatar.wait_ready(0.50)
    cloud.bucket.blob(first["idleVideoPath"]).delete()
    avatar.save(0.40)
    again = avatar.wait_ready(0.40)
    assert again["idleVideoUrl"] != first["idleVideoUrl"]
    assert len(play(again["idleVideoUrl"])[0]) == again["sizeBytes"]
    assert avatar.renders() == 3


def test_43_the_same_inputs_twice_give_the_same_bytes(cloud: Cloud) -> None:
    avatar = ready(cloud, "repeated")
    first = avatar.live()
    avatar.update({"training.livePortrait.renderNonce": "again"})
    second = avatar.wait(
        lambda live: live["resultFingerprint"] != first["resultFingerprint"], "second render"
    )
    assert second["idleVideoPath"] != first["idleVideoPath"]
    assert play(second["idleVideoUrl"]) == play(first["idleVideoUrl"])
    assert play(second["posterUrl"]) == play(first["posterUrl"])
    assert avatar.renders() == 2


def test_46_a_deletion_is_heard_of_when_the_avatar_lives_again(cloud: Cloud) -> None:
    avatar = ready(cloud, "reborn")
    whole = avatar.read()
    whole.pop("livePortrait")
    cloud.suite.control.hold_events(prefix=f"avatars/{avatar.id}")
    avatar.document.delete()
    avatar.set(whole)
    avatar.save(0.60)
    live = avatar.wait_ready(0.60)
    kept = avatar.output_names()
    assert cloud.suite.control.release_events() == 1
    cloud.settle()
    assert avatar.live() == live
    assert avatar.output_names() == kept
    assert play(live["idleVideoUrl"])[1] == "video/mp4"
    assert avatar.ledger()["results"]
    avatar.assert_inputs_untouched()
