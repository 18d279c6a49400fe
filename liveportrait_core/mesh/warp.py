"""One frame: the portrait's pixels, moved. Knows fields and one frame's figures, no clip, no time.

Order from the portrait at rest outwards: lids and lips close, the expression moves the skin, the
head turns. Drawing needs the way back, so each step is inverted by iteration: the fields are
smooth and small.
"""

from dataclasses import dataclass

import numpy as np

from liveportrait_core.mesh.grid import Field, Grid
from liveportrait_core.mesh.points import Array
from liveportrait_core.mesh.portrait import MeshPortrait
from liveportrait_core.mesh.slit import LEAST_CLOSURE, Slit, draw_closed
from liveportrait_core.options import Box, Frame

ITERATIONS = 14  # slopes are below 0.7, so the error is below 1 % of the way
SLIT_MARGIN = 0.15  # of its reach: how much larger a slit may be seen than it is at rest


@dataclass(frozen=True, kw_only=True, eq=False)
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
    grid = portrait.head.grid
    places = portrait_places(portrait, motion)
    positions = grid.per_pixel(places, box)
    out = portrait.picture.copy()
    out[box.slices] = portrait.backdrop.composed(portrait.sampler.at(positions), places, grid, box)
    for slit, skin, closure in (
        (portrait.left_eye.slit, portrait.left_eye.skin, motion.lids_closed[0]),
        (portrait.right_eye.slit, portrait.right_eye.skin, motion.lids_closed[1]),
        (portrait.mouth.slit, None, motion.lips_closed),
    ):
        if closure < LEAST_CLOSURE:
            continue
        rows, columns = _surroundings(slit, box, positions)
        near = out[box.slices][rows, columns]
        if near.size:  # an eye may lie beyond the picture's border
            near[:] = draw_closed(
                near, positions[rows, columns], slit, closure, portrait.sampler, skin
            )
    return out


def portrait_places(portrait: MeshPortrait, motion: FrameMotion) -> Field:
    """For every node the place of the portrait that is seen there, rows×columns×2, x first."""
    grid = portrait.head.grid
    nodes = grid.nodes()
    turn = portrait.head.displacement(motion.rotation_deg, motion.shift)
    pull = portrait.expression.displacement(motion.handles)
    unturned = _inverted(grid, turn, nodes)
    return _inverted(grid, pull, unturned)


def _inverted(grid: Grid, field: Field, places: Field) -> Field:
    """Where the points seen at `places` come from: solve p + field(p) = place."""
    if not field.any():
        return places
    come_from = places
    for _ in range(ITERATIONS):
        come_from = places - grid.sample(field, come_from)
    return come_from


def _surroundings(slit: Slit, box: Box, positions: Field) -> tuple[slice, slice]:
    """Rows and columns within the box in which the slit's support is seen."""
    x, y = slit.centre
    column = int(np.clip(x, box.x0, box.x1 - 1)) - box.x0
    row = int(np.clip(y, box.y0, box.y1 - 1)) - box.y0
    seen_x, seen_y = positions[row, column]
    radius = (1 + SLIT_MARGIN) * slit.reach
    left, top = 2 * x - float(seen_x) - box.x0 - radius, 2 * y - float(seen_y) - box.y0 - radius
    return (
        slice(max(int(top), 0), max(int(top + 2 * radius), 0)),
        slice(max(int(left), 0), max(int(left + 2 * radius), 0)),
    )
