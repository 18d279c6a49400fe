"""The front layer: what is nearer than the face, cut out of the portrait, and laid over a frame.

It hangs on the head: it turns with it, and neither lids, lips nor skin take it along. What it hid
is made up from what is beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from liveportrait_core.engines.mesh.front.finding import Thing
from liveportrait_core.engines.mesh.front.strip import Strip
from liveportrait_core.engines.mesh.grid import Field, Grid
from liveportrait_core.report import Box, Frame

AROUND = 0.15  # of the things, eye distances


@dataclass(frozen=True, kw_only=True, eq=False)
class FrontLayer:
    """A part of the portrait that is drawn over the moved face.

    bare: H×W×3, the portrait without it.
    box: where it is.
    matte: of the box, h×w×4: what is left of the portrait where the bare one is taken off as far
        as it shows through, and how opaque it is, 0..1. Over the bare portrait at rest it gives
        the portrait itself.
    reach: rows×columns, above 0 where a node's cell holds something of it.
    """

    bare: Frame
    box: Box
    matte: Field
    reach: Field

    def over(self, frame: Frame, grid: Grid, places: Field, within: Box) -> None:
        """Draw it into a frame.

        Args:
            frame: H×W×3, written.
            grid: of the portrait.
            places: for every node what is seen there of a portrait that only turns.
            within: nothing is written outside.
        """
        part = self._seen_in(grid, places, within)
        if part is None:
            return
        spots = grid.per_pixel(places, part) - np.array([self.box.x0, self.box.y0], np.float32)
        x, y = np.moveaxis(spots, -1, 0)
        read = cv2.remap(self.matte, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_CONSTANT)
        drawn = frame[part.slices] * (1 - read[..., 3:]) + read[..., :3]
        frame[part.slices] = np.rint(np.clip(drawn, 0, 255)).astype(np.uint8)

    def _seen_in(self, grid: Grid, places: Field, within: Box) -> Box | None:
        near = (grid.sample(self.reach, places) > 0) | (self.reach > 0)
        near = cv2.dilate(near.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
        return Box(
            x0=grid.box.x0 + int(columns[0]) * grid.step,
            y0=grid.box.y0 + int(rows[0]) * grid.step,
            x1=grid.box.x0 + (int(columns[-1]) + 1) * grid.step,
            y1=grid.box.y0 + (int(rows[-1]) + 1) * grid.step,
        ).within(within)


def front_layer(
    picture: Frame, things: Sequence[Thing], unit_px: float, grid: Grid, box: Box
) -> FrontLayer | None:
    """Cut things out of a picture, H×W×3; None: there are none.

    Args:
        picture: the portrait.
        things: that are before it.
        unit_px: the eye distance.
        grid: of the portrait.
        box: outside it nothing is cut out.
    """
    part = _around(things, unit_px, box) if things else None
    if part is None:
        return None
    near, whole = picture[part.slices].astype(np.float32), picture.copy()
    bare, clear = near, np.ones(near.shape[:2], np.float32)
    for thing in things:
        bare, opacity = Strip.of(thing, (part.x0, part.y0), unit_px).taken_off(bare)
        clear *= 1 - opacity
    whole[part.slices] = np.rint(np.clip(bare, 0, 255)).astype(np.uint8)
    left = near - clear[..., None] * whole[part.slices]
    held = np.zeros(picture.shape[:2], np.float32)
    held[part.slices] = left.any(-1) | (clear < 1)
    return FrontLayer(
        bare=whole,
        box=part,
        matte=np.dstack([left, 1 - clear]).astype(np.float32),
        reach=_per_node(held, grid),
    )


def _around(things: Sequence[Thing], unit_px: float, box: Box) -> Box | None:
    """Return the part of the box that holds all the things and what is beside them."""
    places = np.concatenate([thing.places for thing in things])
    reach = int(AROUND * unit_px + max(thing.width_px for thing in things)) + 4
    (x0, y0), (x1, y1) = places.min(0).astype(int).tolist(), places.max(0).astype(int).tolist()
    return Box(x0=x0 - reach, y0=y0 - reach, x1=x1 + reach, y1=y1 + reach).within(box)


def _per_node(held: Field, grid: Grid) -> Field:
    """Return how much of every node's cell is held; cells may leave the picture."""
    box, (height, width) = grid.box, held.shape
    part = held[max(box.y0, 0) : max(box.y1, 0), max(box.x0, 0) : max(box.x1, 0)]
    padded = cv2.copyMakeBorder(
        part,
        max(-box.y0, 0), max(box.y1 - height, 0), max(-box.x0, 0), max(box.x1 - width, 0),
        cv2.BORDER_CONSTANT,
    )  # fmt: skip
    return np.asarray(
        cv2.resize(padded, grid.shape[::-1], interpolation=cv2.INTER_AREA), np.float32
    )
