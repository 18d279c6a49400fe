"""Other forms of a finished video: GIF, WebP, reduced, and with sound that stays where it was."""

import contextlib
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from liveportrait_core.errors import EncodeFailed, VideoUnsupported
from liveportrait_core.inspection import read_mp4
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings, Sound, encoding
from liveportrait_core.media.clips.probe import has_sound, probe
from liveportrait_core.options import VideoFormat
from liveportrait_core.report import Frame
from liveportrait_core.speech.values import SAMPLE_RATE_HZ
from tests.core.clips import child_processes, ffmpeg, moving_clip
from tests.core.sounds import burst, recorded

FPS = Fraction(24)
HERTZ = 8000


def squares(count: int, side: int = 96) -> list[Frame]:
    """A red square that wanders over blue."""
    frames = np.empty((count, side, side, 3), np.uint8)
    frames[:] = (30, 60, 210)
    for place, frame in enumerate(frames):
        frame[20:60, 4 + place : 44 + place] = (220, 30, 40)
    return list(frames)


def write(path: Path, frames: list[Frame], settings: EncoderSettings) -> Path:
    with FrameEncoder(path, settings) as encoder:
        for frame in frames:
            encoder.write(frame)
    return path


def shown(path: Path) -> list[Frame]:
    with Image.open(path) as image:
        return [np.asarray(page.convert("RGB")) for page in ImageSequence.Iterator(image)]


@pytest.mark.parametrize("form", [VideoFormat.GIF, VideoFormat.WEBP])
def test_every_frame_is_in_it_at_its_time_in_its_colours(tmp_path: Path, form: VideoFormat) -> None:
    frames = squares(24)
    settings = EncoderSettings(width_px=96, height_px=96, rate_fps=FPS, form=form)
    path = write(tmp_path / f"a.{form}", frames, settings)
    found = shown(path)
    assert len(found) == 24
    for frame, original in zip(found, frames, strict=True):
        assert np.abs(frame.astype(int) - original).mean() < 4
    with Image.open(path) as image:
        assert image.info["loop"] == 0  # for ever
        lengths = []
        for page in ImageSequence.Iterator(image):
            page.load()
            lengths.append(page.info["duration"])
    assert sum(lengths) == pytest.approx(1000, abs=10)
    assert max(lengths) - min(lengths) <= 10  # a GIF counts hundredths of a second
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("form", list(VideoFormat))
def test_the_same_frames_give_the_same_bytes(tmp_path: Path, form: VideoFormat) -> None:
    settings = EncoderSettings(width_px=96, height_px=96, rate_fps=FPS, form=form)
    one, other = (write(tmp_path / name, squares(12), settings).read_bytes() for name in ("a", "b"))
    assert one == other


@pytest.mark.parametrize("form", list(VideoFormat))
def test_an_encoder_given_up_leaves_nothing(tmp_path: Path, form: VideoFormat) -> None:
    settings = EncoderSettings(width_px=96, height_px=96, rate_fps=FPS, form=form)
    with contextlib.suppress(ZeroDivisionError), FrameEncoder(tmp_path / "a", settings) as encoder:
        encoder.write(squares(1)[0])
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    assert child_processes() == []


@pytest.mark.parametrize("form", list(VideoFormat))
def test_killed_before_its_end_nothing_is_finished(tmp_path: Path, form: VideoFormat) -> None:
    settings = EncoderSettings(width_px=96, height_px=96, rate_fps=FPS, form=form)
    encoder = FrameEncoder(tmp_path / "a", settings)
    encoder.write(squares(1)[0])
    encoder.kill()
    with pytest.raises(EncodeFailed):
        encoder.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_preview", [False, True])
def test_frames_are_reduced_and_keep_their_colours(tmp_path: Path, is_preview: bool) -> None:
    frames = squares(12, side=200)
    settings = EncoderSettings(
        width_px=200, height_px=200, rate_fps=FPS, longest_side_px=101, is_preview=is_preview
    )
    path = write(tmp_path / "a.mp4", frames, settings)
    facts = read_mp4(path)
    assert settings.result_size == (facts.width_px, facts.height_px) == (100, 100)
    with FrameReader(probe(path, 1), max_side_px=None) as reader:
        first = next(iter(reader))
    assert np.abs(first[20:25, 8:18].astype(int) - (220, 30, 40)).max() <= 6
    assert np.abs(first[80:, 80:].astype(int) - (30, 60, 210)).max() <= 6


