"""One picture that shows the same motion at several multipliers: a row for each, its figures above.

All rows show the same moments, so that one column can be compared downwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveportrait_core.face.tracking import FaceTrack
from liveportrait_core.inspection.key_frames import key_frames
from liveportrait_core.inspection.sheet import (
    COLUMNS,
    Row,
    even_moments,
    follow_face,
    frame_row,
    frames_at,
    write_sheet,
)
from liveportrait_core.report import Box, QualityReport, RenderedVideo

_AROUND_FACE = 0.25  # of its width and height, on each side: hair and chin


@dataclass(frozen=True, kw_only=True)
class SweepItem:
    """One video of a multiplier sweep."""

    multiplier: float
    video: Path
    report: RenderedVideo


def sweep_sheet(rungs: Sequence[SweepItem], output: Path, *, title: str) -> list[int]:
    """Write a PNG with a row for each rung and give the frames that it shows.

    Args:
        rungs: videos of the same motion and portrait, the strongest last: it chooses the moments.
        output: the PNG to write.
        title: what moves what.

    Raises:
        VideoUnsupported: a video cannot be read.
        EncodeFailed: the PNG cannot be written.
    """
    strongest = rungs[-1]
    seconds = max(strongest.report.duration_ms / 1000, 0.5)
    track = follow_face(strongest.video, seconds)
    if track.landmarks:
        moments, box = key_frames(track, count=COLUMNS), _around(track)
        chosen = f"those at which head, eyes and lips differ most at {strongest.multiplier:g}"
    else:
        moments, box = even_moments(strongest.report.frame_count), strongest.report.box
        chosen = f"at even distances, as no face was found at {strongest.multiplier:g}"
    notes = (
        f"The same {len(moments)} moments in every row: {chosen}.",
        "Steps: how much the moving part changes, in grey levels of 255. Tremble: by how much it "
        "jolts, in 1/1000 of the longest side.",
    )
    rows = [Row(heading=title, remark="", notes=notes)]
    rows += [_row(rung, moments, seconds, box) for rung in rungs]
    write_sheet(rows, output)
    return moments


def _around(track: FaceTrack) -> Box:
    """Return where the face is in any frame, with some room around it."""
    landmarks = np.concatenate([points for points in track.landmarks if points is not None])
    low, high = landmarks.min(0), landmarks.max(0)
    room = _AROUND_FACE * (high - low)
    height, width = track.size
    x0, y0 = np.floor(np.maximum(low - room, 0)).astype(int).tolist()
    x1, y1 = np.ceil(np.minimum(high + room, (width, height))).astype(int).tolist()
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


def _row(rung: SweepItem, moments: Sequence[int], seconds: float, box: Box) -> Row:
    frames = frames_at(rung.video, moments, seconds)
    shown = {place: frame[box.slices] for place, frame in frames.items()}
    quality = rung.report.quality
    remark = "not measured" if quality is None else in_words(quality)
    return frame_row(f"Multiplier {rung.multiplier:g}", remark, shown, rung.report.fps)


def in_words(quality: QualityReport) -> str:
    """Return what was measured on a video, in one line for people."""
    said = [
        f"steps: median {quality.median_step_levels:.2f}, "
        f"from last frame to first {quality.loop_step_levels:.2f}",
    ]
    if quality.jitter_result_per_mille is not None:
        of_driving = quality.jitter_driving_per_mille
        beside = "" if of_driving is None else f" (driving clip {of_driving:.2f} ‰)"
        said.append(f"tremble {quality.jitter_result_per_mille:.2f} ‰{beside}")
    if quality.lip_ratio_at_rest is not None:
        said.append(f"lips at rest open {100 * quality.lip_ratio_at_rest:.0f} % of their width")
    if quality.ring_delta_e is not None:
        said.append(f"colour at the border off by ΔE {quality.ring_delta_e:.1f}")
    return " · ".join(said)
