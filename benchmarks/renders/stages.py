"""A whole render by each engine: seconds of every stage and its share of the whole.

LivePortrait's is compared with the yardstick: the same render, its networks computed by torch as
they are written (`cpu-torch`). A frame takes seconds by it, so it draws the first frames of the
clip alone, and what it would need for all of them is extrapolated and said to be.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from benchmarks.resources import core_s
from benchmarks.sources import SIZE_PX, write_sources
from liveportrait_core.engines.liveportrait.config import EngineConfig
from liveportrait_core.engines.liveportrait.runtimes.device import CPU_TORCH
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.limits import least_frames
from liveportrait_core.options import Engine, RenderOptions
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.report import Stage
from liveportrait_core.request import CachedMotion, Clip, RenderRequest

FPS = Fraction(25)
PLAIN_FRAMES = least_frames(FPS)
"""Of the yardstick's render: as few as a driving clip may have."""
HEAD = f"{'engine, render':34} {'stage':10} {'seconds':>9} {'share':>6}"
_DEFAULT_OPTIONS = RenderOptions()


@dataclass(frozen=True, kw_only=True)
class RenderRow:
    """One stage of one render."""

    render: str
    stage: str
    seconds: float
    share: float  # of the render's wall time, 0..1


@dataclass(frozen=True, kw_only=True)
class WholeRender:
    """One render from its files to its file."""

    name: str
    stages: dict[Stage, float]  # seconds
    wall_s: float
    core_s: float  # of the processor
    frames: int

    @property
    def rows(self) -> Iterator[RenderRow]:
        """Its lines in the table."""
        for stage, seconds in self.stages.items():
            share = seconds / self.wall_s
            yield RenderRow(render=self.name, stage=stage.value, seconds=seconds, share=share)
        yield RenderRow(render=self.name, stage="whole", seconds=self.wall_s, share=1.0)
        yield RenderRow(
            render=f"{self.name}: {self.frames / self.wall_s:.1f} frames/s", stage="core time",
            seconds=self.core_s, share=self.core_s / self.wall_s,
        )  # fmt: skip

    def wall_s_for(self, frames: int) -> float:
        """Return the seconds for another number of frames: all but preparing grows with them."""
        fixed = self.stages[Stage.PREPARE]
        return fixed + (self.wall_s - fixed) * frames / self.frames


def measure_mesh_render(
    seconds: float, size_px: tuple[int, int] = SIZE_PX
) -> Iterator[WholeRender]:
    """Yield the mesh engine's first render, then one that has the clip's motion.

    Args:
        seconds: of the driving clip.
        size_px: width and height of the portrait.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        portrait, clip = write_sources(Path(name), seconds, size_px, FPS)
        renderer = Renderer(MeshEngine(), reason="measured")
        yield from _renders(renderer, f"mesh on {renderer.device}", portrait, clip)


def measure_networks_render(
    weights: Path, device: str, seconds: float, *, frames: int | None = None
) -> Iterator[RenderRow | WholeRender]:
    """Yield LivePortrait's opening, then its renders as `measure_mesh_render` does.

    Args:
        weights: its folder.
        device: as the command line takes it.
        seconds: of the driving clip.
        frames: draw the first of them alone, and once; None: all.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        portrait, clip = write_sources(Path(name), seconds, SIZE_PX, FPS)
        began = time.perf_counter()
        config = EngineConfig(device=device, accept_no_landmarks=True)
        renderer = open_renderer(Engine.LIVEPORTRAIT, weights, config)
        renderer.warm_up()
        name = f"liveportrait on {renderer.device if device != CPU_TORCH else device}"
        opening_s = time.perf_counter() - began
        yield RenderRow(render=name, stage="opening", seconds=opening_s, share=0.0)
        if frames is None:
            yield from _renders(renderer, name, portrait, clip)
            return
        options = RenderOptions(max_seconds=float(frames / FPS))
        yield _render(renderer, f"{name}, {frames} frames", portrait, Clip(path=clip), [], options)


def table_line(row: RenderRow) -> str:
    """Return one row as text."""
    return f"{row.render:34} {row.stage:10} {row.seconds:9.2f} {100 * row.share:5.0f}%"


def comparison(plain: WholeRender, render: WholeRender) -> str:
    """Return a first render's ratios to the yardstick's, with what of them was extrapolated."""
    how = "measured"
    if plain.frames != render.frames:
        how = f"extrapolated from {plain.frames} frames"
    wall_s = plain.wall_s_for(render.frames)
    core_s = plain.core_s * wall_s / plain.wall_s
    return (
        f"{render.frames} frames by torch as written: {wall_s:.1f} s of wall time, {core_s:.1f} s"
        f" of processor time ({how})\nratio by wall time {wall_s / render.wall_s:.2f}, by processor"
        f" time {core_s / render.core_s:.2f}"
    )


def _renders(renderer: Renderer, name: str, portrait: Path, clip: Path) -> Iterator[WholeRender]:
    kept: list[bytes] = []
    yield _render(renderer, f"{name}, first", portrait, Clip(path=clip), kept)
    yield _render(renderer, f"{name}, slider moved", portrait, CachedMotion(data=kept[0]), [])


def _render(
    renderer: Renderer,
    name: str,
    portrait: Path,
    motion: Clip | CachedMotion,
    kept: list[bytes],
    options: RenderOptions = _DEFAULT_OPTIONS,
) -> WholeRender:
    began, began_core = time.perf_counter(), core_s()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        output = Path(folder) / "idle.mp4"
        request = RenderRequest(portrait=portrait, motion=motion, output=output, options=options)
        report = renderer.render(request, on_motion=kept.append)
    return WholeRender(
        name=name,
        stages={part.stage: part.seconds for part in report.seconds},
        wall_s=time.perf_counter() - began,
        core_s=core_s() - began_core,
        frames=report.frame_count,
    )
