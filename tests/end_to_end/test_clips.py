"""Hero videos of every kind and length: scenarios 28–31, 39 and 48 of contract.md."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.app import Avatar, Cloud, frames_at
from tests.end_to_end.media_kinds import cut, phone_clip, repeated

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{}\n#EXT-X-ENDLIST\n"


def saved(cloud: Cloud, clip: Path, multiplier: float = 0.40) -> Avatar:
    """A new avatar with this hero video, just saved."""
    avatar = cloud.avatar("clip")
    avatar.create(clip=clip)
    avatar.save(multiplier)
    return avatar


def assert_refused_once(avatar: Avatar, code: str) -> None:
    """The video is at fault, for good, and after one attempt."""
    failed = avatar.wait_state("failed")
    avatar.cloud.settle()
    assert failed["error"] == {"code": code, "retryable": False, "field": "training.heroVideoUrl"}
    assert avatar.output_names() == []
    assert avatar.renders() == 1
    avatar.assert_inputs_untouched()


@pytest.mark.scenarios
def test_28_a_clip_as_a_phone_makes_it(cloud: Cloud, tmp_path: Path) -> None:
    name = "Mein Film für Oma.mov"
    plain = saved(cloud, cloud.media.clip, 1.0)
    from_phone = saved(cloud, phone_clip(cloud.media.clip, tmp_path / name), 1.0)
    assert plain.wait_ready()["warnings"] == []
    live = from_phone.wait_ready()
    assert live["warnings"] == ["VFR_NORMALIZED"]
    assert (live["fps"], live["frameCount"]) == (30.0, 30)
    wanted, found = (
        np.stack(frames_at(url, cloud.media.portrait, tmp_path)).astype(int)
        for url in (plain.live()["idleVideoUrl"], live["idleVideoUrl"])
    )
    likeness = np.corrcoef((wanted - wanted[0]).ravel(), (found - found[0]).ravel())[0, 1]
    assert likeness > 0.9  # three frames out of step it is 0.3
    assert from_phone.renders() == 1
    from_phone.assert_inputs_untouched()


@pytest.mark.scenarios
def test_29_long_and_short_clips(cloud: Cloud, tmp_path: Path) -> None:
    slow = cut(cloud.media.clip, tmp_path / "slow.mp4", "fps=15")
    lengths: dict[float, tuple[int, list[str]]] = {
        240.0: (10_000, ["VIDEO_TRIMMED"]),
        10.4: (10_000, ["VIDEO_TRIMMED"]),
        2.0: (2_000, []),
    }
    clips = {
        seconds: saved(cloud, repeated(slow, tmp_path / f"{seconds}.mp4", seconds))
        for seconds in (*lengths, 0.3)
    }
    for seconds, (duration_ms, warnings) in lengths.items():
        live = clips[seconds].wait_ready()
        assert (live["durationMs"], live["warnings"]) == (duration_ms, warnings)
        assert (
            len(frames_at(live["idleVideoUrl"], cloud.media.portrait, tmp_path)) * 1000
            == 15 * duration_ms
        )
        assert clips[seconds].renders() == 1
    assert_refused_once(clips[0.3], "VIDEO_TOO_SHORT")


@pytest.mark.scenarios
@pytest.mark.parametrize("form", ["null", "pad=256:340:0:40:gray"], ids=["square", "upright"])
def test_30_nobody_there_at_first(cloud: Cloud, tmp_path: Path, form: str) -> None:
    late = cut(cloud.media.clip, tmp_path / "late.mp4", f"{form},tpad=start=20:color=gray")
    avatar = saved(cloud, late)
    live = avatar.wait_ready()
    assert live["warnings"] == ["VIDEO_LEADING_FRAMES_SKIPPED"]
    assert live["frameCount"] == 30  # of 50
    assert avatar.renders() == 1


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ("drawbox=color=gray:thickness=fill", "VIDEO_NO_FACE"),
        ("trim=end_frame=12,tpad=stop=20:color=gray", "VIDEO_FACE_LOST"),
    ],
    ids=["never", "lost"],
)
def test_31_no_face_or_too_little_of_it(
    cloud: Cloud, tmp_path: Path, filters: str, code: str
) -> None:
    assert_refused_once(saved(cloud, cut(cloud.media.clip, tmp_path / "a.mp4", filters)), code)


@pytest.mark.scenarios
@pytest.mark.parametrize(
    ("form", "codec"), [("webm", "libvpx"), ("avi", "mpeg4")], ids=["webm", "avi"]
)
def test_39_a_clip_under_another_kinds_name(
    cloud: Cloud, tmp_path: Path, form: str, codec: str
) -> None:
    how = ("-c:v", codec, "-b:v", "2M", "-an", "-f", form)
    avatar = saved(cloud, cut(cloud.media.clip, tmp_path / "clip.mp4", "null", *how))
    live = avatar.wait_ready()
    assert live["warnings"] == ["MIME_MISMATCH"]
    assert live["frameCount"] == 30
    assert avatar.renders() == 1


def test_a_text_under_a_clips_name(cloud: Cloud, tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("This is a letter, not a clip.\n" * 200)
    assert_refused_once(saved(cloud, letter), "VIDEO_UNSUPPORTED")


def test_48_a_playlist_leads_nowhere(
    cloud: Cloud, canary: tuple[str, list[str]], tmp_path: Path
) -> None:
    """The file that is named is a pipe: opening it would block for ever."""
    origin, asked = canary
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    texts: dict[str, Any] = {
        "concat-file": f"ffconcat version 1.0\nfile '{pipe}'\n",
        "concat-http": f"ffconcat version 1.0\nfile '{origin}/a.mp4'\n",
        "hls-file": HLS.format(pipe),
        "hls-http": HLS.format(f"{origin}/a.ts"),
    }
    avatars = []
    for name, text in texts.items():
        playlist = tmp_path / f"{name}.mp4"
        playlist.write_text(text)
        avatars.append(saved(cloud, playlist))
    for avatar in avatars:
        assert_refused_once(avatar, "VIDEO_UNSUPPORTED")
    assert asked == []
