"""A whole render by each engine: seconds of every stage and its share of the whole.

Networks without downloaded weights paint noise in the same time.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from liveportrait_core.engines.liveportrait.config import EngineConfig
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.media.pictures.image import read_portrait, write_picture
from liveportrait_core.options import Engine, RenderOptions
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.request import CachedMotion, Clip, MotionTemplate, RenderRequest

SIZE_PX = (1200, 1600)
FPS = Fraction(25)
HEAD = f"{'engine, render':34} {'stage':10} {'seconds':>9} {'share':>6}"


@dataclass(frozen=True, kw_only=True)
class RenderRow:
    """One stage of one render."""

    render: str
    stage: str
    seconds: float
    share: float  # of the render's wall time, 0..1


def measure_render(
    weights: Path | None, device: str, seconds: float, size_px: tuple[int, int] = SIZE_PX
) -> Iterator[RenderRow]:
    """Yield the stages: each engine's first render, then one that has the clip's motion.

    Args:
        weights: LivePortrait's; None: the mesh engine alone.
        device: of LivePortrait.
        seconds: of the driving clip.
        size_px: width and height of the portrait.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        portrait, clip = inputs(Path(name), seconds, size_px)
        yield from _renders(Renderer(MeshEngine(), reason="measured"), portrait, clip, 0.0)
        if weights is not None:
            began = time.perf_counter()
            config = EngineConfig(device=device, accept_no_landmarks=True)
            renderer = open_renderer(Engine.LIVEPORTRAIT, weights, config)
            renderer.warm_up()
            yield from _renders(renderer, portrait, clip, time.perf_counter() - began)


def table_line(row: RenderRow) -> str:
    """Return one row as text."""
    return f"{row.render:34} {row.stage:10} {row.seconds:9.2f} {100 * row.share:5.0f}%"


def _renders(
    renderer: Renderer, portrait: Path, clip: Path, opening_s: float
) -> Iterator[RenderRow]:
    name = f"{renderer.engine} on {renderer.device}"
    if opening_s:
        yield RenderRow(render=name, stage="opening", seconds=opening_s, share=0.0)
    kept: list[bytes] = []
    yield from _render(renderer, portrait, Clip(path=clip), f"{name}, first", kept)
    motion = CachedMotion(data=kept[0])
    yield from _render(renderer, portrait, motion, f"{name}, slider moved", [])


def _render(
    renderer: Renderer,
    portrait: Path,
    motion: Clip | CachedMotion,
    name: str,
    kept: list[bytes],
) -> Iterator[RenderRow]:
    began, began_core = time.perf_counter(), core_s()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        request = RenderRequest(portrait=portrait, motion=motion, output=Path(folder) / "idle.mp4")
        report = renderer.render(request, on_motion=kept.append)
    whole, core = time.perf_counter() - began, core_s() - began_core
    for part in report.seconds:
        yield RenderRow(
            render=name, stage=part.stage.value, seconds=part.seconds, share=part.seconds / whole
        )
    frames = report.frame_count
    yield RenderRow(render=name, stage="whole", seconds=whole, share=1.0)
    yield RenderRow(
        render=f"{name}: {frames / whole:.1f} frames/s", stage="core time", seconds=core,
        share=core / whole,
    )  # fmt: skip


def inputs(folder: Path, seconds: float, size_px: tuple[int, int]) -> tuple[Path, Path]:
    """Write a portrait of this size and a driving clip, and return both."""
    portrait, person, clip = folder / "portrait.png", folder / "person.png", folder / "clip.mp4"
    source = folder / "source.jpg"
    source.write_bytes(
        files("matplotlib").joinpath("mpl-data/sample_data/grace_hopper.jpg").read_bytes()
    )
    person.write_bytes(files("skimage").joinpath("data/astronaut.png").read_bytes())
    small = read_portrait(source, max_dim_px=2048).pixels
    large = cv2.resize(small, size_px, interpolation=cv2.INTER_CUBIC)
    write_picture(np.asarray(large, np.uint8), portrait)
    idle = synthetic_idle(seed=7, seconds=seconds, fps=FPS)
    Renderer(MeshEngine(), reason="it makes the clip").render(
        RenderRequest(
            portrait=person,
            motion=MotionTemplate(motion=idle),
            output=clip,
            options=RenderOptions(driving_multiplier=1.0),
        )
    )
    return portrait, clip


def core_s() -> float:
    """Return the processor seconds of this process and of its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
