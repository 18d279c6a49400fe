"""`talk` on the command line."""

from importlib.resources import files
from pathlib import Path

import pytest

from liveportrait_core.__main__ import main
from liveportrait_core.media.clips.probe import has_sound
from tests.core.sounds import spoken, wav

HOPPER = str(files("matplotlib").joinpath("mpl-data/sample_data/grace_hopper.jpg"))
MARKS = (
    '{"time": 0, "type": "viseme", "value": "a"}\n{"time": 300, "type": "viseme", "value": "p"}\n'
)


@pytest.fixture
def sound(tmp_path: Path) -> str:
    return str(wav(tmp_path / "said.wav", spoken((" ", 0.2), ("a", 0.3), (" ", 0.3))))


def test_a_portrait_says_a_sound(
    tmp_path: Path, sound: str, capsys: pytest.CaptureFixture[str]
) -> None:
    video, visemes = tmp_path / "talk.mp4", tmp_path / "said.json"
    visemes.write_text(MARKS)
    short = ["--seconds", "0.5", "--fps", "15", "--visemes", str(visemes)]
    assert main(["talk", HOPPER, sound, "-o", str(video), *short]) == 0
    assert has_sound(video)
    told = capsys.readouterr()
    assert "12 frames at 15 fps" in told.out
    assert "spoken by visemes (MIT); begins" in told.out
    assert "the idle's frame 0; its frame 4 follows" in told.out
    assert "MOUTH_INVENTED" in told.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--strength", "2"], "strength is 2.0; accepted: 0 to 1.5"),
        (["--engine", "liveportrait"], "accepted: --driving with a clip"),
        (["--driving", HOPPER], "cannot move a portrait that speaks"),
        (["--driving", "a.mp4", "--seed", "3"], "--seed: only a synthetic idle has it"),
        (["--visemes", "missing.json"], "--visemes missing.json"),
        (["--visemes", "/dev/null"], "--visemes /dev/null holds no viseme"),
        (["--method", "wav2lip"], "here: visemes; it takes: weights convert wav2lip"),
        (["-o", "talk.gif"], "of a gif, which holds no sound"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path,
    sound: str,
    more: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["talk", HOPPER, sound, "-o", "talk.mp4", *more]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("Engine")]
    assert len(said) == 1
    assert words in said[0]
