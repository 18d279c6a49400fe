"""On the command line, with networks that are quick: clips and pictures on either side."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveportrait_core.__main__ import main
from liveportrait_core.cli import template as template_command
from liveportrait_core.engines.liveportrait.config import EngineConfig
from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.engines.liveportrait.template import save_template
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.inspection import read_mp4
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.renderer import Renderer
from liveportrait_core.species import Species
from tests.core.clips import ffmpeg
from tests.core.engines.liveportrait.test_engine import quick_model
from tests.core.engines.liveportrait.test_template import template
from tests.core.media.clips.test_formats import heard, loud_from_to_s


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for, a LivePortrait engine whose networks are small opens."""

    def opened(
        engine: str,
        weights: Path,
        config: EngineConfig,
        species: Species,
        *,
        accepted: frozenset[str],
    ) -> Renderer:
        quick = LivePortraitEngine(quick_model(), MeshFinder(), None, digests=(), config=config)
        return Renderer(quick, reason="a test wants it quick")

    monkeypatch.setattr(template_command, "open_renderer", opened)


@pytest.fixture
def talking(driving: Path, tmp_path: Path) -> Path:
    """The driving clip, whose first frame shows no face, with a tone from 0.25 to 0.375 s."""
    clip = tmp_path / "talking.mp4"
    tone = "aevalsrc='sin(2*PI*1000*t)*between(t,0.25,0.375)':s=44100:d=0.54"
    ffmpeg("-i", str(driving), "-f", "lavfi", "-i", tone, "-c:v", "copy", "-c:a", "aac", str(clip))
    return clip


def render(*words: object) -> int:
    return main(["render", *map(str, words)])


def test_a_clip_is_animated_by_a_clip_and_keeps_its_sound(
    talking: Path, driving: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "dubbed.mp4"
    assert render(talking, driving, "-o", out, "--audio", "source", "--quality") == 0
    assert "dubbed.mp4: 320x240, 12 frames at 24 fps" in capsys.readouterr().out
    assert sorted(read_mp4(out).track_kinds) == ["soun", "vide"]
    # Its frame without a face is left out, and so is its sound.
    begins_s, _ = loud_from_to_s(heard(out))
    assert begins_s == pytest.approx(0.25 - 1 / 24, abs=0.012)
    assert (tmp_path / "dubbed.quality.json").is_file()


def test_a_clip_takes_the_sound_of_its_driving_clip(
    talking: Path, driving: Path, tmp_path: Path
) -> None:
    out = tmp_path / "dubbed.mp4"
    assert render(driving, talking, "-o", out, "--audio", "driving") == 0
    begins_s, _ = loud_from_to_s(heard(out))
    assert begins_s == pytest.approx(0.25 - 1 / 24, abs=0.012)


def test_sound_that_would_not_keep_up_is_refused(
    talking: Path, driving: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = tmp_path / "slow.mp4"
    ffmpeg("-i", str(driving), "-vf", "setpts=2*PTS,fps=12", "-c:v", "libx264", str(slow))
    assert render(slow, talking, "-o", tmp_path / "a.mp4", "--audio", "driving") == 2
    assert "its sound would not keep up" in capsys.readouterr().err
    assert not (tmp_path / "a.mp4").exists()


def test_a_picture_moves_a_clip(driving: Path, portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.gif"
    assert render(driving, portrait, "-o", out) == 0
    with Image.open(out) as image:
        assert image.size == (320, 240)


def test_a_picture_moves_pictures(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render(portrait, portrait, "-o", tmp_path / "one.png") == 0
    assert "one.png: portrait.png with the face of portrait.png" in capsys.readouterr().out
    other = tmp_path / "other.webp"
    with Image.open(tmp_path / "one.png") as one, Image.open(portrait) as still:
        assert one.size == still.size
        still.save(other)
    small = ["--output-size", 64]
    assert render(portrait, other, portrait, "-o", tmp_path / "many", *small) == 0
    with Image.open(tmp_path / "many" / "other.jpg") as one:
        assert one.size == (64, 64)
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == [
        "other.jpg", "portrait.jpg",
    ]  # fmt: skip


def test_clips_and_pictures_are_not_mixed_under_a_picture(
    portrait: Path, driving: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render(portrait, driving, portrait, "-o", tmp_path / "out") == 2
    assert "driving.mp4 is a clip, and not all portraits are" in capsys.readouterr().err


def test_clips_and_pictures_are_moved_by_one_template(
    portrait: Path, driving: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion = tmp_path / "motion.npz"
    save_template(template(), motion)
    assert render(portrait, driving, motion, "-o", tmp_path / "out") == 0
    assert "Engine liveportrait" in capsys.readouterr().err
    made = [tmp_path / "out" / name for name in ("driving.mp4", "portrait.mp4")]
    assert all(path.is_file() for path in made)
    assert render(portrait, motion, "-o", tmp_path / "a.mp4", "--audio", "driving") == 2
    assert "a template or a picture has no sound" in capsys.readouterr().err


def test_a_crop_alone_is_measured_as_what_it_is(
    portrait: Path, driving: Path, tmp_path: Path
) -> None:
    out = tmp_path / "crop.mp4"
    assert render(portrait, driving, "-o", out, "--no-stitch", "--quality") == 0
    assert (read_mp4(out).width_px, read_mp4(out).height_px) == (512, 512)
    assert '"ringDeltaE": null' in (tmp_path / "crop.quality.json").read_text()


def test_outside_its_box_a_frame_is_the_portrait(
    portrait: Path, driving: Path, tmp_path: Path
) -> None:
    wide = tmp_path / "wide.png"
    canvas = Image.new("RGB", (900, 320), (90, 120, 60))
    with Image.open(portrait) as square:
        canvas.paste(square, (290, 0))
    canvas.save(wide)
    out = tmp_path / "a.mp4"
    assert render(wide, driving, "-o", out) == 0
    still = read_portrait(wide, max_dim_px=1600).pixels[:, :60].astype(int)
    with FrameReader(probe(out, 10), max_side_px=None) as reader:
        assert all(np.abs(frame[:, :60] - still).mean() < 2 for frame in reader)


def test_a_ladder_of_a_clip_and_of_a_template(
    portrait: Path, driving: Path, tmp_path: Path
) -> None:
    save_template(template(12), tmp_path / "motion.npz")
    for name, source, mover in [
        ("picture", portrait, driving), ("clip", driving, tmp_path / "motion.npz"),
    ]:  # fmt: skip
        out = tmp_path / name
        more = ["--multipliers", "0.2,1", "--no-stitch"] if name == "picture" else []
        assert main(["ladder", str(source), str(mover), "-o", str(out), *more]) == 0
        assert (out / "ladder.png").is_file()
        assert len(list(out.glob("idle-*.mp4"))) == (2 if more else 5)
