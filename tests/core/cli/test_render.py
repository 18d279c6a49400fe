"""`render` in all its forms: files of other kinds, sound, many portraits, refusals; and `crop`."""

import json
from collections.abc import Iterable
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveportrait_core.__main__ import main
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.inspection import read_mp4
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import open_renderer
from liveportrait_core.report import Frame
from liveportrait_core.request import MotionTemplate, RenderRequest
from tests.core.clips import ffmpeg, moving_clip
from tests.core.media.clips.test_formats import heard, loud_from_to_s

HOPPER = Path(str(files("matplotlib"))) / "mpl-data" / "sample_data" / "grace_hopper.jpg"
ASTRONAUT = Path(str(files("skimage"))) / "data" / "astronaut.png"
FACELESS = 6  # frames before the face appears


@pytest.fixture(scope="module")
def hero(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a face at 24 fps, after a quarter of one without; a tone from 0.5 to 0.75 s."""
    folder = tmp_path_factory.mktemp("hero")
    renderer = open_renderer("mesh", folder)
    motion = synthetic_idle(seed=3, seconds=1.0, fps=Fraction(24))
    renderer.render(
        RenderRequest(
            portrait=ASTRONAUT,
            motion=MotionTemplate(motion=motion),
            output=folder / "face.mp4",
            options=RenderOptions(),
        )
    )
    ffmpeg(
        "-i", str(folder / "face.mp4"),
        "-f", "lavfi", "-i", "aevalsrc='sin(2*PI*1000*t)*between(t,0.5,0.75)':s=44100:d=1.25",
        "-vf", f"tpad=start={FACELESS}:color=gray", "-c:v", "libx264", "-c:a", "aac",
        str(folder / "hero.mp4"),
    )  # fmt: skip
    return folder / "hero.mp4"


def render(*words: object) -> int:
    return main(["render", *map(str, words), "--engine", "mesh"])


def test_a_small_gif_with_its_quality_beside_it(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "chat.gif"
    assert render(HOPPER, hero, "-o", out, "--output-size", 128, "--quality") == 0
    told = capsys.readouterr().out
    assert "chat.gif: 108x128, 24 frames at 24 fps" in told
    assert "chat.quality.json" in told
    with Image.open(out) as image:
        assert (image.format, image.size) == ("GIF", (108, 128))
    quality = json.loads((tmp_path / "chat.quality.json").read_bytes())
    assert quality["drivingFrames"] == 24 + FACELESS
    assert quality["framesWithoutFace"] == FACELESS
    assert quality["warnings"] == ["VIDEO_LEADING_FRAMES_SKIPPED"]
    assert quality["rate"]["wanted"] == "24"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chat.gif", "chat.quality.json"]


def test_a_poster_is_as_large_as_its_video(tmp_path: Path, hero: Path) -> None:
    out, poster = tmp_path / "a.webp", tmp_path / "a.jpg"
    assert render(HOPPER, hero, "-o", out, "--poster", poster, "--output-size", 100) == 0
    with Image.open(out) as video, Image.open(poster) as still:
        assert video.size == still.size == (84, 100)


def test_the_sound_of_the_driving_clip_stays_in_step(tmp_path: Path, hero: Path) -> None:
    out = tmp_path / "a.mp4"
    assert render(HOPPER, hero, "-o", out, "--audio", "driving", "--no-loop") == 0
    assert sorted(read_mp4(out).track_kinds) == ["soun", "vide"]
    # The frames without a face are left out, and their quarter of a second of sound with them.
    begins_s, ends_s = loud_from_to_s(heard(out))
    assert begins_s == pytest.approx(0.5 - FACELESS / 24, abs=0.012)
    assert ends_s == pytest.approx(0.75 - FACELESS / 24, abs=0.012)
    assert len(heard(out)) / 8000 == pytest.approx(1.0, abs=0.03)


def test_without_being_asked_for_there_is_no_sound(tmp_path: Path, hero: Path) -> None:
    assert render(HOPPER, hero, "-o", tmp_path / "a.mp4") == 0
    assert read_mp4(tmp_path / "a.mp4").track_kinds == ("vide",)


def test_many_portraits_by_one_analysis(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed = []

    def analyse(engine: MeshEngine, frames: Iterable[Frame], fps: Fraction) -> MeshMotion:
        analysed.append(fps)
        return read(engine, frames, fps)

    read = MeshEngine.analyse
    monkeypatch.setattr(MeshEngine, "analyse", analyse)
    out = tmp_path / "out"
    status = render(
        HOPPER, ASTRONAUT, hero, "-o", out, "--format", "webp", "--output-size", 160, "--quality"
    )
    assert status == 0
    assert analysed == [24]
    names = [f"{stem}{end}" for stem in ("astronaut", "grace_hopper") for end in ENDS]
    assert sorted(path.name for path in out.iterdir()) == names
    # Every one of them knows what was found in the clip.
    told = "Warning VIDEO_LEADING_FRAMES_SKIPPED: The clip starts before its face does; "
    assert capsys.readouterr().err.count(told) == 2
    for name in names[::2]:
        assert json.loads((out / name).read_bytes())["framesWithoutFace"] == FACELESS


ENDS = (".quality.json", ".webp")


def test_one_of_many_is_as_if_it_were_alone(tmp_path: Path, hero: Path) -> None:
    assert render(HOPPER, ASTRONAUT, hero, "-o", tmp_path / "out") == 0
    assert render(HOPPER, hero, "-o", tmp_path / "alone.mp4") == 0
    together = (tmp_path / "out" / "grace_hopper.mp4").read_bytes()
    assert together == (tmp_path / "alone.mp4").read_bytes()


def test_one_portrait_that_fails_does_not_stop_the_others(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bricks = Path(str(files("skimage"))) / "data" / "brick.png"
    assert render(HOPPER, bricks, ASTRONAUT, hero, "-o", tmp_path / "out") == 2
    names = ["astronaut.mp4", "grace_hopper.mp4"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    told = capsys.readouterr()
    assert "IMAGE_NO_FACE: brick.png: no face was found" in told.err
    assert told.out.count(" frames at 24 fps") == 2


REFUSED = {
    "a GIF has no sound": (["-o", "a.gif", "--audio", "driving"], "gif holds no sound"),
    "nor has a picture": (["-o", "a.mp4", "--audio", "source"], "a picture has no sound"),
    "no such kind": (["-o", "a.avi"], "a.avi is no name for such a video; accepted: .mp4, .gif"),
    "another kind": (["-o", "a.mp4", "--format", "gif"], "accepted: .gif"),
    "too small": (["-o", "a.mp4", "--output-size", "8"], "output size is 8; accepted: 64 to 2048"),
    "no such device": (["-o", "a.mp4", "--device", "cuda"], "mesh runs on the CPU alone"),
    "no precision": (["-o", "a.mp4", "--precision", "fp16"], "accepted: auto, fp32, or --engine"),
    "no such thing": (["-o", "a.mp4", "--eye-retargeting", "1"], "only LivePortrait can do that"),
    "nor this": (["-o", "a.mp4", "--smooth-pose", "0.2"], "--smooth-pose: only LivePortrait"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_line(
    tmp_path: Path, hero: Path, case: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    words, complaint = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    assert render(HOPPER, hero, *words) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("INVALID_PARAMS: ")
    assert complaint in last
    assert list(tmp_path.iterdir()) == []


def test_a_silent_clip_has_no_sound_to_carry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = moving_clip(tmp_path / "silent.mp4")
    for portraits in ([HOPPER], [HOPPER, ASTRONAUT]):
        assert render(*portraits, silent, "-o", tmp_path / "a.mp4", "--audio", "driving") == 2
        assert "silent.mp4 has no sound track; accepted: none, or" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("portraits", "driving"), [(["hero"], "hero"), (["hopper"], "hopper"), (["hero"], "hopper")]
)
def test_the_mesh_engine_takes_a_picture_and_a_clip(
    tmp_path: Path, hero: Path, portraits: list[str], driving: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    paths = {"hero": hero, "hopper": HOPPER}
    out = tmp_path / ("a.jpg" if portraits == ["hopper"] else "a.mp4")
    assert render(*(paths[name] for name in portraits), paths[driving], "-o", out) == 2
    assert "the engine mesh animates a picture by a clip, nothing else" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_driving_picture_makes_no_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--format", "gif", "--quality", "--audio", "driving"]
    assert render(HOPPER, ASTRONAUT, "-o", tmp_path / "a.gif", *more) == 2
    assert "--format, --quality, --audio would be ignored" in capsys.readouterr().err


def test_portraits_of_one_name_and_a_poster_for_many(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render(HOPPER, HOPPER, hero, "-o", tmp_path / "out") == 2
    assert "several portraits are named grace_hopper" in capsys.readouterr().err
    poster = ["--poster", tmp_path / "p.jpg"]
    assert render(HOPPER, ASTRONAUT, hero, "-o", tmp_path / "out", *poster) == 2
    assert "--poster is for one portrait; 2 were given" in capsys.readouterr().err
    (tmp_path / "file").write_text("in the way")
    assert render(HOPPER, ASTRONAUT, hero, "-o", tmp_path / "file") == 1
    assert "is no folder for several results" in capsys.readouterr().err


def test_a_crop_comes_with_the_way_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "crop.png"
    assert main(["crop", str(ASTRONAUT), "-o", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["picture"] == {"width": 512, "height": 512}
    crop = read_portrait(out, max_dim_px=2048).pixels.astype(int)
    assert crop.shape == (512, 512, 3)
    original = read_portrait(ASTRONAUT, max_dim_px=2048).pixels.astype(int)
    matrix = np.array(told["cropToPicture"])
    for x, y in ((256, 256), (200, 300), (300, 220)):
        column, row, _ = np.rint(matrix @ (x, y, 1)).astype(int)
        there = original[row - 3 : row + 4, column - 3 : column + 4].mean((0, 1))
        here = crop[y - 3 : y + 4, x - 3 : x + 4].mean((0, 1))
        assert np.abs(there - here).max() < 25


def test_an_edited_portrait_is_written_and_animated(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, poster = tmp_path / "smiling.png", tmp_path / "first.jpg"
    edit = "gaze_x=5.0,smile=0.8,wink_left=30.0"
    assert main(["edit", str(HOPPER), "--edit", edit, "-o", str(picture), "--engine", "mesh"]) == 0
    told = capsys.readouterr()
    assert f"{picture}: grace_hopper.jpg with {edit}" in told.out
    assert "EDIT_PARTLY_APPLIED" in told.err
    words = ("render", HOPPER, hero, "--edit", edit, "--poster", poster, "--no-normalize-lip")
    assert render(*words[1:], "-o", tmp_path / "a.mp4") == 0
    plain, edited, first = (
        np.asarray(Image.open(path).convert("RGB")).astype(int)
        for path in (HOPPER, picture, poster)
    )
    assert np.abs(edited - plain).max() > 60
    assert np.abs(first - edited).mean() < 2  # the poster is a JPEG
    with pytest.raises(SystemExit):
        main(["edit", str(HOPPER), "--edit", "smile=7", "-o", str(picture)])
    assert "edit smile is 7; accepted: -0.3 to 1.3" in capsys.readouterr().err


def test_a_crop_needs_a_face_and_a_name_that_is_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bricks = Path(str(files("skimage"))) / "data" / "brick.png"
    assert main(["crop", str(bricks), "-o", str(tmp_path / "a.png")]) == 2
    assert "IMAGE_NO_FACE: no face was found in brick.png" in capsys.readouterr().err
    assert main(["crop", str(HOPPER), "-o", str(tmp_path / "a.doc")]) == 2
    assert "a.doc is no picture's name" in capsys.readouterr().err


def test_the_manual_has_examples_statuses_and_environment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command in ([], ["render"]):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        told = capsys.readouterr().out
        for heading in ("examples:", "exit status:", "environment:"):
            assert f"\n{heading}\n" in told
        assert "python -m liveportrait_core render portrait.jpg driving.mp4 -o " in told
        assert max(map(len, told.splitlines())) <= 100


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (["--lock-scale"], "--lock-scale"),
        (["--no-stitch"], "--no-stitch"),
        (["--eye-multiplier", "0.5", "--detector", "insightface"], "--detector, --eye-multiplier"),
    ],
)
def test_a_synthetic_motion_refuses_what_only_liveportrait_can_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str], named: str
) -> None:
    out = tmp_path / "idle.mp4"
    assert render(HOPPER, "--motion", "synthetic", "-o", out, *option) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert f"{named}: only LivePortrait can do that" in said[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "named"),
    [(["--seed", "5"], "--seed"), (["--fps", "25", "--seconds", "3"], "--seconds, --fps")],
)
def test_a_driving_file_refuses_what_only_a_synthetic_motion_has(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str], option: list[str], named: str
) -> None:
    out = tmp_path / "idle.mp4"
    assert render(HOPPER, hero, "-o", out, *option) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert f"{named}: only a synthetic motion has it" in said[0]
    assert not out.exists()
