"""One frame: the portrait's pixels, moved. Knows fields and one frame's figures, no clip, no time.

Order from the portrait at rest outwards: lids and lips close, the expression moves the skin, the
head turns. Drawing needs the way back, so each step is inverted by iteration: the fields are
smooth and small.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liveportrait_core.mesh.portrait import Field, MeshPortrait
from liveportrait_core.mesh.slit import Slit, draw_closed
from liveportrait_core.options import Box, Frame

Array = NDArray[np.float64]

INTERPOLATION = cv2.INTER_CUBIC
POSE_ITERATIONS = 5
EXPRESSION_ITERATIONS = 3


@dataclass(frozen=True, kw_only=True)
class FrameMotion:
    """One frame of `MeshMotion` as applied, and how far the portrait's mouth is closed, 0..1."""

    rotation_deg: Array  # 3
    shift: Array  # 3
    handles: Array  # H×2
    closure: Array  # 2
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
        (portrait.left_eye, portrait.left_lid_skin, float(motion.closure[0])),
        (portrait.right_eye, portrait.right_lid_skin, float(motion.closure[1])),
        (portrait.mouth, None, motion.lips_closed),
    ):
        near = _near(slit, portrait, x, y)
        inner = (
            slice(near.y0 - box.y0, near.y1 - box.y0),
            slice(near.x0 - box.x0, near.x1 - box.x0),
        )
        draw_closed(
            out[near.slices],
            portrait.picture,
            skin,
            x[inner],
            y[inner],
            slit,
            closure,
            INTERPOLATION,
        )
    return out


def portrait_positions(portrait: MeshPortrait, motion: FrameMotion) -> tuple[Field, Field]:
    """For every pixel of the box the column and row of the portrait that is seen there."""
    grid, box = portrait.grid, portrait.box
    nodes = grid.nodes()
    unturned = _inverted(portrait, pose_field(portrait, motion), nodes, POSE_ITERATIONS)
    rest = _inverted(portrait, expression_field(portrait, motion), unturned, EXPRESSION_ITERATIONS)
    rows, columns = grid.shape
    fine = cv2.resize(
        rest - nodes, (columns * grid.step, rows * grid.step), interpolation=cv2.INTER_LINEAR
    )[
        box.y0 - grid.box.y0 : box.y1 - grid.box.y0,
        box.x0 - grid.box.x0 : box.x1 - grid.box.x0,
    ]
    columns_px = np.arange(box.x0, box.x1, dtype=np.float32)
    rows_px = np.arange(box.y0, box.y1, dtype=np.float32)[:, None]
    return np.add(fine[..., 0], columns_px, dtype=np.float32), np.add(
        fine[..., 1], rows_px, dtype=np.float32
    )


def pose_field(portrait: MeshPortrait, motion: FrameMotion) -> Field:
    """Where the head's turn takes every node, rows×columns×2 pixels, forwards."""
    turn = Rotation.from_rotvec(motion.rotation_deg, degrees=True).as_matrix()
    matrix = (turn * np.exp(motion.shift[2]) - np.eye(3))[:2]
    moved = portrait.lever @ matrix.T.astype(np.float32)
    shift = (motion.shift[:2] * portrait.eye_distance_px).astype(np.float32)
    return np.ascontiguousarray(moved + portrait.hold[..., None] * shift)


def expression_field(portrait: MeshPortrait, motion: FrameMotion) -> Field:
    """Where the expression takes every node at rest, rows×columns×2 pixels, forwards."""
    pulls = (motion.handles @ portrait.handle_axes.T).astype(np.float32)
    return np.ascontiguousarray(portrait.expression @ pulls)


def _inverted(portrait: MeshPortrait, field: Field, places: Field, iterations: int) -> Field:
    """Where the points seen at `places` come from: solve p + field(p) = place."""
    if not field.any():
        return places
    come_from = places
    for _ in range(iterations):
        come_from = places - portrait.grid.sample(field, come_from)
    return come_from


def _near(slit: Slit, portrait: MeshPortrait, x: Field, y: Field) -> Box:
    """The part of the box in which the slit's support is seen."""
    box, support = portrait.box, slit.support
    row = int(np.clip(slit.centre[1], box.y0, box.y1 - 1)) - box.y0
    column = int(np.clip(slit.centre[0], box.x0, box.x1 - 1)) - box.x0
    dx = slit.centre[0] - float(x[row, column])
    dy = slit.centre[1] - float(y[row, column])
    margin = 0.15 * (support.x1 - support.x0)
    return Box(
        x0=max(int(support.x0 + dx - margin), box.x0),
        y0=max(int(support.y0 + dy - margin), box.y0),
        x1=min(int(support.x1 + dx + margin), box.x1),
        y1=min(int(support.y1 + dy + margin), box.y1),
    )
