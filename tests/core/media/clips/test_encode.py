"""The finished file: its structure, its colours, its bytes; and that a failure leaves nothing."""

import os
import resource
import signal
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from liveportrait_core.errors import EncodeFailed
from liveportrait_core.inspection import read_mp4
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.report import Frame
from tests.core.clips import child_processes, ffmpeg, the_one

NTSC = Fraction(30000, 1001)


def pictures(count: int, width: int = 96, height: int = 64) -> list[Frame]:
    """A soft texture that wanders."""
    noise = np.random.default_rng(7).integers(40, 216, (height, width + count, 3), np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return [np.ascontiguousarray(soft[:, i : i + width]) for i in range(count)]


def write_all(encoder: FrameEncoder, frames: Iterable[Frame]) -> None:
    for frame in frames:
        encoder.write(frame)


def encode(
    path: Path, frames: list[Frame], rate: Fraction = NTSC, *, is_preview: bool = False
) -> Path:
    height, width = frames[0].shape[:2]
    settings = EncoderSettings(
        width_px=width, height_px=height, rate_fps=rate, is_preview=is_preview
    )
    with FrameEncoder(path, settings) as encoder:
        write_all(encoder, frames)
    return path


def test_the_same_frames_give_the_same_bytes_later_and_elsewhere(tmp_path: Path) -> None:
    frames = pictures(40)
    first = encode(tmp_path / "a.mp4", frames).read_bytes()
    time.sleep(1.1)  # a date would differ by now
    (tmp_path / "other folder").mkdir()
    assert encode(tmp_path / "other folder" / "b.mp4", frames).read_bytes() == first


@pytest.mark.parametrize("rate", ["15", "24000/1001", "24", "25", "30000/1001", "30", "25/2"])
def test_structure_at_every_rate(tmp_path: Path, rate: str) -> None:
    fps = Fraction(rate)
    count = int(4.2 * fps)
    facts = read_mp4(encode(tmp_path / "a.mp4", pictures(count), fps))
    assert facts.rate_fps == fps
    assert len(facts.times) == count
    assert set(facts.deltas) == {facts.deltas[0]}
    assert sorted(facts.times) == [i * facts.deltas[0] for i in range(count)]
    assert facts.times[0] == 0
    assert facts.key_frames[0] == 0
    assert max(np.diff([*facts.key_frames, count])) <= 2 * fps
    assert facts.edit_lists == ()
    assert facts.track_kinds == ("vide",)
    assert facts.top_level.index("moov") < facts.top_level.index("mdat")


@pytest.mark.parametrize("is_preview", [False, True])
def test_it_starts_at_zero_and_is_tagged_in_the_stream_too(
    tmp_path: Path, is_preview: bool
) -> None:
    path = encode(tmp_path / "a.mp4", pictures(30), is_preview=is_preview)
    facts = read_mp4(path)
    assert (facts.profile, facts.colour, facts.chroma_and_depths) == (100, (1, 1, 1, 0), (1, 8, 8))
    ffmpeg("-i", str(path), "-c", "copy", str(tmp_path / "bare.h264"))
    described = ffmpeg(
        "-f", "h264", "-i", str(tmp_path / "bare.h264"), "-vf", "showinfo", "-frames:v", "1",
        "-f", "yuv4mpegpipe", "-",
    )  # fmt: skip
    assert b"XCOLORRANGE=LIMITED" in described.split(b"\n", 1)[0]
    assert probe(path, 10).transfer in ("", "bt709")
    assert probe(path, 10).warnings == ()


@pytest.mark.parametrize("is_preview", [False, True])
def test_red_stays_red(tmp_path: Path, is_preview: bool) -> None:
    colours = [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 30, 40), (240, 200, 180), (90, 60, 40),
        (255, 255, 255), (128, 128, 128), (0, 0, 0),
    ]  # fmt: skip
    picture = np.repeat(np.array(colours, np.uint8)[None], 64, 0).repeat(32, 1)
    path = encode(tmp_path / "a.mp4", [picture] * 16, is_preview=is_preview)
    with FrameReader(probe(path, 10), max_side_px=None) as reader:
        read = list(reader)[5]
    lab = [cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for rgb in (picture, read)]
    difference = np.linalg.norm(lab[0] - lab[1], axis=2)
    inner = (np.arange(difference.shape[1]) % 32 > 6) & (np.arange(difference.shape[1]) % 32 < 26)
    assert difference[8:-8, inner].max() < 2  # ΔE that nobody sees


