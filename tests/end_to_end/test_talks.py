"""Avatars that talk: scenarios 49 to 57 of contract.md, section 11."""

from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.report import Frame
from tests.core.sounds import silence, wav
from tests.end_to_end.app import Avatar, Cloud, Document, Talk, exists, play

CODEC_LEVELS = 3.0  # mean difference of one picture that was encoded twice


def ready_avatar(cloud: Cloud, name: str) -> Avatar:
    """An avatar whose idle video is there."""
    avatar = cloud.avatar(name)
    avatar.create()
    avatar.save(0.40)
    avatar.wait_ready(0.40)
    return avatar


def new_avatar(cloud: Cloud, name: str) -> Avatar:
    """An avatar that was never asked for an idle video: its talks do not need one."""
    avatar = cloud.avatar(name)
    avatar.create()
    return avatar


def frames_of(url: str, folder: Path) -> list[Frame]:
    """The pictures of a video, as a player shows them."""
    video = folder / f"{len(list(folder.iterdir()))}.mp4"
    video.write_bytes(play(url)[0])
    with FrameReader(probe(video, 60), max_side_px=None) as reader:
        return list(reader)


def differs(one: Frame, other: Frame) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def assert_cut(talk: Document, idle: Document) -> None:
    """The app may cut from this idle video to this talk and back."""
    assert talk["idleFingerprint"] == idle["resultFingerprint"]
    assert (talk["fps"], talk["width"], talk["height"]) == (
        idle["fps"],
        idle["width"],
        idle["height"],
    )
    after = (talk["startFrame"] + talk["frameCount"]) % idle["frameCount"]
    assert talk["resumeFrame"] == after


@pytest.mark.queue
def test_49_a_talk_beside_its_idle_video(cloud: Cloud) -> None:
    avatar = ready_avatar(cloud, "speaks")
    idle = avatar.live()
    talk = Talk(avatar)
    talk.say()
    live = talk.wait_ready()
    assert_cut(live, idle)
    assert live["hasSpeech"] is True
    assert live["durationMs"] == pytest.approx(800, abs=40)
    assert live["method"] == "visemes"
    assert [name.rpartition("/")[2] for name in talk.output_names()] == ["poster.jpg", "talk.mp4"]
    blob = cloud.bucket.get_blob(live["videoPath"])
    assert blob is not None
    assert blob.metadata["talkId"] == talk.id
    assert blob.cache_control == "private, max-age=31536000, immutable"
    assert play(live["videoUrl"])[1] == "video/mp4"
    assert avatar.live() == idle
    assert avatar.renders() == 2
    assert "dispatch" not in talk.ledger() or talk.ledger()["dispatch"] is None
    avatar.assert_inputs_untouched()


@pytest.mark.queue
def test_50_changed_while_rendering(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "thinks")
    talk = Talk(avatar)
    url = talk.upload(cloud.media.sound)
    cloud.suite.control.delay_downloads(2.0, prefix=f"avatars/{avatar.id}/hello")
    talk.ask(audioUrl=url, strength=0.5)
    talk.wait_state("rendering")
    talk.ask(audioUrl=url, strength=1.2)
    live = talk.wait_ready(1.2)
    assert len(talk.output_names()) == 2
    assert live["fingerprint"] in live["videoPath"]
    assert avatar.renders() <= 2


def test_51_a_talk_is_deleted(cloud: Cloud) -> None:
    avatar = ready_avatar(cloud, "is-silent-again")
    talk = Talk(avatar)
    talk.say()
    talk.wait_ready()
    talk.document.delete()
    cloud.settle()
    assert talk.output_names() == []
    assert talk.ledger() == {}
    assert len(avatar.output_names()) == 2
    assert play(avatar.live()["idleVideoUrl"])[1] == "video/mp4"


@pytest.mark.queue
def test_52_the_avatar_is_deleted(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "leaves")
    said, saying = Talk(avatar), Talk(avatar, "second")
    said.say()
    said.wait_ready()
    cloud.suite.control.delay_downloads(2.0, prefix=f"avatars/{avatar.id}/hello")
    saying.say(strength=0.7)
    saying.wait_state("rendering")
    avatar.document.delete()
    cloud.settle()
    assert not exists(avatar)
    for talk in (said, saying):
        assert not talk.document.get().exists
        assert talk.ledger() == {}
    assert list(cloud.bucket.list_blobs(prefix=f"avatars/{avatar.id}/")) == []
    assert avatar.ledger() == {}


@pytest.mark.scenarios
def test_53_events_twice(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "echoes")
    talk = Talk(avatar)
    url = talk.upload(cloud.media.sound)
    cloud.suite.control.duplicate_next_event(prefix=f"avatars/{avatar.id}/talks")
    talk.ask(audioUrl=url)
    talk.wait_ready()
    assert avatar.renders() == 1


def test_54_a_forged_answer(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "misquoted")
    talk = Talk(avatar)
    talk.say()
    good = talk.wait_ready()
    talk.document.update({"talk": {"state": "ready", "videoUrl": "https://elsewhere/x.mp4"}})
    cloud.settle()
    talk.ask(audioUrl=good_url(avatar), renderNonce=None)
    cloud.settle()
    assert talk.live() == good
    assert avatar.renders() == 1


def good_url(avatar: Avatar) -> str:
    return f"gs://{avatar.cloud.bucket.name}/avatars/{avatar.id}/hello.wav"


def test_55_silence_is_the_idle_video(cloud: Cloud, tmp_path: Path) -> None:
    avatar = ready_avatar(cloud, "says-nothing")
    talk = Talk(avatar)
    talk.say(wav(tmp_path / "nothing.wav", silence(0.6)))
    live, idle = talk.wait_ready(), avatar.live()
    assert_cut(live, idle)
    assert live["hasSpeech"] is False
    assert "AUDIO_SILENT" in live["warnings"]
    folder = tmp_path / "videos"
    folder.mkdir()
    quiet, shown = (frames_of(url, folder) for url in (live["videoUrl"], idle["idleVideoUrl"]))
    assert len(quiet) == live["frameCount"]
    for place, frame in enumerate(quiet):
        assert differs(frame, shown[(live["startFrame"] + place) % len(shown)]) < CODEC_LEVELS
    # What the app shows next follows the talk's last picture as it follows that of the idle.
    after = shown[live["resumeFrame"]]
    step = differs(shown[live["resumeFrame"] - 1], after)
    assert differs(quiet[-1], after) < step + CODEC_LEVELS


@pytest.mark.scenarios
def test_56_another_idle_video(cloud: Cloud) -> None:
    avatar = ready_avatar(cloud, "moves-on")
    talk = Talk(avatar)
    talk.say()
    before = talk.wait_ready()
    avatar.save(0.70)
    avatar.wait_ready(0.70)
    assert talk.live() == before
    assert before["idleFingerprint"] != avatar.live()["resultFingerprint"]
    assert avatar.renders() == 3
    talk.ask(audioUrl=good_url(avatar), renderNonce=1)
    cloud.settle()
    assert_cut(talk.wait_ready(), avatar.live())


@pytest.mark.scenarios
def test_57_the_sound_is_replaced(cloud: Cloud) -> None:
    avatar = new_avatar(cloud, "replaces")
    talk = Talk(avatar)
    talk.say()
    first = talk.wait_ready()
    talk.say(renderNonce=None)
    cloud.settle()
    second = talk.wait_ready()
    assert first["fingerprint"] != second["fingerprint"]
    assert first["videoUrl"] != second["videoUrl"]
    assert play(first["videoUrl"])[1] == "video/mp4"
    assert avatar.renders() == 2
