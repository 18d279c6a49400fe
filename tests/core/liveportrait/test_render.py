"""The LivePortrait engine from files to a file: real faces, real detector, real decoder."""

import subprocess
import sys
from pathlib import Path

import pytest

from liveportrait_core.animator import LivePortraitEngine
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.inspection import inspect
from liveportrait_core.options import Engine, Progress, RenderOptions, RenderWarning, Stage
from liveportrait_core.renderer import Renderer
from tests.core.liveportrait.test_animator import quick_model
from tests.core.liveportrait.weights_folders import weights_folder


def test_a_clip_moves_a_portrait(portrait: Path, driving: Path, tmp_path: Path) -> None:
    engine = LivePortraitEngine(quick_model(), MeshFinder(), None, digests=())
    renderer = Renderer(engine, reason="test")
    heard: list[Progress] = []
    out = tmp_path / "idle.mp4"
    report = renderer.render(portrait, driving, out, options=RenderOptions(), watch=heard.append)
    assert report.engine is Engine.LIVEPORTRAIT
    assert report.engine_version == engine.version
    assert (report.width_px, report.height_px, report.frame_count) == (320, 320, 12)
    assert report.fps == 24
    assert report.warnings == (RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED,)
    assert out.stat().st_size == report.size_bytes
    fractions = [progress.fraction for progress in heard]
    assert fractions == sorted(fractions)
    assert {progress.stage for progress in heard} <= set(Stage)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_command_line_renders_with_networks_of_full_size(
    portrait: Path, driving: Path, tmp_path: Path
) -> None:
    weights = weights_folder(tmp_path / "weights")
    out = tmp_path / "idle.mp4"
    command = [
        sys.executable, "-m", "liveportrait_core", "render", str(portrait), str(driving),
        "-o", str(out), "--engine", "auto", "--weights", str(weights), "--device", "cpu",
        "--no-loop",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "Engine liveportrait:" in run.stderr
    # Synthetic weights paint noise: it is no portrait, but the file is what it has to be.
    fallen_short = {check.name for check in inspect(out, portrait).checks if not check.ok}
    assert fallen_short <= {"frame 0 is the portrait", "loop"}