EVEN = st.integers(1, 2048).map(lambda half: 2 * half)


@given(EVEN, EVEN, st.integers(64, 2048))
def test_a_reduced_video_has_even_sides_and_its_proportions(
    width: int, height: int, longest: int
) -> None:
    settings = EncoderSettings(
        width_px=width, height_px=height, rate_fps=FPS, longest_side_px=longest
    )
    wide, high = settings.result_size
    assert wide % 2 == high % 2 == 0
    assert 2 <= max(wide, high) <= max(2, min(longest, max(width, height)))
    # Never off by more than the pixels that evenness and rounding cost.
    shrink = min(1.0, longest / max(width, height))
    assert abs(wide - width * shrink) <= 2
    assert abs(high - height * shrink) <= 2


def beeping_clip(path: Path, *, late_s: float = 0.0) -> Path:
    """White from 1.0 s to 1.5 s of 3 s, with a tone just then; the video may begin late."""
    source = "color=c=black:s=64x48:r=24:d=3"
    light = "drawbox=c=white:t=fill:enable='between(t,0.99,1.49)'"
    cut = f"trim=start={late_s}"  # timestamps stay
    tone = "aevalsrc='sin(2*PI*1000*t)*between(t,1,1.5)':s=44100:d=3"
    ffmpeg(
        "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", tone,
        "-filter_complex", f"[0:v]{light},{cut}[v]", "-map", "[v]", "-map", "1:a",
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path),
    )  # fmt: skip
    return path


def heard(path: Path) -> NDArray[np.float64]:
    """The sound track, as players play it."""
    data = ffmpeg("-i", str(path), "-vn", "-ac", "1", "-ar", str(HERTZ), "-f", "s16le", "-")
    return np.frombuffer(data, "<i2").astype(np.float64)


def loud_from_to_s(sound: NDArray[np.float64]) -> tuple[float, float]:
    loud = np.flatnonzero(np.abs(sound) > 0.3 * np.abs(sound).max())
    return loud[0] / HERTZ, loud[-1] / HERTZ


@pytest.mark.parametrize("late_s", [0.0, 0.5])
@pytest.mark.parametrize("skipped", [0, 12])
def test_sound_stays_with_its_pictures(tmp_path: Path, late_s: float, skipped: int) -> None:
    clip = probe(beeping_clip(tmp_path / "clip.mp4", late_s=late_s), 10)
    assert float(clip.begins_at_s) == pytest.approx(late_s, abs=0.005)
    with FrameReader(clip, max_side_px=None) as reader:
        frames = list(reader)[skipped:]
    assert len(frames) == 72 - 24 * late_s - skipped
    sound = Sound(
        path=clip.path,
        start_s=clip.begins_at_s + skipped / clip.rate_fps,
        seconds=len(frames) / clip.rate_fps,
    )
    settings = EncoderSettings(width_px=64, height_px=48, rate_fps=clip.rate_fps, sound=sound)
    path = write(tmp_path / "out.mp4", frames, settings)
    facts = read_mp4(path)
    assert facts.rate_fps == clip.rate_fps
    assert len(facts.times) == len(frames)
    assert sorted(facts.track_kinds) == ["soun", "vide"]
    with FrameReader(probe(path, 10), max_side_px=None) as reader:
        light = [place for place, frame in enumerate(reader) if frame.mean() > 128]
    begins_s, ends_s = loud_from_to_s(heard(path))
    assert begins_s == pytest.approx(light[0] / 24, abs=0.012)
    assert ends_s == pytest.approx((light[-1] + 1) / 24, abs=0.012)


def test_sound_is_trimmed_with_the_video(tmp_path: Path) -> None:
    clip = beeping_clip(tmp_path / "clip.mp4")
    sound = Sound(path=clip, start_s=Fraction(0), seconds=Fraction(1, 2))
    settings = EncoderSettings(width_px=96, height_px=96, rate_fps=FPS, sound=sound)
    path = write(tmp_path / "out.mp4", squares(12), settings)
    assert len(heard(path)) / HERTZ == pytest.approx(0.5, abs=0.03)
    said = said_of(path)
    assert re.search(r"Duration: 00:00:00\.5\d, start: 0\.0", said)


