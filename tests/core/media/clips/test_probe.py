"""Which clips are taken, what is known of them before decoding, and how the others are refused."""

import socket
from fractions import Fraction
from pathlib import Path

import pytest

from liveportrait_core.errors import EngineUnavailable, VideoTooLarge, VideoUnsupported
from liveportrait_core.media import given_file
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.report import RenderWarning
from tests.core.clips import ffmpeg, moving_clip, playlist


@pytest.mark.parametrize(
    ("source", "result"),
    [("30000/1001", "30000/1001"), ("60", "30"), ("50", "25"), ("24000/1001", "24000/1001"),
     ("120", "30"), ("12", "12")],
)  # fmt: skip
def test_the_rate_of_a_clip(tmp_path: Path, source: str, result: str) -> None:
    clip = probe(moving_clip(tmp_path / "clip.mp4", rate=source, seconds=1.5), 10)
    assert clip.rate_fps == Fraction(result)
    assert abs(clip.expected_frames - 1.5 * Fraction(result)) <= 1
    assert clip.warnings == ()


def test_webm_counts_milliseconds_and_is_still_30_fps(tmp_path: Path) -> None:
    clip = probe(moving_clip(tmp_path / "clip.webm", "-c:v", "libvpx", "-b:v", "1M"), 10)
    assert (clip.codec, clip.rate_fps) == ("vp8", Fraction(30))
    assert clip.warnings == ()


@pytest.mark.parametrize(
    ("container", "encoding"),
    [
        ("webm", ("-c:v", "libvpx", "-b:v", "1M")),
        ("avi", ("-c:v", "mpeg4", "-bf", "2")),
    ],
)
def test_a_clip_is_known_by_its_content(
    tmp_path: Path, container: str, encoding: tuple[str, ...]
) -> None:
    path = moving_clip(tmp_path / f"true.{container}", *encoding).rename(tmp_path / "named.mp4")
    clip = probe(path, 10)
    assert clip.rate_fps == 30
    assert clip.warnings == (RenderWarning.MIME_MISMATCH,)


@pytest.mark.parametrize("name", ["ein Ding ü.mov", "-y.mp4", "a%03d.mp4", "c:d|e.mkv", "bare"])
def test_any_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    made = moving_clip(tmp_path / "made.mov")
    assert probe(made.rename(tmp_path / name), 10).rate_fps == 30


def test_a_longer_clip_is_trimmed_with_a_warning(tmp_path: Path) -> None:
    path = moving_clip(tmp_path / "long.mp4", rate="25", seconds=3.4)
    assert probe(path, 3.0).warnings == (RenderWarning.VIDEO_TRIMMED,)
    assert probe(path, 3.0).expected_frames == 75
    assert RenderWarning.VIDEO_TRIMMED not in probe(path, 3.4).warnings


def test_frames_out_of_order_where_reading_stops_do_not_count_as_varying(tmp_path: Path) -> None:
    how = ("-c:v", "libx264", "-bf", "8", "-b_strategy", "0", "-pix_fmt", "yuv420p")
    path = moving_clip(tmp_path / "long.mp4", *how, seconds=5)
    assert probe(path, 1.0).warnings == (RenderWarning.VIDEO_TRIMMED,)


def test_varying_intervals_are_told(tmp_path: Path) -> None:
    jitter = "settb=1/90000,setpts='(N+if(mod(N\\,5)\\,0\\,0.4))/30/TB'"
    path = moving_clip(
        tmp_path / "vfr.mp4", "-c:v", "libx264", "-fps_mode", "vfr", "-pix_fmt", "yuv420p",
        "-enc_time_base", "1/90000", filters=jitter,
    )  # fmt: skip
    clip = probe(path, 10)
    assert clip.rate_fps == 30
    assert clip.warnings == (RenderWarning.VFR_NORMALIZED,)


def test_just_within_the_limits(tmp_path: Path) -> None:
    assert probe(moving_clip(tmp_path / "a.mp4", rate="24", seconds=0.5), 10).expected_frames == 12
    least = moving_clip(tmp_path / "least.mp4", rate="16", size="64x64", seconds=0.625)
    assert probe(least, 10).expected_frames == 10
    fast = moving_clip(tmp_path / "b.mp4", rate="240", size="64x64", seconds=0.5)
    assert probe(fast, 10).rate_fps == 30
    assert probe(moving_clip(tmp_path / "c.mp4", size="4096x64"), 10).width_px == 4096


def test_bytes_are_counted_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.mp4"
    with path.open("wb") as file:
        file.truncate(200_000_001)
    with pytest.raises(VideoTooLarge, match=r"200\.0 MB; accepted: up to 200 MB"):
        probe(path, 10)


@pytest.mark.parametrize("is_recognised", [True, False])
def test_a_playlist_is_refused_and_what_it_names_stays_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_recognised: bool
) -> None:
    """By its first bytes; and one that nothing here recognises, by ffmpeg's list of containers."""
    if not is_recognised:
        monkeypatch.setattr(given_file, "kind_of", lambda path: None)
    secret = moving_clip(tmp_path / "secret.mp4")
    ffmpeg("-i", str(secret), "-c", "copy", str(tmp_path / "secret.ts"))
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{}\n#EXT-X-ENDLIST\n"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        texts = [
            f"ffconcat version 1.0\nfile '{secret}'\n",
            f"ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/a.mp4'\n",
            hls.format(tmp_path / "secret.ts"),
            hls.format(f"http://127.0.0.1:{port}/a.ts"),
        ]
        for text in texts:
            with pytest.raises(VideoUnsupported):
                probe(playlist(tmp_path / "clip.mp4", text), 10)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_an_ffmpeg_that_cannot_be_run_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = moving_clip(tmp_path / "clip.mp4")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(clip))  # there, and not executable
    with pytest.raises(EngineUnavailable, match=r"clip\.mp4 cannot be run; accepted: in IMAGEIO_"):
        probe(clip, 10)
