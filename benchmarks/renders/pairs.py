"""Every portrait with every driving clip, rendered by the mesh engine and measured.

The figures are those of the finished files; there are no thresholds.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.inspection import Following, measure_following
from liveportrait_core.options import RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import QualityReport
from liveportrait_core.request import RenderRequest

HEAD = (
    f"{'portrait':12} {'clip':10} {'×':>4} | {'pitch':>10} {'yaw':>10} {'roll':>10} |"
    f" {'blinks':>6} {'shut':>4} | {'jitter':>11} | {'loop/step':>9} | {'outside':>7} |"
    f" {'edge/inner':>10} {'slope':>5}"
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One portrait driven by one clip, measured."""

    portrait: str
    driving: str
    multiplier: float
    following: Following
    quality: QualityReport | None


def measure_pairs(
    portraits: Sequence[Path], clips: Sequence[Path], multipliers: Sequence[float]
) -> Iterator[Pair]:
    """Render and measure them one by one."""
    renderer = Renderer(MeshEngine(), reason="it is what is measured")
    for clip in clips:
        analysis = renderer.analyse(clip, max_seconds=RenderOptions.max_seconds)
        for portrait in portraits:
            for multiplier in multipliers:
                with tempfile.TemporaryDirectory(prefix="pair-") as folder:
                    video = Path(folder) / "idle.mp4"
                    report = renderer.render(
                        RenderRequest(
                            portrait=portrait,
                            motion=analysis,
                            output=video,
                            options=RenderOptions(driving_multiplier=multiplier),
                        )
                    )
                    followed = measure_following(video, clip, max_seconds=RenderOptions.max_seconds)
                yield Pair(
                    portrait=portrait.stem,
                    driving=clip.stem,
                    multiplier=multiplier,
                    following=followed,
                    quality=report.quality,
                )


def table_line(pair: Pair) -> str:
    """Return one row: correlation×gain of each axis (- where the driving head is still), …."""
    seen, quality = pair.following, pair.quality
    by_axis = {turning.axis: turning for turning in seen.turnings}
    turns = (
        f"{by_axis[axis].correlation:.3f}×{by_axis[axis].gain:.2f}" if axis in by_axis else "-"
        for axis in ("pitch", "yaw", "roll")
    )
    shut = "-" if seen.least_closure is None else f"{seen.least_closure:.2f}"
    jitter = f"{_figure(seen.jitter_per_mille)}/{_figure(seen.driving_jitter_per_mille)}"
    steps, outside = "-", "-"
    if quality is not None:
        steps = f"{_figure(quality.loop_step_levels)}/{_figure(quality.median_step_levels)}"
        outside = _figure(quality.touched_outside_share)
    edge = f"{seen.edge_residual:.1f}/{seen.inner_residual:.1f}"
    return (
        f"{pair.portrait[:12]:12} {pair.driving[:10]:10} {pair.multiplier:4.2f} | "
        + " ".join(f"{turn:>10}" for turn in turns)
        + f" | {f'{seen.blinks_hit}/{seen.blinks}':>6} {shut:>4} | {jitter:>11} | {steps:>9}"
        + f" | {outside:>7} | {edge:>10} {seen.edge_steepness:5.2f}"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
