"""One frame: the portrait's pixels, moved. Knows fields and one frame's figures, no clip, no time.

Order from the portrait at rest outwards: lids and lips close, the expression moves the skin, the
head turns; what is nearer than the face only turns, and is laid over it. Drawing needs the way
back, so each step is inverted by iteration: the fields are smooth and small.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from liveportrait_core.engines.mesh.fields.slit import LEAST_CLOSURE, Slit, draw_closed
from liveportrait_core.engines.mesh.grid import Field, Grid
from liveportrait_core.engines.mesh.points import Array
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.engines.mesh.speech.lips import (
    MouthPlaces,
    SpeakingMouth,
    draw_spoken,
    lip_curves,
)
from liveportrait_core.engines.mesh.speech.shapes import SpokenFrame
from liveportrait_core.report import Box, Frame

MOST_ITERATIONS = 14  # slopes are below 0.7, so the error is below 1 % of the way
STRIP_PX = 64  # high
STILL_PX = 1 / 256  # half of what the sampler tells apart
SLIT_MARGIN = 0.15  # of its reach: how much larger a slit may be seen than it is at rest


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameMotion:
    """One frame of a motion as it is drawn on one portrait."""

    rotation_deg: Array  # 3, about right, down and away
    shift: Array  # 3, right and down in eye distances, log of the size
    control_points: Array  # H×2, eye distances
    lids_closed: Array  # 2, left and right in the picture
    lips_closed: float
    spoken: SpokenFrame | None = None  # None: the mouth is the idle's


def draw_frame(portrait: MeshPortrait, motion: FrameMotion) -> Frame:
    """Draw the portrait under this motion; outside `portrait.box` it is untouched."""
    box, grid = portrait.box, portrait.head.grid
    unturned, places = _places(portrait, motion)
    read_at = portrait.sampler.in_fine(places)
    out = portrait.face.copy()
    for strip in _moving_strips(portrait, places):
        moved = portrait.sampler.read(grid.per_pixel(read_at, strip))
        portrait.backdrop.compose(moved, strip, out[strip.slices])
    left, right = portrait.eyes
    for slit, skin, closure in (
        (left.slit, left.skin, motion.lids_closed[0]),
        (right.slit, right.skin, motion.lids_closed[1]),
        (portrait.mouth.slit, None, motion.lips_closed),
    ):
        seen = _surroundings(slit, grid, box, places)
        if closure < LEAST_CLOSURE or seen is None:
            continue
        out[seen.slices] = draw_closed(
            out[seen.slices], grid.per_pixel(places, seen), slit, closure, portrait.sampler, skin
        )
    if motion.spoken is not None:
        _speak(out, portrait, motion, motion.spoken, unturned, places)
    if portrait.front is not None:
        portrait.front.over(out, grid, unturned, box)
    if portrait.in_front is not None:
        moved, still = out[box.slices], portrait.picture[box.slices]
        out[box.slices] = cv2.blendLinear(still, moved, portrait.in_front, 1 - portrait.in_front)
    return out


def _moving_strips(portrait: MeshPortrait, places: Field) -> Iterator[Box]:
    """Yield strips of the box that hold every pixel that differs from the portrait's.

    Thin ones, so that what is worked out for one of them stays in the processor's cache.
    """
    grid, box = portrait.head.grid, portrait.box
    right, down = np.moveaxis(np.abs(places - grid.nodes), -1, 0)
    moves = (right > STILL_PX) | (down > STILL_PX)
    reach = portrait.backdrop.reach  # elsewhere the plate is the portrait
    moves &= (grid.sample(reach, places) > 0) | (reach > 0)
    near = cv2.dilate(moves.astype(np.uint8), np.ones((3, 3), np.uint8))
    rows = max(1, STRIP_PX // grid.step)
    for top in range(0, len(near), rows):
        columns = np.flatnonzero(near[top : top + rows].any(0))
        if not len(columns):
            continue
        strip = Box(
            x0=grid.box.x0 + int(columns[0]) * grid.step,
            y0=grid.box.y0 + top * grid.step,
            x1=grid.box.x0 + (int(columns[-1]) + 1) * grid.step,
            y1=grid.box.y0 + (top + rows) * grid.step,
        ).within(box)
        if strip is not None:
            yield strip


def portrait_places(portrait: MeshPortrait, motion: FrameMotion) -> Field:
    """For every node the place of the portrait that is seen there, rows×columns×2, x first."""
    return _places(portrait, motion)[1]


def _places(portrait: MeshPortrait, motion: FrameMotion) -> tuple[Field, Field]:
    """Return where every node is before the head turns, and before the expression too."""
    grid = portrait.head.grid
    turn = portrait.head.displacement(motion.rotation_deg, motion.shift)
    unturned = _inverted(grid, turn, grid.nodes)
    return unturned, _inverted(grid, _pull(portrait, motion), unturned)


def _pull(portrait: MeshPortrait, motion: FrameMotion) -> Field:
    """Return the expression's field; speech is damped by itself and leaves eyes and brows alone."""
    expression, spoken = portrait.expression, motion.spoken
    if spoken is None:
        return expression.displacement(motion.control_points)
    idle = expression.quieted(motion.control_points, 1 - spoken.share)
    return idle + expression.displacement(spoken.control_points)


def _speak(
    out: Frame,
    portrait: MeshPortrait,
    motion: FrameMotion,
    spoken: SpokenFrame,
    unturned: Field,
    places: Field,
) -> None:
    """Draw a speaking mouth into a frame that has everything else."""
    grid, expression = portrait.head.grid, portrait.expression
    seen = _surroundings(portrait.mouth.slit, grid, portrait.box, places)
    if seen is None:
        return
    mouth = SpeakingMouth(
        slit=portrait.mouth.slit,
        interior=portrait.interior,
        eye_distance_px=portrait.head.eye_distance_px,
    )
    curves = lip_curves(
        spoken,
        mouth,
        pull=_pull(portrait, motion),
        pull_of_speech=expression.displacement(spoken.control_points),
        grid=grid,
        axes=expression.axes,
    )
    parts = MouthPlaces(
        unturned=grid.per_pixel(unturned, seen), resting=grid.per_pixel(places, seen)
    )
    out[seen.slices] = draw_spoken(out[seen.slices], parts, spoken, curves, mouth, portrait.sampler)


def _inverted(grid: Grid, field: Field, places: Field) -> Field:
    """Return where the points seen at `places` come from."""
    if not field.any():
        return places
    return grid.inverted(field, places, within_px=STILL_PX, rounds=MOST_ITERATIONS)


def _surroundings(slit: Slit, grid: Grid, box: Box, places: Field) -> Box | None:
    """Return the part of the box that the slit's support touches; None: no part."""
    near = np.clip(slit.centre, (box.x0, box.y0), (box.x1 - 1, box.y1 - 1)).astype(np.float32)
    moved = near - grid.sample(places, near[None, None])[0, 0]
    radius = (1 + SLIT_MARGIN) * slit.reach
    left, top = (np.array(slit.centre) + moved - radius).astype(int).tolist()
    return Box(x0=left, y0=top, x1=left + int(2 * radius), y1=top + int(2 * radius)).within(box)
