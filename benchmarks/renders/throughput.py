"""One process that is asked for renders all the time: how many an hour, and where the time goes.

As in the function, one render runs at a time and the others wait for it. Every avatar has a
portrait of its own, moves its slider as soon as it has its video, and has the clip's motion kept.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.renders.stages import FPS
from benchmarks.resources import core_s
from benchmarks.sources import SIZE_PX, write_sources
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.media.pictures.image import read_portrait, write_picture
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Stage
from liveportrait_core.request import CachedMotion, Clip, RenderRequest

CONCURRENT = (1, 2, 4)
MULTIPLIERS = (0.3, 0.4, 0.5, 0.6)
LARGEST_PX = 2048
STAGES = (Stage.PREPARE, Stage.RENDER, Stage.ENCODE)
HEAD = (
    f"{'avatars':>7} {'renders/hour':>12} {'core s each':>11} {'waiting s':>9}"
    f" {'prepare s':>9} {'render s':>8} {'encode s':>8} {'cores busy':>10}"
)


@dataclass(frozen=True, kw_only=True)
class ThroughputRow:
    """So many avatars at once; seconds are a render's, medians."""

    avatars: int
    renders_per_hour: float
    core_s: float
    waiting_s: float
    stage_s: tuple[float, ...]
    cores: float


@dataclass(frozen=True, kw_only=True)
class _Render:
    waiting_s: float
    stage_s: tuple[float, ...]


def measure_throughput(
    seconds: float, clip_seconds: float, size_px: tuple[int, int] = SIZE_PX
) -> Iterator[ThroughputRow]:
    """Yield a row for each number of avatars that save at once.

    Args:
        seconds: after which no further render of a row begins.
        clip_seconds: of the driving clip.
        size_px: width and height of the portraits.
    """
    renderer = Renderer(MeshEngine(), reason="it is what is measured")
    renderer.warm_up()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        portrait, clip = write_sources(folder, clip_seconds, size_px, FPS)
        kept: list[bytes] = []
        first = RenderRequest(
            portrait=portrait, motion=Clip(path=clip), output=folder / "first.mp4"
        )
        renderer.render(first, on_motion=kept.append)
        motion = CachedMotion(data=kept[0])
        portraits = [_own(portrait, folder / f"avatar-{i}.png", i) for i in range(max(CONCURRENT))]
        for avatars in CONCURRENT:
            yield _row(renderer, portraits[:avatars], motion, seconds)


def table_line(row: ThroughputRow) -> str:
    """Return one row as text."""
    prepare, render, encode = row.stage_s
    return (
        f"{row.avatars:7} {row.renders_per_hour:12.0f} {row.core_s:11.2f} {row.waiting_s:9.2f}"
        f" {prepare:9.2f} {render:8.2f} {encode:8.2f} {row.cores:10.2f}"
    )


def _own(portrait: Path, to: Path, index: int) -> Path:
    """Write the portrait as another avatar's: a pixel differs."""
    pixels = read_portrait(portrait, max_dim_px=LARGEST_PX).pixels.copy()
    pixels[0, 0] = index
    write_picture(np.asarray(pixels, np.uint8), to)
    return to


def _row(
    renderer: Renderer, portraits: list[Path], motion: CachedMotion, seconds: float
) -> ThroughputRow:
    one_at_a_time = threading.Lock()
    began, began_core = time.perf_counter(), core_s()

    def keep_saving(portrait: Path) -> list[_Render]:
        done: list[_Render] = []
        while time.perf_counter() - began < seconds:
            multiplier = MULTIPLIERS[len(done) % len(MULTIPLIERS)]
            done.append(_saved(renderer, portrait, motion, multiplier, one_at_a_time))
        return done

    with ThreadPoolExecutor(len(portraits)) as pool:
        renders = [render for avatar in pool.map(keep_saving, portraits) for render in avatar]
    wall, core = time.perf_counter() - began, core_s() - began_core
    return ThroughputRow(
        avatars=len(portraits),
        renders_per_hour=3600 * len(renders) / wall,
        core_s=core / len(renders),
        waiting_s=statistics.median(render.waiting_s for render in renders),
        stage_s=tuple(
            statistics.median(times) for times in zip(*(r.stage_s for r in renders), strict=True)
        ),
        cores=core / wall,
    )


def _saved(
    renderer: Renderer,
    portrait: Path,
    motion: CachedMotion,
    multiplier: float,
    lock: threading.Lock,
) -> _Render:
    asked = time.perf_counter()
    with lock, tempfile.TemporaryDirectory(prefix="bench-") as name:
        waited = time.perf_counter() - asked
        report = renderer.render(
            RenderRequest(
                portrait=portrait,
                motion=motion,
                output=Path(name) / "idle.mp4",
                options=RenderOptions(driving_multiplier=multiplier),
            )
        )
    spent = {part.stage: part.seconds for part in report.seconds}
    return _Render(waiting_s=waited, stage_s=tuple(spent[stage] for stage in STAGES))
