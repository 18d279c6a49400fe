"""The second move of a slider: the hero video is not read again (contract.md, section 3)."""

import pytest

from tests.end_to_end.app import Avatar, Cloud, play


def kept(avatar: Avatar) -> list[str]:
    """What is cached for an avatar."""
    prefix = f"livePortraitCache/avatars/{avatar.id}/"
    return [blob.name for blob in avatar.cloud.bucket.list_blobs(prefix=prefix)]


@pytest.mark.queue
def test_the_second_save_reads_no_clip_and_gives_the_same_video(cloud: Cloud) -> None:
    avatar, fresh = cloud.avatar("slid"), cloud.avatar("fresh")
    for one in (avatar, fresh):
        one.create()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    assert kept(avatar) == [f"livePortraitCache/avatars/{avatar.id}/motion.npz"]
    blob = cloud.bucket.get_blob(kept(avatar)[0])
    assert blob is not None
    assert sorted(blob.metadata) == ["key", "sha256"]  # no download token

    hero, control = f"avatars/{avatar.id}/heroVideo.mp4", cloud.suite.control
    control.delay_downloads(0.01, prefix=hero)  # strikes as soon as it is fetched
    avatar.save(0.60)
    live = avatar.wait_ready(0.60)
    assert [fault.prefix for fault in control.planned()] == [hero]
    assert avatar.renders() == 2
    cloud.bucket.blob(hero).download_as_bytes()
    assert control.planned() == ()

    fresh.save(0.60)
    scratch = fresh.wait_ready(0.60)
    assert play(live["idleVideoUrl"]) == play(scratch["idleVideoUrl"])
    assert play(live["posterUrl"]) == play(scratch["posterUrl"])
    same = ("width", "height", "frameCount", "durationMs", "fps", "warnings", "sizeBytes")
    assert {name: live[name] for name in same} == {name: scratch[name] for name in same}
    measured = [one.ledger()["results"][0]["quality"] for one in (avatar, fresh)]
    assert measured[0] == measured[1]

    avatar.document.delete()
    cloud.settle()
    assert kept(avatar) == []
    assert kept(fresh) != []


def test_damaged_motion_is_replaced(cloud: Cloud) -> None:
    avatar = cloud.avatar("damaged")
    avatar.create()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    blob = cloud.bucket.get_blob(kept(avatar)[0])
    assert blob is not None
    whole, facts = blob.download_as_bytes(), blob.metadata
    forged = cloud.bucket.blob(blob.name)
    forged.metadata = facts
    forged.upload_from_string(whole[:-100], content_type="application/octet-stream")
    avatar.save(0.60)
    assert avatar.wait_ready(0.60)["state"] == "ready"
    assert cloud.bucket.blob(blob.name).download_as_bytes() == whole