@pytest.mark.parametrize("is_preview", [False, True])
def test_a_photograph_survives(tmp_path: Path, is_preview: bool) -> None:
    frames = pictures(30, 320, 240)
    path = encode(tmp_path / "a.mp4", frames, is_preview=is_preview)
    with FrameReader(probe(path, 10), max_side_px=None) as reader:
        for frame, given in zip(reader, frames, strict=True):
            error = frame.astype(float) - given
            assert np.abs(error.mean((0, 1))).max() < 0.8  # no shift of a whole channel
            assert 10 * np.log10(255**2 / np.square(error).mean()) > 36


@pytest.mark.parametrize("size", [(97, 64), (96, 63), (0, 2)])
def test_odd_sides_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(EncodeFailed, match="accepted: even sides"):
        FrameEncoder(
            tmp_path / "a.mp4", EncoderSettings(width_px=size[0], height_px=size[1], rate_fps=NTSC)
        )
    assert not child_processes()


def test_a_frame_of_another_size_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    encoder = FrameEncoder(
        tmp_path / "a.mp4", EncoderSettings(width_px=96, height_px=64, rate_fps=NTSC)
    )
    with pytest.raises(EncodeFailed, match=r"\(64, 96, 3\) uint8"), encoder:
        encoder.write(pictures(1, 98, 64)[0])
    assert list(tmp_path.iterdir()) == []
    assert not child_processes()


def test_no_frame_at_all_is_a_failure(tmp_path: Path) -> None:
    encoder = FrameEncoder(
        tmp_path / "a.mp4", EncoderSettings(width_px=96, height_px=64, rate_fps=NTSC)
    )
    with pytest.raises(EncodeFailed), encoder:
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EncodeFailed, match="is no folder"):
        FrameEncoder(
            tmp_path / "x" / "a.mp4", EncoderSettings(width_px=96, height_px=64, rate_fps=NTSC)
        )


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"the one before")
    encoder = FrameEncoder(
        tmp_path / "a.mp4", EncoderSettings(width_px=96, height_px=64, rate_fps=NTSC)
    )
    with pytest.raises(ZeroDivisionError), encoder:
        write_all(encoder, (frame * (1 // (5 - i)) for i, frame in enumerate(pictures(10))))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"the one before"
    assert not child_processes()


def test_an_encoder_killed_from_outside_is_reported(tmp_path: Path) -> None:
    encoder = FrameEncoder(
        tmp_path / "a.mp4", EncoderSettings(width_px=96, height_px=64, rate_fps=NTSC)
    )
    child = the_one(child_processes)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(EncodeFailed, match="the encoder has stopped"), encoder:
        write_all(encoder, pictures(200))
    assert list(tmp_path.iterdir()) == []
    assert not child_processes()


def test_an_encoder_killed_when_it_has_all_frames_is_reported(tmp_path: Path) -> None:
    encoder = FrameEncoder(
        tmp_path / "a.mp4", EncoderSettings(width_px=96, height_px=64, rate_fps=NTSC)
    )
    write_all(encoder, pictures(3))
    time.sleep(0.5)  # it looks ahead further than that, and waits for more
    os.kill(the_one(child_processes), signal.SIGKILL)
    with pytest.raises(EncodeFailed, match="the encoder"), encoder:
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported_and_nothing_is_left(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(EncodeFailed, match="the encoder ended with status"):
            encode(tmp_path / "a.mp4", pictures(60))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_frames_may_be_overwritten_once_they_are_handed_over(tmp_path: Path) -> None:
    frames = pictures(12)
    reference = encode(tmp_path / "a.mp4", frames).read_bytes()
    canvas = frames[0].copy()
    with FrameEncoder(
        tmp_path / "b.mp4", EncoderSettings(width_px=96, height_px=64, rate_fps=NTSC)
    ) as encoder:
        for frame in frames:
            canvas[:] = frame
            encoder.write(canvas)
    assert (tmp_path / "b.mp4").read_bytes() == reference
