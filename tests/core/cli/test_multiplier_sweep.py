"""`ladder`: several multipliers from one analysis, and the picture that compares them."""

from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.__main__ import main
from liveportrait_core.cli.multiplier_sweep import parse_multipliers
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.errors import EncodeFailed, InvalidOption
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.face.tracking import FaceTrack, track_face
from liveportrait_core.inspection import SweepItem, sweep_sheet
from liveportrait_core.inspection.key_frames import key_frames
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.options import Engine, RenderOptions
from liveportrait_core.renderer import open_renderer
from liveportrait_core.report import Box, RenderedVideo
from liveportrait_core.request import MotionTemplate, RenderRequest
from tests.core.clips import moving_clip

HOPPER = Path(str(files("matplotlib"))) / "mpl-data" / "sample_data" / "grace_hopper.jpg"
ASTRONAUT = Path(str(files("skimage"))) / "data" / "astronaut.png"
BRICKS = Path(str(files("skimage"))) / "data" / "brick.png"
SMALL = ("--output-size", "160")


@pytest.fixture(scope="module")
def hero(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hero") / "hero.mp4"
    arguments = ["idle", str(ASTRONAUT), "-o", str(path), "--seed", "3", "--seconds", "1"]
    assert main([*arguments, "--fps", "24", "--output-size", "256"]) == 0
    return path


def ladder(*arguments: object) -> int:
    return main(["ladder", *map(str, arguments)])


def change(path: Path) -> float:
    """By how many grey levels the frames differ from the first, at the most."""
    with FrameReader(probe(path, 10), max_side_px=None) as reader:
        frames = np.stack(list(reader)).astype(int)
    return float(np.abs(frames - frames[0]).mean((1, 2, 3)).max())


def test_clips_and_a_sheet_from_one_analysis(
    tmp_path: Path, hero: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    analysed = []
    analyse = MeshEngine.analyse

    def counted(*arguments: object) -> object:
        analysed.append(arguments)
        return analyse(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MeshEngine, "analyse", counted)
    out = tmp_path / "out"
    more = ["--multipliers", "1,.08, 0.40", "--quality", *SMALL]
    assert ladder(HOPPER, hero, "-o", out, "--engine", "mesh", *more) == 0
    assert len(analysed) == 1
    names = {"idle-0.08", "idle-0.4", "idle-1"}
    videos, numbers = ({f"{name}{end}" for name in names} for end in (".mp4", ".quality.json"))
    assert {path.name for path in out.iterdir()} == videos | numbers | {"ladder.png"}
    weak, usual, strong = (change(out / f"idle-{x}.mp4") for x in ("0.08", "0.4", "1"))
    assert weak < usual < strong
    with Image.open(out / "ladder.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 1000
        assert sheet.height > 3 * 224
    told = capsys.readouterr().out
    assert "ladder.png: 3 multipliers at 6 moments" in told


def test_a_rung_is_what_render_makes(tmp_path: Path, hero: Path) -> None:
    more = ["--engine", "mesh", "--no-loop", *SMALL]
    assert ladder(HOPPER, hero, "-o", tmp_path, "--multipliers", "0,0.7", *more) == 0
    alone = tmp_path / "alone.mp4"
    arguments = ["render", str(HOPPER), str(hero), "-o", str(alone), "--driving-multiplier", "0.7"]
    assert main([*arguments, *more]) == 0
    assert (tmp_path / "idle-0.7.mp4").read_bytes() == alone.read_bytes()


def test_a_synthetic_motion_needs_no_clip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["--motion", "synthetic", "--seconds", "0.5", "--fps", "24", *SMALL]
    assert ladder(HOPPER, "-o", tmp_path, "--multipliers", "0.2,0.4", *how) == 0
    made = {"idle-0.2.mp4", "idle-0.4.mp4", "ladder.png"}
    assert {path.name for path in tmp_path.iterdir()} == made
    assert ladder(HOPPER, "hero.mp4", "-o", tmp_path, *how) == 2
    assert "hero.mp4 would be ignored by --motion synthetic" in capsys.readouterr().err
    assert ladder(HOPPER, "-o", tmp_path, "--engine", "liveportrait", *how) == 2
    assert "--motion synthetic is the mesh engine's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("multipliers", "complaint"),
    [
        ("", "multipliers '': '' is none"),
        ("0.4", "multipliers '0.4': there are 1"),
        ("0.4,,1", "'' is none"),
        ("0.4,strong", "'strong' is none"),
        ("0.4;1", "'0.4;1' is none"),
        ("0.4,1.2", "'1.2' is none"),
        ("-0.1,1", "'-0.1' is none"),
        ("nan,1", "'nan' is none"),
        ("inf,1", "'inf' is none"),
        ("0.4,1,0.40", "0.4 comes twice"),
        (",".join(f"0.{n}" for n in range(10, 23)), "there are 13"),
    ],
)
def test_bad_lists_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], multipliers: str, complaint: str
) -> None:
    out = tmp_path / "out"
    assert ladder(HOPPER, "hero.mp4", "-o", out, f"--multipliers={multipliers}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("INVALID_PARAMS: multipliers ")
    assert complaint in line
    assert "accepted: 2 to 12 different numbers from 0 to 1, such as 0.08,0.2" in line
    assert not out.exists()


@given(st.lists(st.integers(0, 100), min_size=2, max_size=12, unique=True))
def test_good_lists_come_in_rising_order(hundredths: list[int]) -> None:
    wanted = [number / 100 for number in hundredths]
    assert parse_multipliers(",".join(map(str, wanted))) == tuple(sorted(wanted))


@given(st.text(alphabet="0123456789.,-e ainf", max_size=24))
def test_any_list_is_taken_or_refused(text: str) -> None:
    try:
        multipliers = parse_multipliers(text)
    except InvalidOption:
        return
    assert all(0 <= number <= 1 for number in multipliers)
    assert len({f"{number:g}" for number in multipliers}) == len(multipliers) >= 2


def test_what_gives_no_ladder(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    mesh = ["-o", out, "--engine", "mesh"]
    (tmp_path / "file").write_text("in the way")
    faceless = moving_clip(tmp_path / "faceless.mp4", seconds=1)
    for arguments, status, complaint in [
        ([HOPPER, *mesh], 2, "grace_hopper.jpg is the only file; accepted: PORTRAIT DRIVING"),
        ([HOPPER, ASTRONAUT, *mesh], 2, "astronaut.png is a picture, which gives no clips"),
        ([HOPPER, faceless, *mesh], 2, "VIDEO_NO_FACE"),
        ([hero, hero, *mesh], 2, "the engine mesh animates a picture by a clip, nothing else"),
        ([HOPPER, hero, *mesh, "--lock-scale"], 2, "--lock-scale: only LivePortrait can do that"),
        ([HOPPER, hero, "-o", tmp_path / "file"], 1, "is no folder for several results"),
        ([BRICKS, hero, *mesh], 2, "IMAGE_NO_FACE"),
    ]:
        assert ladder(*arguments) == status, complaint
        assert complaint in capsys.readouterr().err.splitlines()[-1]
        assert not out.exists() or list(out.iterdir()) == []


def test_the_moments_show_the_blink_and_the_turn(tmp_path: Path) -> None:
    """A synthetic idle blinks for a few of its frames: even distances would miss it."""
    motion = synthetic_idle(seed=7, seconds=4, fps=Fraction(24))
    video = tmp_path / "a.mp4"
    options = RenderOptions(driving_multiplier=1)
    open_renderer("mesh", tmp_path).render(
        RenderRequest(
            portrait=ASTRONAUT, motion=MotionTemplate(motion=motion), output=video, options=options
        )
    )
    with FrameReader(probe(video, 10), max_side_px=None) as reader, MeshFinder().clip() as find:
        track = track_face(reader, find, None)
    moments = key_frames(track, count=6)
    assert moments[0] == 0
    assert len(set(moments)) == 6
    closure = motion.closure.min(1)
    assert (closure > 0.9).mean() < 0.1
    assert closure[moments].max() > 0.9
    landmarks = np.stack([points for points in track.landmarks if points is not None])
    shift = np.abs(landmarks - landmarks[0]).mean((1, 2))
    assert shift[moments].max() > 0.9 * shift.max()


@given(count=st.integers(1, 12), frames=st.integers(1, 30), skipped=st.integers(0, 5))
def test_moments_are_frames_with_a_face(count: int, frames: int, skipped: int) -> None:
    rng = np.random.default_rng(frames)
    face = rng.uniform(0, 100, (478, 2)).astype(np.float32)
    moved = [face + rng.normal(0, 3, face.shape).astype(np.float32) for _ in range(frames)]
    landmarks = tuple(points if i % 3 == 0 else None for i, points in enumerate(moved))
    track = FaceTrack(size=(100, 100), skipped=skipped, landmarks=landmarks, alone=True)
    moments = key_frames(track, count=count)
    assert moments == sorted(set(moments))
    assert set(moments) <= {skipped + i for i in track.seen}
    assert len(moments) == min(count, len(track.seen))
    still = FaceTrack(size=(9, 9), skipped=0, landmarks=(face,) * frames, alone=True)
    assert key_frames(still, count=count) == [0]


def test_a_sheet_of_videos_without_a_face(tmp_path: Path) -> None:
    video = moving_clip(tmp_path / "a.mp4", rate="24", seconds=1)
    report = RenderedVideo(
        engine=Engine.MESH, engine_version="mesh-1-0", width_px=160, height_px=120, frame_count=24,
        fps=Fraction(24), size_bytes=1, box=Box(x0=0, y0=0, x1=160, y1=120), warnings=(),
        seconds=(),
    )  # fmt: skip
    rungs = [SweepItem(multiplier=number, video=video, report=report) for number in (0.1, 1.0)]
    moments = sweep_sheet(rungs, tmp_path / "a.png", title="A test pattern")
    assert moments == [0, 5, 9, 14, 18, 23]
    with Image.open(tmp_path / "a.png") as sheet:
        is_pattern = np.ptp(np.asarray(sheet.convert("RGB")).astype(int), axis=2) > 200
    assert is_pattern.any(1).sum() > 200
    with pytest.raises(EncodeFailed, match=r"a\.png cannot be written"):
        sweep_sheet(rungs, tmp_path / "nowhere" / "a.png", title="A test pattern")


def test_the_manual_of_the_ladder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ladder("--help")
    told = capsys.readouterr().out
    for word in ("--multipliers", "0.08,0.2,0.4,0.7,1", "--motion", "--weights", "exit status:"):
        assert word in told
    assert "--driving-multiplier X" not in told
    assert max(map(len, told.splitlines())) <= 100
