"""The mesh engine at the product's size: time of each stage of a render, and its memory.

One clip, made by the engine itself, drives one public-domain portrait enlarged to the size. Wall
time includes the machine's other load; the rows of core time do not, and give the time on two free
cores.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import torch

from benchmarks.resources import peak_growth_bytes
from benchmarks.sources import SEED, SIZE_PX, write_sources
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.pipeline.plan import prepare_picture
from liveportrait_core.pipeline.progress import RenderProgress
from liveportrait_core.pipeline.writer import VideoWriter
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import RenderedVideo, Stage
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest

FPS = Fraction(30)
CORES = 2
OVERLAPPED = (Stage.RENDER, Stage.ENCODE)  # the encoder works from the first frame on
HEAD = f"{'stage':28} {'seconds':>8} {'ms a frame':>11} {'frames/s':>9}"


@dataclass(frozen=True, kw_only=True)
class StageRow:
    """One stage of one render."""

    stage: str
    seconds: float
    frames: int
    peak_mb: float | None = None  # growth of memory, of the whole render


def measure_mesh(seconds: float, size_px: tuple[int, int] = SIZE_PX) -> Iterator[StageRow]:
    """Yield drawing alone, core time, then the stages of renders of this length and twice it."""
    renderer = Renderer(MeshEngine(), reason="it is what is measured")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        portrait, clip = write_sources(Path(name), 2 * seconds, size_px, FPS)
        yield _drawing(renderer, portrait, seconds)
        yield from _core_time(portrait, seconds)
        for length in (seconds, 2 * seconds):
            yield from _render(renderer, portrait, clip, length)


def table_line(row: StageRow) -> str:
    """Return one row as text."""
    per_frame = 1000 * row.seconds / row.frames
    memory = "" if row.peak_mb is None else f"   memory +{row.peak_mb:.0f} MB"
    return f"{row.stage:28} {row.seconds:8.2f} {per_frame:11.1f} {1000 / per_frame:9.1f}{memory}"


def _drawing(renderer: Renderer, portrait: Path, seconds: float) -> StageRow:
    options = RenderOptions()
    prepared = renderer.prepare(portrait, options)
    idle = synthetic_idle(seed=SEED, seconds=seconds, fps=FPS)
    frames, times = renderer.animate(prepared, MotionTemplate(motion=idle), options), []
    for _ in range(idle.frame_count):
        start = time.perf_counter()
        next(frames)
        times.append(time.perf_counter() - start)
    typical = statistics.median(times)
    return StageRow(stage="drawing alone", seconds=typical * len(times), frames=len(times))


def _core_time(portrait: Path, seconds: float) -> Iterator[StageRow]:
    """Yield the core time of this process and of its encoder, over a synthetic idle."""
    engine = MeshEngine()
    idle = synthetic_idle(seed=SEED, seconds=seconds, fps=FPS)
    template = MotionTemplate(motion=idle)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        video = Path(name) / "idle.mp4"
        request = RenderRequest(portrait=portrait, motion=template, output=video)
        picture = read_portrait(portrait, max_dim_px=request.options.source_max_dim_px)
        plan = prepare_picture(engine, picture, request, partial(engine.prepare, picture.pixels))(
            template
        )
        before = _core_seconds()
        VideoWriter(plan, RenderProgress()).write(video, Path(name) / "poster.jpg")
    drawing, encoding = (late - early for early, late in zip(before, _core_seconds(), strict=True))
    for stage, spent in (
        ("core time, drawing", drawing),
        ("core time, encoding", encoding),
        (f"both, on {CORES} free cores", (drawing + encoding) / CORES),
    ):
        yield StageRow(stage=stage, seconds=spent, frames=idle.frame_count)


def _core_seconds() -> tuple[float, float]:
    """Return the CPU seconds of this process and of its ended children."""
    own, children = (
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    return own, children


def _render(renderer: Renderer, portrait: Path, clip: Path, seconds: float) -> Iterator[StageRow]:
    reports: list[RenderedVideo] = []

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            options = RenderOptions(max_seconds=seconds)
            reports.append(
                renderer.render(
                    RenderRequest(
                        portrait=portrait,
                        motion=Clip(path=clip),
                        output=Path(name) / "idle.mp4",
                        options=options,
                    )
                )
            )

    peak = peak_growth_bytes(torch.device("cpu"), work)
    report = reports[0]
    for part in report.seconds:
        yield StageRow(stage=part.stage.value, seconds=part.seconds, frames=report.frame_count)
    overlapped = sum(part.seconds for part in report.seconds if part.stage in OVERLAPPED)
    yield StageRow(stage="render and encode", seconds=overlapped, frames=report.frame_count)
    total = sum(part.seconds for part in report.seconds)
    yield StageRow(
        stage=f"all {report.frame_count} frames",
        seconds=total,
        frames=report.frame_count,
        peak_mb=None if peak is None else peak / 1e6,
    )