@pytest.mark.parametrize("rate", ["24", "25", "30000/1001"])
@pytest.mark.parametrize("kind", ["a.wav", "a.mp3", "a.m4a"])
def test_a_click_and_its_picture_are_together(tmp_path: Path, rate: str, kind: str) -> None:
    """What is heard and seen of the file, when each is decoded by its own times."""
    fps, lit = Fraction(rate), 17
    count = 40
    samples = np.zeros(int((count - 0.4) / fps * SAMPLE_RATE_HZ), np.float32)  # ends between two
    at = round(lit / fps * SAMPLE_RATE_HZ)
    samples[at : at + 32] = 0.9
    clicked = recorded(tmp_path / kind, samples)
    frames = [np.full((48, 64, 3), 255 if at == lit else 0, np.uint8) for at in range(count)]
    sound = Sound(path=clicked, start_s=Fraction(0), seconds=count / fps)
    settings = EncoderSettings(width_px=64, height_px=48, rate_fps=fps, sound=sound)
    path = write(tmp_path / "out.mp4", frames, settings)
    facts = read_mp4(path)
    assert (facts.edit_lists, min(facts.times), facts.times[0]) == (("soun",), 0, 0)
    assert facts.top_level.index("moov") < facts.top_level.index("mdat")
    with FrameReader(probe(path, 10), max_side_px=None) as reader:
        (seen,) = [place for place, frame in enumerate(reader) if frame.mean() > 128]
    heard_s = np.abs(heard(path)).argmax() / HERTZ
    assert heard_s == pytest.approx(seen / float(fps), abs=0.003)
    assert len(heard(path)) / HERTZ == pytest.approx(float(count / fps), abs=0.001)
    again = write(tmp_path / "again.mp4", frames, settings)
    assert again.read_bytes() == path.read_bytes()


def test_sound_is_aac_of_48_khz(tmp_path: Path) -> None:
    surround = recorded(tmp_path / "a.flac", burst(0.5, begin_s=0, end_s=0.4), "-ac", "6")
    sound = Sound(path=surround, start_s=Fraction(0), seconds=Fraction(1, 2))
    settings = EncoderSettings(width_px=96, height_px=96, rate_fps=FPS, sound=sound)
    write(tmp_path / "out.mp4", squares(12), settings)
    said = said_of(tmp_path / "out.mp4")
    assert re.search(r"Audio: aac \(LC\).*, 48000 Hz, stereo", said)


def said_of(path: Path) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_who_has_sound(tmp_path: Path) -> None:
    assert has_sound(beeping_clip(tmp_path / "clip.mp4"))
    assert not has_sound(moving_clip(tmp_path / "silent.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoUnsupported):
        has_sound(tmp_path / "text.mp4")


def test_sound_that_ended_before_its_pictures_is_silence(tmp_path: Path) -> None:
    clip = beeping_clip(tmp_path / "clip.mp4")
    sound = Sound(path=clip, start_s=Fraction(20), seconds=Fraction(1, 2))
    settings = EncoderSettings(width_px=96, height_px=96, rate_fps=FPS, sound=sound)
    path = write(tmp_path / "out.mp4", squares(12), settings)
    facts = read_mp4(path)
    assert (len(facts.times), facts.rate_fps) == (12, FPS)


@pytest.mark.parametrize(("is_preview", "preset"), [(False, "slow"), (True, "superfast")])
def test_an_mp4_is_encoded_as_the_contract_says(
    tmp_path: Path, is_preview: bool, preset: str
) -> None:
    settings = EncoderSettings(width_px=96, height_px=96, rate_fps=FPS, is_preview=is_preview)
    words = encoding(settings, tmp_path / "a.mp4")
    said = {name: words[words.index(name) + 1] for name in ("-preset", "-crf", "-g", "-profile:v")}
    assert said == {"-preset": preset, "-crf": "18", "-g": "48", "-profile:v": "high"}
