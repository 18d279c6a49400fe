"""What the demo says when it does not reach its end: each sentence names what to change."""

import json
import sys
from pathlib import Path

import pytest

from emulator.demo import DemoFailed, inspect, parse_arguments, require_ready
from tests.core.clips import moving_clip
from tests.core.swaying import soft_portrait


def test_a_render_that_failed_is_told_with_its_reason(tmp_path: Path) -> None:
    log = tmp_path / "function.log"
    reason = "no face was found in the portrait of 500×600 pixels; accepted: one"
    lines = [
        {"message": "claimed", "avatarId": "demo"},
        {"message": "render failed", "code": "IMAGE_NO_FACE", "reason": reason},
    ]
    log.write_text("no JSON\n" + "".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DemoFailed) as told:
        require_ready({"state": "failed", "error": {"code": "IMAGE_NO_FACE"}}, log)
    assert str(told.value) == f"the render ended as failed: IMAGE_NO_FACE, {reason}; see {log}"


def test_a_video_that_falls_short_is_told_by_its_checks(tmp_path: Path) -> None:
    portrait = soft_portrait(tmp_path / "p.png")
    clip = moving_clip(tmp_path / "c.mp4", size="160x200")
    report = tmp_path / "inspection.json"
    with pytest.raises(DemoFailed) as told:
        inspect(clip, "--portrait", portrait, report=report)
    assert str(told.value).startswith(f"{clip} falls short of the contract: ")
    assert "frame 0 is the portrait is " in str(told.value)
    assert json.loads(report.read_text())["ok"] is False


def test_a_file_that_is_not_there_is_told_as_make_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["demo", "--driving", "gone.mp4"])
    with pytest.raises(SystemExit) as ended:
        parse_arguments()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "DRIVING=gone.mp4: there is no such file\n"
