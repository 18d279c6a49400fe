"""The command line: what a person types, reads and gets back as a status."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from importlib.resources import files
from pathlib import Path

import pytest

from liveportrait_core.__main__ import main
from tests.core.clips import ffmpeg, moving_clip, playlist
from tests.core.swaying import soft_portrait

HOPPER = Path(str(files("matplotlib"))) / "mpl-data" / "sample_data" / "grace_hopper.jpg"
BRICKS = Path(str(files("skimage"))) / "data" / "brick.png"
ASTRONAUT = Path(str(files("skimage"))) / "data" / "astronaut.png"


@pytest.fixture(scope="module")
def hero(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic idle of the astronaut, made by the command itself."""
    path = tmp_path_factory.mktemp("hero") / "hero.mp4"
    arguments = ["idle", str(ASTRONAUT), "-o", str(path), "--seed", "3", "--seconds", "1.5"]
    assert main([*arguments, "--fps", "24"]) == 0
    return path


def test_from_portrait_and_clip_to_a_judged_video(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, poster, sheet = tmp_path / "a.mp4", tmp_path / "a.jpg", tmp_path / "sheet.png"
    status = main(["render", str(HOPPER), str(hero), "-o", str(video), "--poster", str(poster)])
    told = capsys.readouterr()
    assert status == 0
    assert "Engine mesh: " in told.err
    assert "512x600, 36 frames at 24 fps (1.50 s)" in told.out
    assert "by mesh-" in told.out
    status = main(
        ["inspect", str(video), "--portrait", str(HOPPER), "--driving", str(hero),
         "--contact", str(sheet)]
    )  # fmt: skip
    judged = json.loads(capsys.readouterr().out)
    assert status == 0, [check for check in judged["checks"] if not check["ok"]]
    assert judged["ok"] is True
    assert judged["moves"] is True
    assert (judged["width"], judged["height"], judged["frames"]) == (512, 600, 36)
    assert (judged["fps"], judged["fpsExact"]) == (24.0, "24")
    assert sheet.stat().st_size > 50_000
    assert poster.read_bytes()[:3] == b"\xff\xd8\xff"


def test_a_video_that_falls_short_has_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    portrait = soft_portrait(tmp_path / "p.png")
    clip = moving_clip(tmp_path / "c.mp4", size="160x200")
    assert main(["inspect", str(clip), "--portrait", str(portrait)]) == 1
    judged = json.loads(capsys.readouterr().out)
    assert judged["ok"] is False
    assert "frame 0 is the portrait" in {c["name"] for c in judged["checks"] if not c["ok"]}


def bad_inputs(folder: Path, hero: Path) -> dict[str, tuple[Path, Path, str]]:
    """Name → portrait, clip, code of the complaint."""
    text = playlist(folder / "text.mp4", "no video\n")
    concat = playlist(folder / "concat.mp4", f"ffconcat version 1.0\nfile '{hero}'\n")
    (folder / "text.jpg").write_text("no picture")
    return {
        "no image": (folder / "text.jpg", hero, "IMAGE_UNSUPPORTED"),
        "no portrait": (folder / "absent.jpg", hero, "IMAGE_UNSUPPORTED"),
        "no video": (HOPPER, text, "VIDEO_UNSUPPORTED"),
        "a playlist": (HOPPER, concat, "VIDEO_UNSUPPORTED"),
        "too short": (HOPPER, moving_clip(folder / "s.mp4", seconds=0.3), "VIDEO_TOO_SHORT"),
        "too wide": (HOPPER, moving_clip(folder / "w.mp4", size="5000x64"), "VIDEO_TOO_LARGE"),
        "no face in it": (BRICKS, hero, "IMAGE_NO_FACE"),
        "no face in the clip": (HOPPER, moving_clip(folder / "c.mp4"), "VIDEO_NO_FACE"),
    }


def test_bad_input_ends_in_one_clear_line(
    tmp_path: Path, hero: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, (portrait, clip, code) in bad_inputs(tmp_path, hero).items():
        status = main(["render", str(portrait), str(clip), "-o", str(out / "a.mp4")])
        last = capfd.readouterr().err.strip().splitlines()[-1]
        assert status == 2, name
        assert last.startswith(f"{code}: "), (name, last)
        assert "Traceback" not in last
        assert list(out.iterdir()) == [], name


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (["--driving-multiplier", "1.7"], "driving multiplier is 1.7; accepted: 0.0 to 1.0"),
        (["--source-max-dim", "100"], "source max dim is 100; accepted: 512 to 2048"),
        (["--scale", "nan"], "source crop scale is nan; accepted: 1.0 to 3.2"),
        (["--max-seconds", "0"], "max seconds is 0.0; accepted: 0.5 to 600.0"),
        (["--engine", "liveportrait"], "the liveportrait engine cannot run"),
    ],
)
def test_options_out_of_range(
    tmp_path: Path, hero: Path, capsys: pytest.CaptureFixture[str], option: list[str],
    complaint: str,
) -> None:  # fmt: skip
    status = main(["render", str(HOPPER), str(hero), "-o", str(tmp_path / "a.mp4"), *option])
    assert status == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "required: COMMAND"),
        (["render", "a.jpg", "b.mp4"], "required: -o/--output"),
        (["render", "a.jpg", "b.mp4", "-o", "c.mp4", "--animation-region", "mouth"], "'mouth'"),
        (["idle", "a.jpg", "-o", "c.mp4", "--fps", "60"], "'60'; accepted: 1 to 30"),
        (["idle", "a.jpg", "-o", "c.mp4", "--fps", "fast"], "'fast'; accepted: 1 to 30"),
        (["idle", "a.jpg", "-o", "c.mp4", "--fps", "2e1"], "'2e1'; accepted: 1 to 30"),
    ],
)
def test_what_argparse_refuses(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("INVALID_PARAMS: ")
    assert complaint in line


@pytest.mark.parametrize("command", [[], ["render"], ["idle"], ["inspect"]])
def test_help_names_every_option(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    expected = {
        (): ["render", "idle", "inspect"],
        ("render",): [
            "PORTRAIT", "DRIVING", "-o", "--driving-multiplier", "--no-normalize-lip",
            "--animation-region", "--source-max-dim", "--scale", "--engine", "--no-loop",
            "--max-seconds", "--weights",
        ],
        ("idle",): ["PORTRAIT", "-o", "--seed", "--seconds", "--fps"],
        ("inspect",): ["VIDEO", "--portrait", "--driving", "--contact"],
    }[tuple(command)]  # fmt: skip
    assert [word for word in expected if word not in told] == []


def test_an_idle_too_long_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["idle", str(ASTRONAUT), "-o", str(tmp_path / "a.mp4"), "--seconds", "9000"])
    assert status == 2
    assert "accepted: 0.5 to 60" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_clip_and_another_another(tmp_path: Path) -> None:
    clips = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        path = tmp_path / f"{name}.mp4"
        short = ["--seconds", "0.5", "--fps", "24"]
        assert main(["idle", str(ASTRONAUT), "-o", str(path), "--seed", seed, *short]) == 0
        clips.append(path.read_bytes())
    assert clips[0] == clips[1]
    assert clips[0] != clips[2]


def test_a_clip_may_have_any_name_and_rate(tmp_path: Path, hero: Path) -> None:
    odd = tmp_path / "ein Gesicht ü.mov"
    ffmpeg("-i", str(hero), "-vf", "fps=30000/1001", "-c:v", "libx264", str(odd))
    assert main(["render", str(HOPPER), str(odd), "-o", str(tmp_path / "a.mp4")]) == 0
    portrait = ["--portrait", str(HOPPER), "--driving", str(odd)]
    assert main(["inspect", str(tmp_path / "a.mp4"), *portrait]) == 0


# The command line with an engine that needs no face; its pace and length are given.
_SWAYING = """
import sys
from fractions import Fraction
from liveportrait_core.__main__ import main
from liveportrait_core.cli import idle
from liveportrait_core.pipeline import sources
from liveportrait_core.renderer import Renderer
from tests.core.swaying import Sway, SwayingEngine
slowness_s, frames, *arguments = sys.argv[1:]
engine = SwayingEngine(slowness_s=float(slowness_s))
idle.open_renderer = lambda *_, **__: Renderer(engine, reason="slow")
sources.synthetic_motion = lambda *_: Sway(fps=Fraction(24), frame_count=int(frames))
sys.exit(main(arguments))
"""


def test_a_terminal_shows_stage_share_and_time_left(tmp_path: Path) -> None:
    portrait = soft_portrait(tmp_path / "p.png")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    child = subprocess.Popen(
        [sys.executable, "-c", _SWAYING, "0.03", "48", "idle", portrait, "-o", tmp_path / "a.mp4"],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    # Linux answers EIO once the other side is closed.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert child.wait() == 0
    lines = re.split(r"[\r\n]+", shown.decode())
    assert any(
        re.match(r"animating +\d+% \|.*\| \d\d:\d\d, about \d+ s left", line) for line in lines
    )
    assert not lines[-1].strip()  # the bar is gone at the end


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    portrait = soft_portrait(tmp_path / "p.png", 640, 480)
    out = tmp_path / "out"
    out.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", _SWAYING, "0.2", "500", "idle", portrait, "-o", out / "a.mp4"],
        stderr=subprocess.PIPE,
    )
    while not list(out.glob(".render-*/*")):
        assert child.poll() is None
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert said.decode().strip().endswith("Cancelled; nothing unfinished was left.")
    assert list(out.iterdir()) == []
