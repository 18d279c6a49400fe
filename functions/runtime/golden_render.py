"""Render the golden avatar by this process's engine, and judge the video.

A public-domain portrait is moved by a clip of itself, so that decoders, trackers, networks and
encoder all have their part. Figures are judged, not bytes: those differ from GPU to GPU.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from liveportrait_core import (
    Clip,
    Engine,
    QualityReport,
    RenderedVideo,
    RenderOptions,
    RenderRequest,
    SyntheticIdle,
)
from liveportrait_core.renderer import EngineConfig, Renderer, open_renderer
from liveportrait_core.report import largest_loop_step

PORTRAIT = Path(__file__).with_name("golden.jpg")  # Rear Admiral Grace M. Hopper: NOTICE.md
_SIZE_PX = (256, 300)
_SECONDS = 2.0
_SEED = 7  # of the clip's motion
_LONGEST_S = 120.0  # a warm renderer's objective (docs/run/operations.md)
# Bounds of docs/understand/quality.md
_RING_DELTA_E = 2.0
_SEAM_LEVELS = 1.0


@dataclass(frozen=True, kw_only=True)
class GoldenReport:
    """What the golden render was, and what is wrong with it."""

    problems: tuple[str, ...]  # sentences; none: it is as it should be
    figures: Mapping[str, object]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.problems


def render_golden(renderer: Renderer, weights: Path, portrait: Path = PORTRAIT) -> GoldenReport:
    """Render the golden avatar; never raises: a fault is a problem of the report.

    Args:
        renderer: the engine to be judged.
        weights: the folder of the networks' files.
        portrait: of the avatar.
    """
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="golden-") as folder:
            clip = _clip(renderer, weights, portrait, Path(folder) / "clip.mp4")
            began = time.monotonic()
            options = RenderOptions(max_seconds=_SECONDS)
            output = Path(folder) / "golden.mp4"
            video = renderer.render(
                RenderRequest(portrait=portrait, motion=clip, output=output, options=options)
            )
    except Exception as fault:  # of any kind: an engine that raises it does not render
        return GoldenReport(problems=(f"{type(fault).__name__}: {fault}",), figures={})
    took_s = time.monotonic() - began
    return GoldenReport(problems=tuple(judge(video, took_s)), figures=_figures(video, took_s))


def _clip(renderer: Renderer, weights: Path, portrait: Path, output: Path) -> Clip:
    """Make the driving clip: the mesh engine moves the portrait by a synthetic idle."""
    mover = renderer
    if renderer.engine is not Engine.MESH:
        mover = open_renderer(Engine.MESH.value, weights, EngineConfig(device="cpu"))
    motion = SyntheticIdle(seed=_SEED, seconds=_SECONDS)
    mover.render(RenderRequest(portrait=portrait, motion=motion, output=output))
    return Clip(path=output)


def judge(video: RenderedVideo, took_s: float) -> Iterator[str]:
    """Yield what is wrong with a golden video, each with what would be right.

    Args:
        video: as the renderer reports it.
        took_s: seconds that the render took.
    """
    frames = round(_SECONDS * video.fps)
    if (video.width_px, video.height_px) != _SIZE_PX:
        yield f"it is {video.width_px}×{video.height_px} pixels; accepted: the portrait's 256×300"
    if video.frame_count != frames:
        yield f"it has {video.frame_count} frames; accepted: {frames}, {_SECONDS:g} s of the clip"
    if took_s > _LONGEST_S:
        yield f"it took {took_s:.0f} s; accepted: {_LONGEST_S:g}"
    if video.quality is None:
        yield "its quality was not measured"
    else:
        yield from _judge_quality(video.quality)


def _judge_quality(quality: QualityReport) -> Iterator[str]:
    loop_levels = largest_loop_step(quality.median_step_levels)
    if quality.median_step_levels <= 0:
        yield "nothing moves in it"
    if quality.measured_fps != quality.wanted_fps or quality.worst_frame_offset_ms > 0:
        yield f"its rate is {quality.measured_fps}; accepted: {quality.wanted_fps}, every frame"
    for name, found, most in (
        ("the step from its last frame to the first", quality.loop_step_levels, loop_levels),
        ("its colour at the border", quality.ring_delta_e, _RING_DELTA_E),
        ("its seam", quality.seam_levels, _SEAM_LEVELS),
        ("the changed share outside its box", quality.touched_outside_share, 0.0),
        ("the frames without a face", quality.frames_without_face, 0),
    ):
        if found is None or not found <= most:
            yield f"{name} is {found}; accepted: at most {most:g}"


def _figures(video: RenderedVideo, took_s: float) -> dict[str, object]:
    return {
        "engine": video.engine.value,
        "widthPx": video.width_px,
        "heightPx": video.height_px,
        "frames": video.frame_count,
        "tookS": round(took_s, 2),
        "stages": {each.stage.value: round(each.seconds, 2) for each in video.seconds},
        "quality": None if video.quality is None else video.quality.as_json(),
    }
