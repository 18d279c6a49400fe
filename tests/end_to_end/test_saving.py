"""Saves of the details screen: scenarios 1–4, 22–27 and 42 of contract.md."""

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.app import Avatar, Cloud, command_line, play


@pytest.mark.queue
def test_01_first_save_renders_and_publishes(cloud: Cloud, tmp_path: Path) -> None:
    avatar = cloud.avatar("first")
    stop = avatar.listen()
    avatar.create()
    avatar.save(0.40)
    live = avatar.wait_ready(0.40)
    stop()

    assert avatar.states == ["queued", "rendering", "ready"]
    assert avatar.renders() == 1
    folder = f"avatars/{avatar.id}/livePortrait/{live['fingerprint']}/{live['requestId']}"
    assert avatar.output_names() == [f"{folder}/idle.mp4", f"{folder}/poster.jpg"]
    for name, kind in (("idle.mp4", "video/mp4"), ("poster.jpg", "image/jpeg")):
        blob = cloud.bucket.get_blob(f"{folder}/{name}")
        assert blob is not None
        assert blob.content_type == kind
        assert blob.cache_control == "private, max-age=31536000, immutable"
        assert blob.content_disposition == f'inline; filename="{name}"'
        assert blob.metadata["avatarId"] == avatar.id
        assert blob.metadata["fingerprint"] == live["fingerprint"]
        assert blob.metadata["engineVersion"] == live["engineVersion"]
    body, kind = play(live["idleVideoUrl"])
    assert (kind, len(body)) == ("video/mp4", live["sizeBytes"])
    poster, kind = play(live["posterUrl"])
    assert kind == "image/jpeg"
    assert poster[:2] == b"\xff\xd8"
    training = avatar.read()["training"]
    assert training["livePortrait"]["idleVideoUrl"] == live["idleVideoUrl"]
    assert (live["contract"], live["engine"], live["error"]) == (1, "mesh", None)
    assert live["params"] == {
        "drivingMultiplier": 0.40,
        "normalizeLip": True,
        "animationRegion": "all",
        "pasteback": True,
        "scale": 2.3,
        "sourceMaxDim": 1600,
    }
    assert (live["width"], live["height"]) == (256, 300)
    quality = avatar.ledger()["results"][0]["quality"]
    assert quality["framesWithoutFace"] == 0
    assert quality["touchedOutsideShare"] == 0
    assert 0 < quality["loopStepLevels"] <= max(quality["medianStepLevels"], 0.5)
    assert live["requestedAt"] <= live["startedAt"] <= live["finishedAt"]
    avatar.assert_inputs_untouched()


def test_42_every_finished_video_holds_section_6(cloud: Cloud, tmp_path: Path) -> None:
    avatar = cloud.avatar("measured")
    avatar.create()
    for multiplier, region in ((0.40, "all"), (1.0, "exp")):
        avatar.save(multiplier, region=region)
        live = avatar.wait_ready(multiplier)
        video = tmp_path / f"{region}.mp4"
        video.write_bytes(play(live["idleVideoUrl"])[0])
        done = command_line("inspect", video, "--portrait", cloud.media.portrait)
        assert done.returncode == 0, done.stdout + done.stderr
        json.loads(done.stdout)


@pytest.mark.queue
def test_02_a_dragged_slider_renders_once(cloud: Cloud) -> None:
    avatar = cloud.avatar("drag")
    avatar.create()
    for multiplier in (0.41, 0.42, 0.43, 0.44, 0.45):
        avatar.save(multiplier)
        time.sleep(0.5)
    avatar.wait_ready(0.45)
    assert avatar.renders() == 1
    assert avatar.live()["resultFingerprint"] == avatar.live()["fingerprint"]


@pytest.mark.queue
def test_03_a_new_value_while_rendering_supersedes(cloud: Cloud) -> None:
    avatar = cloud.avatar("newer")
    avatar.create()
    cloud.suite.control.delay_downloads(3.0, prefix=f"avatars/{avatar.id}/heroVideo")
    avatar.save(0.30)
    first = avatar.wait_state("rendering")
    avatar.save(0.70)
    live = avatar.wait_ready(0.70)

    assert live["fingerprint"] != first["fingerprint"]
    assert avatar.renders() == 2
    published = {name.split("/")[-3] for name in avatar.output_names()}
    assert published == {live["fingerprint"][:16]}
    avatar.assert_inputs_untouched()


def test_04_the_same_values_again_write_nothing(cloud: Cloud) -> None:
    avatar = cloud.avatar("again")
    avatar.create()
    avatar.save(0.40)
    before = avatar.wait_ready(0.40)
    mirrored = avatar.read()["training"]["livePortrait"]
    avatar.update({"training.livePortrait": mirrored})
    cloud.settle()
    assert avatar.live() == before
    assert avatar.renders() == 1


