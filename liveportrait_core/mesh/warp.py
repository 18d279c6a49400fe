"""One frame: the portrait's pixels, moved. Knows fields and one frame's figures, no clip, no time.

Order from the portrait at rest outwards: lids and lips close, the expression moves the skin, the
head turns. Drawing needs the way back, so each step is inverted by iteration: the fields are
smooth and small.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.mesh.grid import Array, Field, Grid
from liveportrait_core.mesh.portrait import MeshPortrait
from liveportrait_core.mesh.slit import Slit, draw_closed
from liveportrait_core.options import Box, Frame

INTERPOLATION = cv2.INTER_CUBIC
POSE_ITERATIONS = 5
EXPRESSION_ITERATIONS = 3
SLIT_MARGIN = 0.15  # of its support's size: how much larger a slit may be seen than it is at rest


@dataclass(frozen=True, kw_only=True)
class FrameMotion:
    """One frame of a motion as it is drawn on one portrait."""

    rotation_deg: Array  # 3, about right, down and away
    shift: Array  # 3, right and down in eye distances, log of the size
    handles: Array  # H×2, eye distances
    lids_closed: tuple[float, float]  # left and right in the picture
    lips_closed: float


def draw_frame(portrait: MeshPortrait, motion: FrameMotion) -> Frame:
    """The portrait under this motion; outside `portrait.box` it is untouched."""
    box = portrait.box
    x, y = portrait_positions(portrait, motion)
    out = portrait.picture.copy()
    out[box.slices] = cv2.remap(
        portrait.picture, x, y, INTERPOLATION, borderMode=cv2.BORDER_REFLECT_101
    )
    for slit, skin, closure in (
        (portrait.left_eye.slit, portrait.left_eye.skin, motion.lids_closed[0]),
        (portrait.right_eye.slit, portrait.right_eye.skin, motion.lids_closed[1]),
        (portrait.mouth.slit, None, motion.lips_closed),
    ):
        near = _surroundings(slit, box, x, y)
        rows, columns = near.slices
        inner = (
            slice(rows.start - box.y0, rows.stop - box.y0),
            slice(columns.start - box.x0, columns.stop - box.x0),
        )
        draw_closed(out[near.slices], portrait.picture, skin, x[inner], y[inner], slit, closure)
    return out


def portrait_positions(portrait: MeshPortrait, motion: FrameMotion) -> tuple[Field, Field]:
    """For every pixel of the box the column and row of the portrait that is seen there."""
    grid, box = portrait.head.grid, portrait.box
    nodes = grid.nodes()
    turn = portrait.head.displacement(motion.rotation_deg, motion.shift)
    pull = portrait.expression.displacement(motion.handles)
    unturned = _inverted(grid, turn, nodes, POSE_ITERATIONS)
    rest = _inverted(grid, pull, unturned, EXPRESSION_ITERATIONS)
    way = grid.per_pixel(rest - nodes, box)
    x = way[..., 0] + np.arange(box.x0, box.x1, dtype=np.float32)
    y = way[..., 1] + np.arange(box.y0, box.y1, dtype=np.float32)[:, None]
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _inverted(grid: Grid, field: Field, places: Field, iterations: int) -> Field:
    """Where the points seen at `places` come from: solve p + field(p) = place."""
    if not field.any():
        return places
    come_from = places
    for _ in range(iterations):
        come_from = places - grid.sample(field, come_from)
    return come_from


def _surroundings(slit: Slit, box: Box, x: NDArray[np.float32], y: NDArray[np.float32]) -> Box:
    """The part of the box in which the slit's support is seen."""
    support = slit.support
    row = int(np.clip(slit.centre[1], box.y0, box.y1 - 1)) - box.y0
    column = int(np.clip(slit.centre[0], box.x0, box.x1 - 1)) - box.x0
    dx = slit.centre[0] - float(x[row, column])
    dy = slit.centre[1] - float(y[row, column])
    margin = SLIT_MARGIN * (support.x1 - support.x0)
    return Box(
        x0=max(int(support.x0 + dx - margin), box.x0),
        y0=max(int(support.y0 + dy - margin), box.y0),
        x1=min(int(support.x1 + dx + margin), box.x1),
        y1=min(int(support.y1 + dy + margin), box.y1),
    )
