"""The LivePortrait engine from files to a file: real faces, real detector, real decoder."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.engines.liveportrait.model import AppearanceFeature
from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.inspection import inspect
from liveportrait_core.options import Engine, RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Progress, RenderWarning, Stage
from liveportrait_core.request import CachedMotion, Clip, RenderRequest
from tests.core.clips import child_processes, ffmpeg
from tests.core.engines.liveportrait.test_engine import QuickModel, quick_model
from tests.core.small_networks import small_networks
from tests.core.weights_folders import weights_folder


def quick_renderer() -> Renderer:
    return Renderer(LivePortraitEngine(quick_model(), MeshFinder(), None, digests=()), reason="")


def slow_renderer() -> Renderer:
    """One that is in every stage long enough to be watched there."""

    class SlowModel(QuickModel):
        def extract_motion(self, frames: NDArray[np.uint8]) -> Motion:
            time.sleep(0.5)
            return super().extract_motion(frames)

        def animate(
            self, feature: AppearanceFeature, source_keypoints: Floats, driving_keypoints: Floats
        ) -> NDArray[np.uint8]:
            time.sleep(0.2)
            return super().animate(feature, source_keypoints, driving_keypoints)

    model = SlowModel(small_networks(), quick_model().choice)
    return Renderer(LivePortraitEngine(model, MeshFinder(), None, digests=()), reason="")


def test_a_clip_moves_a_portrait(portrait: Path, driving: Path, tmp_path: Path) -> None:
    engine = LivePortraitEngine(quick_model(), MeshFinder(), None, digests=())
    renderer = Renderer(engine, reason="test")
    heard: list[Progress] = []
    out = tmp_path / "idle.mp4"
    report = renderer.render(
        RenderRequest(
            portrait=portrait, motion=Clip(path=driving), output=out, options=RenderOptions()
        ),
        on_progress=heard.append,
    )
    assert report.engine is Engine.LIVEPORTRAIT
    assert report.engine_version == engine.version
    assert (report.width_px, report.height_px, report.frame_count) == (320, 320, 12)
    assert report.fps == 24
    assert report.warnings == (RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED,)
    assert out.stat().st_size == report.size_bytes
    fractions = [progress.fraction for progress in heard]
    assert fractions == sorted(fractions)
    assert {progress.stage for progress in heard} <= set(Stage)


def test_the_same_files_give_the_same_bytes(portrait: Path, driving: Path, tmp_path: Path) -> None:
    renderer = quick_renderer()
    for name in ("one.mp4", "other.mp4"):
        renderer.render(
            RenderRequest(
                portrait=portrait,
                motion=Clip(path=driving),
                output=tmp_path / name,
                options=RenderOptions(),
            )
        )
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "other.mp4").read_bytes()


def test_kept_motion_gives_the_same_bytes(portrait: Path, tmp_path: Path) -> None:
    """Frames without a face first, in between and last: what bridges them is kept as well."""
    still = np.asarray(Image.open(portrait))
    frames = np.stack([np.roll(still, 2 * i, axis=1)[:240] for i in range(16)])
    frames[[0, 5, 6, 15]] = 0
    clip, kept, renderer = tmp_path / "clip.mp4", list[bytes](), quick_renderer()
    ffmpeg(
        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "320x240", "-framerate", "24",
        "-i", "-", "-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", str(clip),
        feed=frames.tobytes(),
    )  # fmt: skip
    options = RenderOptions()
    first = renderer.render(
        RenderRequest(
            portrait=portrait, motion=Clip(path=clip), output=tmp_path / "a.mp4", options=options
        ),
        on_motion=kept.append,
    )
    again = renderer.render(
        RenderRequest(
            portrait=portrait,
            motion=CachedMotion(data=kept[0]),
            output=tmp_path / "b.mp4",
            options=options,
        )
    )
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert replace(again, seconds=()) == replace(first, seconds=())
    assert again.quality is not None
    assert again.quality.frames_without_face == 4
    assert RenderWarning.LANDMARKS_INTERPOLATED in again.warnings
    analysis = renderer.analyse(clip, max_seconds=10.0)
    assert all(array.flags.c_contiguous for array in analysis.motion.arrays.values())


@pytest.mark.parametrize("stage", [Stage.MOTION, Stage.RENDER])
def test_who_gives_up_is_obeyed_and_nothing_is_left(
    stage: Stage, portrait: Path, driving: Path, tmp_path: Path
) -> None:
    class GivenUp(Exception):
        pass

    def watch(progress: Progress) -> None:
        if progress.stage is stage:
            raise GivenUp

    with pytest.raises(GivenUp):
        slow_renderer().render(
            RenderRequest(
                portrait=portrait,
                motion=Clip(path=driving),
                output=tmp_path / "a.mp4",
                options=RenderOptions(),
            ),
            on_progress=watch,
        )
    assert list(tmp_path.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]
    assert child_processes() == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_command_line_renders_with_networks_of_full_size(
    portrait: Path, driving: Path, tmp_path: Path
) -> None:
    weights = weights_folder(tmp_path / "weights")
    out = tmp_path / "idle.mp4"
    command = [
        sys.executable, "-m", "liveportrait_core", "render", str(portrait), str(driving),
        "-o", str(out), "--engine", "auto", "--weights", str(weights), "--device", "cpu-torch",
        "--no-loop",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "Engine liveportrait:" in run.stderr
    # Synthetic weights paint noise: it is no portrait, but the file is what it has to be.
    fallen_short = {check.name for check in inspect(out, portrait).checks if not check.ok}
    assert fallen_short <= {"frame 0 is the portrait", "loop"}
