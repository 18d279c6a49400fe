"""A coarse grid of nodes over what can move of a portrait. Knows places, not what moves."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.points import Array, HeadAxes
from liveportrait_core.report import Box

Field = NDArray[np.float32]

NODES_PER_EYE_DISTANCE = 16
HALF_EXTENT = (3.6, 4.6)  # of the widest grid, from between the eyes, eye distances
TILTED = 0.34  # sine of a roll from which the longer half counts both ways


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Nodes `step` pixels apart, each in the middle of its cell; `box` may leave the picture."""

    box: Box
    step: int

    @staticmethod
    def around(head: HeadAxes) -> "Grid":
        """Return a grid that surely covers head, neck and shoulders."""
        step = max(2, round(head.eye_distance / NODES_PER_EYE_DISTANCE))
        is_tilted = abs(head.tilt[0, 1]) > TILTED
        extent = (max(HALF_EXTENT),) * 2 if is_tilted else HALF_EXTENT
        columns, rows = (int(np.ceil(2 * half * head.eye_distance / step)) for half in extent)
        x0 = round(float(head.middle[0]) - columns * step / 2)
        y0 = round(float(head.middle[1]) - rows * step / 2)
        return Grid(box=Box(x0=x0, y0=y0, x1=x0 + columns * step, y1=y0 + rows * step), step=step)

    def part(self, nodes: Box) -> "Grid":
        """Return the part of this grid with these nodes, counted in columns and rows."""
        x0, y0, step = self.box.x0, self.box.y0, self.step
        box = Box(
            x0=x0 + nodes.x0 * step,
            y0=y0 + nodes.y0 * step,
            x1=x0 + nodes.x1 * step,
            y1=y0 + nodes.y1 * step,
        )
        return Grid(box=box, step=step)

    @property
    def inner(self) -> Box:
        """The box without its outermost cells: fields can be interpolated everywhere in it."""
        box, step = self.box, self.step
        return Box(x0=box.x0 + step, y0=box.y0 + step, x1=box.x1 - step, y1=box.y1 - step)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return (self.box.y1 - self.box.y0) // self.step, (self.box.x1 - self.box.x0) // self.step

    @cached_property
    def nodes(self) -> Field:
        """The pixel position of every node, rows×columns×2, x first; not to be written."""
        rows, columns = self.shape
        middle = (self.step - 1) / 2
        x = self.box.x0 + middle + self.step * np.arange(columns)
        y = self.box.y0 + middle + self.step * np.arange(rows)
        return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)

    def sample(self, field: Field, places: Field) -> Field:
        """Sample a field, rows×columns×C, at pixel positions, h×w×2."""
        return sample_between(field, (places - self._first_node) / np.float32(self.step))

    def inverted(self, field: Field, places: Field, *, within_px: float, rounds: int) -> Field:
        """Return where the points seen at `places` come from: solve p + field(p) = place.

        By iteration, which converges where no slope of the field reaches 1.

        Args:
            field: rows×columns×2, pixels, x first.
            places: h×w×2, pixels.
            within_px: it ends when no point moves farther,
            rounds: or after so many.
        """
        # In units of nodes: an iteration is then one sampling and one difference.
        step = np.float32(self.step)
        moves, wanted = field / step, (places - self._first_node) / step
        come_from = wanted
        for _ in range(rounds):
            before, come_from = come_from, wanted - sample_between(moves, come_from)
            if cv2.norm(come_from, before, cv2.NORM_INF) * self.step < within_px:
                break
        return come_from * step + self._first_node

    @property
    def _first_node(self) -> Field:
        middle = (self.step - 1) / 2
        return np.array((self.box.x0 + middle, self.box.y0 + middle), np.float32)

    def per_pixel(self, field: Field, box: Box) -> Field:
        """Resample a field, rows×columns×C, at every pixel of a box within `inner`."""
        x0, y0, step = self.box.x0, self.box.y0, self.step
        top, left = (box.y0 - y0) // step - 1, (box.x0 - x0) // step - 1
        near = field[top : (box.y1 - y0 - 1) // step + 2, left : (box.x1 - x0 - 1) // step + 2]
        size = (near.shape[1] * step, near.shape[0] * step)
        fine = cv2.resize(near, size, interpolation=cv2.INTER_LINEAR)
        row, column = box.y0 - y0 - top * step, box.x0 - x0 - left * step
        part = fine[row : row + box.y1 - box.y0, column : column + box.x1 - box.x0]
        return np.asarray(part, np.float32)


def sample_between(field: Field, places: Field) -> Field:
    """Sample a field, rows×columns×C, at columns and rows, h×w×2; beyond it its border goes on."""
    sampled = cv2.remap(
        field, places, np.empty(0, np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled, np.float32)


def extent(field: Array) -> Box:
    """Return the columns and rows in which a field is not zero, and a margin of two."""
    rows, columns = np.flatnonzero(field.any(1)), np.flatnonzero(field.any(0))
    return Box(
        x0=max(int(columns[0]) - 2, 0),
        y0=max(int(rows[0]) - 2, 0),
        x1=min(int(columns[-1]) + 3, field.shape[1]),
        y1=min(int(rows[-1]) + 3, field.shape[0]),
    )


def eased(values: Array | Field, low: Array | Field | float, high: Array | Field | float) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)