@pytest.mark.queue
def test_22_a_value_rendered_before_is_ready_at_once(cloud: Cloud) -> None:
    avatar = cloud.avatar("back")
    avatar.create()
    avatar.save(0.40)
    first = avatar.wait_ready(0.40)
    avatar.save(0.50)
    avatar.wait_ready(0.50)
    avatar.save(0.40)
    third = avatar.wait_ready(0.40)
    assert third["idleVideoUrl"] == first["idleVideoUrl"]
    assert avatar.renders() == 2
    mirrored = avatar.read()["training"]["livePortrait"]["idleVideoUrl"]
    assert mirrored == first["idleVideoUrl"]


def test_23_multipliers_at_the_ends(cloud: Cloud, tmp_path: Path) -> None:
    avatar = cloud.avatar("ends")
    avatar.create()
    avatar.save(0)
    still = avatar.wait_ready(0.0)
    video = tmp_path / "still.mp4"
    video.write_bytes(play(still["idleVideoUrl"])[0])
    done = command_line("inspect", video, "--portrait", cloud.media.portrait)
    assert json.loads(done.stdout)["moves"] is False
    avatar.save(1)
    assert avatar.wait_ready(1.0)["warnings"] == []
    avatar.save(0.41)
    once = avatar.wait_ready(0.41)
    avatar.save(0.41000000000000003)
    cloud.settle()
    assert avatar.live() == once
    assert avatar.renders() == 3


@pytest.mark.parametrize(("asked", "applied"), [(1.7, 1.0), (-0.2, 0.0)])
def test_24_values_out_of_range_are_clamped(cloud: Cloud, asked: float, applied: float) -> None:
    avatar = cloud.avatar("clamped")
    avatar.create()
    avatar.save(asked)
    live = avatar.wait_ready(applied)
    assert live["warnings"] == ["PARAM_CLAMPED"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"drivingMultiplier": "0.4"}, "drivingMultiplier"),
        ({"drivingMultiplier": math.nan}, "drivingMultiplier"),
        ({"animationRegion": "mouth"}, "animationRegion"),
        ({"normalizeLip": "yes"}, "normalizeLip"),
    ],
)
def test_25_wrong_types_fail_naming_the_field(
    cloud: Cloud, values: dict[str, Any], field: str
) -> None:
    avatar = cloud.avatar("wrong")
    avatar.create(live_portrait=values)
    live = avatar.wait_state("failed")
    assert live["error"] == {
        "code": "INVALID_PARAMS",
        "retryable": False,
        "field": f"training.livePortrait.{field}",
    }
    assert avatar.renders() == 0
    avatar.save(0.40)
    assert avatar.wait_ready(0.40)["error"] is None
    assert avatar.renders() == 1


def test_26_missing_null_and_unknown_keys(cloud: Cloud) -> None:
    avatar = cloud.avatar("defaults")
    avatar.create(live_portrait={"drivingMultiplier": None, "normalizeLip": True, "mood": "calm"})
    live = avatar.wait_ready(0.40)
    assert live["params"]["animationRegion"] == "all"
    avatar.update({"training.livePortrait.mood": "merry"})
    cloud.settle()
    assert avatar.live() == live
    assert avatar.renders() == 1


@pytest.mark.queue
def test_27_disabled_then_enabled(cloud: Cloud) -> None:
    avatar = cloud.avatar("switch")
    avatar.create()
    avatar.save(0.40)
    first = avatar.wait_ready(0.40)
    avatar.update({"training.dynamicsEnabled": False})
    disabled = avatar.wait_state("disabled")
    assert disabled["idleVideoUrl"] == first["idleVideoUrl"]
    avatar.update({"training.dynamicsEnabled": True})
    again = avatar.wait_ready(0.40)
    assert again["idleVideoUrl"] == first["idleVideoUrl"]
    assert avatar.renders() == 1
    avatar.update({"training.dynamicsEnabled": False})
    avatar.wait_state("disabled")
    avatar.save(0.60)
    cloud.settle()
    assert avatar.live()["state"] == "disabled"
    avatar.update({"training.dynamicsEnabled": True})
    avatar.wait_ready(0.60)
    assert avatar.renders() == 2


@pytest.mark.queue
def test_a_listening_app_is_woken_at_most_four_times(cloud: Cloud) -> None:
    avatar: Avatar = cloud.avatar("quiet")
    avatar.create()
    cloud.settle()
    before = len(cloud.suite.control.events())
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    ours = [
        event
        for event in cloud.suite.control.events()[before:]
        if event.document == f"avatars/{avatar.id}"
    ]
    assert 3 <= len(ours) <= 5  # the save itself, and two to four writes of ours
