"""The frames of a clip: which ones, upright, how large, and that decoding always ends."""

import os
import signal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from liveportrait_core.errors import VideoUnsupported
from liveportrait_core.media.clips import decode
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.report import Frame
from tests.core.clips import child_processes, counting_clip, ffmpeg, grey_level, moving_clip


def frames_of(path: Path, max_seconds: float = 10, max_side_px: int | None = None) -> list[Frame]:
    with FrameReader(probe(path, max_seconds), max_side_px=max_side_px) as reader:
        return list(reader)


def test_every_frame_of_a_constant_clip_once_in_order(tmp_path: Path) -> None:
    levels = list(range(20, 80))
    path = counting_clip(tmp_path / "clip.mp4", levels, "30000/1001")
    frames = frames_of(path)
    assert [grey_level(frame) for frame in frames] == levels
    assert {(frame.shape, frame.dtype) for frame in frames} == {((32, 48, 3), np.dtype("uint8"))}


@pytest.mark.parametrize(("rate", "every"), [("60", 2), ("50", 2), ("60000/1001", 2), ("120", 4)])
def test_a_fast_clip_is_thinned_evenly_from_its_first_frame(
    tmp_path: Path, rate: str, every: int
) -> None:
    levels = list(range(20, 20 + 120))
    path = counting_clip(tmp_path / "clip.mp4", levels, rate)
    seen = [grey_level(frame) for frame in frames_of(path)]
    assert seen[0] == 20
    assert len(seen) == 120 // every
    assert set(np.diff(seen[1:]).tolist()) == {every}


def test_varying_intervals_are_resampled_by_their_timestamps(tmp_path: Path) -> None:
    # Frames 20..49 a thirtieth apart; then a pause of half a second; then 50..79.
    pause = "settb=1/90000,setpts='(N+15*gte(N\\,30))/30/TB'"
    path = counting_clip(
        tmp_path / "clip.mp4", list(range(20, 80)), "30", "-vf", pause, "-fps_mode", "vfr",
        "-video_track_timescale", "90000",
    )  # fmt: skip
    seen = [grey_level(frame) for frame in frames_of(path)]
    assert seen == [*range(20, 50), *[49] * 15, *range(50, 80)]


def test_only_the_beginning_is_read(tmp_path: Path) -> None:
    path = counting_clip(tmp_path / "clip.mp4", list(range(20, 120)), "30000/1001")
    assert len(frames_of(path, max_seconds=2)) == 59  # 60 would last 2.002 s
    assert len(frames_of(path, max_seconds=3)) == 89


@pytest.mark.parametrize("angle", [90, -90, 180])
def test_rotation_is_applied(tmp_path: Path, angle: int) -> None:
    upright = np.zeros((48, 32, 3), np.uint8)
    upright[:24] = 220  # light above, dark below
    turned = np.rot90(upright, -angle // 90)  # what a camera held the other way stores
    height, width = turned.shape[:2]
    plain, rotated = tmp_path / "plain.mp4", tmp_path / "rotated.mov"
    ffmpeg(
        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}",
        "-framerate", "30", "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv420p", str(plain),
        feed=turned.tobytes() * 20,
    )  # fmt: skip
    ffmpeg("-display_rotation", str(angle), "-i", str(plain), "-c", "copy", str(rotated))
    frame = frames_of(rotated)[0]
    assert frame.shape == (48, 32, 3)
    assert frame[:20].mean() > 200
    assert frame[28:].mean() < 20


def test_hevc_ten_bit_rotated_with_sound(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain.mov", tmp_path / "Häus chen.mov"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=30:duration=1",
        "-f", "lavfi", "-i", "sine=duration=1", "-c:v", "libx265", "-x265-params", "log-level=none",
        "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", "-c:a", "aac", str(plain),
    )  # fmt: skip
    ffmpeg("-display_rotation", "-90", "-i", str(plain), "-c", "copy", str(path))
    frames = frames_of(path)
    assert len(frames) == 30
    assert frames[0].shape == (160, 120, 3)


@pytest.mark.parametrize(
    ("size", "limit", "shape"),
    [
        ("160x120", 80, (60, 80, 3)),
        ("120x160", 80, (80, 60, 3)),
        ("160x120", 640, (120, 160, 3)),
        ("162x122", None, (122, 162, 3)),
    ],
)
def test_frames_are_made_smaller_but_never_larger(
    tmp_path: Path, size: str, limit: int | None, shape: tuple[int, ...]
) -> None:
    path = moving_clip(tmp_path / "clip.mp4", size=size)
    assert frames_of(path, max_side_px=limit)[0].shape == shape


