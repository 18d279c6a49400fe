"""What the frames of a finished video show, compared with the portrait.

Everything is measured on luma at a quarter of the size (area averages), where the codec's noise
mostly cancels out and a change of the picture does not. Two passes; no list holds a whole video.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import DrivingClip, probe
from liveportrait_core.report import Box, Frame

_CELL_PX = 4
# A cell moves when it spans more grey levels over the clip than the codec's noise does.
_MOVES_ABOVE = 6.0
# Frame 0 may have closed lips where the portrait smiles: so much of the picture is left aside.
_SHARE_OF_LIPS = 0.05
_LONGEST_S = 600.0

_Cells = NDArray[np.float32]  # luma of a frame, H/4 x W/4, 0..255


@dataclass(frozen=True, kw_only=True)
class PixelFacts:
    """Measures in grey levels of 0..255, unless they say otherwise."""

    frame_count: int
    first_frame_psnr_db: float  # of frame 0 against the portrait, without the worst cells
    moving_box: Box | None  # what moves at all; None: a still video
    median_step: float  # mean difference from a frame to the next, inside the moving box
    loop_step: float  # from the last frame to the first, inside the moving box
    outside_worst: float  # of all frames, the largest mean difference to the portrait outside it


def measure_pixels(video: Path, portrait: Frame) -> PixelFacts:
    """Decode a video and measure it against the portrait, H×W×3 RGB uint8, of the same size.

    Raises:
        VideoUnsupported: it cannot be decoded.
    """
    clip = probe(video, _LONGEST_S, is_result=True)
    still = _cells(portrait)
    lowest = highest = first = None
    for cells in _all_cells(clip):
        if first is None or lowest is None or highest is None:
            first, lowest, highest = cells, cells.copy(), cells.copy()
        np.minimum(lowest, cells, out=lowest)
        np.maximum(highest, cells, out=highest)
    if first is None or lowest is None or highest is None or first.shape != still.shape:
        raise ValueError("a video is measured against a portrait of its own size")
    moving = _moving_cells(highest - lowest)
    inside = moving if moving is not None else (slice(None), slice(None))
    steps, worst, count = [], 0.0, 0
    previous = None
    for cells in _all_cells(clip):
        if previous is not None:
            steps.append(_difference(cells[inside], previous[inside]))
        worst = max(worst, _outside_difference(cells, still, moving))
        previous = cells
        count += 1
    return PixelFacts(
        frame_count=count,
        first_frame_psnr_db=_psnr_db(first, still),
        moving_box=_box_px(moving, portrait) if moving is not None else None,
        median_step=median(steps) if steps else 0.0,
        loop_step=_difference(previous[inside], first[inside]) if previous is not None else 0.0,
        outside_worst=worst,
    )


def _all_cells(clip: DrivingClip) -> Iterator[_Cells]:
    with FrameReader(clip, max_side_px=None) as reader:
        for frame in reader:
            yield _cells(frame)


def _cells(frame: Frame) -> _Cells:
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    height, width = luma.shape
    size = (max(1, width // _CELL_PX), max(1, height // _CELL_PX))
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _moving_cells(span: _Cells) -> tuple[slice, slice] | None:
    """Return rows and columns of the cells that move; single cells are noise."""
    mask = (span > _MOVES_ABOVE).astype(np.uint8)
    solid = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    if not rows.size:
        return None
    return (
        slice(max(0, int(rows[0]) - 1), int(rows[-1]) + 2),
        slice(max(0, int(columns[0]) - 1), int(columns[-1]) + 2),
    )


def _box_px(cells: tuple[slice, slice], portrait: Frame) -> Box:
    rows, columns = cells
    height, width = portrait.shape[:2]
    return Box(
        x0=columns.start * _CELL_PX,
        y0=rows.start * _CELL_PX,
        x1=min(width, columns.stop * _CELL_PX),
        y1=min(height, rows.stop * _CELL_PX),
    )


def _difference(one: _Cells, other: _Cells) -> float:
    return float(np.abs(one - other).mean())


def _outside_difference(cells: _Cells, still: _Cells, inside: tuple[slice, slice] | None) -> float:
    difference = np.abs(cells - still)
    if inside is not None:
        difference[inside] = np.nan
    outside = difference[~np.isnan(difference)]
    return float(outside.mean()) if outside.size else 0.0


def _psnr_db(one: _Cells, other: _Cells) -> float:
    squares = np.sort(np.square(one - other), axis=None)
    error = float(squares[: int(squares.size * (1 - _SHARE_OF_LIPS))].mean())
    return 99.0 if error == 0 else min(99.0, float(10 * np.log10(255**2 / error)))