@pytest.mark.parametrize("transfer", ["arib-std-b67", "smpte2084"])
def test_what_is_not_bright_looks_the_same_in_hdr(tmp_path: Path, transfer: str) -> None:
    scene = "gradients=size=96x64:rate=30:duration=1:x0=0:y0=0:x1=95:y1=0:seed=1:speed=0.00001"
    grey = f"{scene}:c0=black:c1=white"
    tags = "color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    path = tmp_path / "hdr.mov"
    ffmpeg(
        "-f", "lavfi", "-i", grey, "-vf",
        f"format=yuv444p,setparams={tags},zscale=transfer=linear:npl=203,format=gbrpf32le,"
        f"zscale=primaries=bt2020,zscale=transfer={transfer}:matrix=bt2020nc:range=tv:npl=203,"
        "format=yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=none",
        "-tag:v", "hvc1", str(path),
    )  # fmt: skip
    assert probe(path, 10).transfer == transfer
    frame = frames_of(path)[10][32].astype(int)
    sdr = (
        np.frombuffer(
            ffmpeg(
                "-f",
                "lavfi",
                "-i",
                grey,
                "-frames:v",
                "1",
                "-pix_fmt",
                "rgb24",
                "-f",
                "rawvideo",
                "-",
            ),
            np.uint8,
        )
        .reshape(64, 96, 3)[32]
        .astype(int)
    )
    darker = sdr[:, 0] < 190
    assert np.abs(frame - sdr)[darker].max() <= 4
    assert np.all(np.diff(frame.mean(1)) > -1)  # highlights keep their order
    assert np.ptp(frame, axis=1).max() <= 3  # and no colour cast


def test_hdr_may_come_out_with_odd_sides(tmp_path: Path) -> None:
    path = tmp_path / "hdr.mov"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=100x70:rate=30:duration=1", "-vf",
        "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc:range=tv",
        "-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=none",
        "-tag:v", "hvc1", str(path),
    )  # fmt: skip
    assert frames_of(path, max_side_px=64)[0].shape == (45, 64, 3)


@pytest.mark.parametrize(
    ("codec", "says"),
    [("libx264", "holds no frames"), ("mpeg4", "does not say how large"), ("mjpeg", "cannot be")],
)
def test_frames_that_are_no_frames(tmp_path: Path, codec: str, says: str) -> None:
    path = moving_clip(tmp_path / "clip.mp4", "-c:v", codec)
    data = bytearray(path.read_bytes())
    inside = data.index(b"mdat") + 4
    index = data.index(b"moov") - 4
    data[inside:index] = b"\x5a" * (index - inside)
    path.write_bytes(data)
    with pytest.raises(VideoUnsupported, match=f"clip.mp4 {says}"):
        frames_of(path)


def test_leaving_early_ends_the_child(tmp_path: Path) -> None:
    clip = probe(moving_clip(tmp_path / "clip.mp4", size="640x480", seconds=3), 10)
    with FrameReader(clip, max_side_px=None) as reader:
        next(iter(reader))
        assert child_processes()
    assert not child_processes()


def test_an_exception_on_the_way_ends_the_child(tmp_path: Path) -> None:
    clip = probe(moving_clip(tmp_path / "clip.mp4", size="640x480", seconds=3), 10)
    reader = FrameReader(clip, max_side_px=None)
    with pytest.raises(ZeroDivisionError), reader:
        [1 / int(frame.size * 0) for frame in reader]
    assert not child_processes()


def test_a_killed_reader_ends_quietly(tmp_path: Path) -> None:
    clip = probe(moving_clip(tmp_path / "clip.mp4", size="640x480", seconds=3), 10)
    with FrameReader(clip, max_side_px=None) as reader:
        frames = iter(reader)
        next(frames)
        reader.kill()
        assert list(frames) == []
        reader.kill()


def test_a_decoder_that_stands_still_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_STALL_LIMIT_S", 0.3)
    clip = probe(moving_clip(tmp_path / "clip.mp4", size="640x480", seconds=3), 10)
    with FrameReader(clip, max_side_px=None) as reader:
        frames = iter(reader)
        next(frames)
        for pid in child_processes():
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(VideoUnsupported, match="gave no frame"):
            list(frames)
    assert not child_processes()


def test_a_size_that_changes_on_the_way_stays_the_first(tmp_path: Path) -> None:
    raw = b""
    for size in ("160x120", "128x96"):
        part = tmp_path / f"{size}.h264"
        moving_clip(
            part, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bsf:v", "dump_extra", size=size
        )
        raw += part.read_bytes()
    (tmp_path / "both.h264").write_bytes(raw)
    path = tmp_path / "both.mp4"
    ffmpeg("-framerate", "30", "-i", str(tmp_path / "both.h264"), "-c", "copy", str(path))
    assert {frame.shape for frame in frames_of(path)} == {(120, 160, 3)}


def test_a_scratch_in_the_middle_is_concealed(tmp_path: Path) -> None:
    data = bytearray(moving_clip(tmp_path / "clip.mp4", seconds=2).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    (tmp_path / "clip.mp4").write_bytes(data)
    assert len(frames_of(tmp_path / "clip.mp4")) > 50  # the decoder conceals it


def test_rates_stay_exact_through_reading(tmp_path: Path) -> None:
    path = counting_clip(tmp_path / "clip.mp4", list(range(20, 140)), "24000/1001")
    clip = probe(path, 10)
    assert clip.rate_fps == Fraction(24000, 1001)
    assert len(frames_of(path)) == 120
