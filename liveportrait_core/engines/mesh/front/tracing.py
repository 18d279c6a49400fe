"""Following thin lines through a picture, each from one place, both ways.

A line differs from what is on either side of it alike; an edge differs from one side alone. All
lines are followed at once, a step at a time, where they show most.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.grid import Field
from liveportrait_core.engines.mesh.points import Array

# Lengths in eye distances.
STEP = 0.04
MOST_LENGTH = 2.4  # each way
MOST_GAP = 0.3  # so far a line may go unseen: before an iris, a brow, lashes
SAMPLES = np.array([-1.0, 0.0, 1.0])  # where a line is compared, shares of its reach
BESIDE_PX = 1.2  # its sides begin so far beside it
TURNS = np.radians([-8.0, 0.0, 8.0])  # that one step may make
ASIDE = np.array([-0.5, 0.0, 0.5])  # by how much a step may correct the place, half widths
TURN_COST, ASIDE_COST = 0.15, 0.1  # of the contrast
LEAST_CONTRAST = 6.0  # of a line that goes on, in Lab
KEPT_CONTRAST = 0.3  # of the contrast that it began with
OWN_COLOUR = (0.6, 12.0)  # farthest from it: share of the contrast, and at least, in Lab
ADAPTS = 0.1  # how fast a line's colour may change


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One line as it was followed.

    places: K×2 pixels, `STEP` apart.
    contrasts: K, how much it differs from its sides, in Lab; 0 where it is not seen.
    """

    places: Array
    contrasts: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """A picture in which lines of one width are looked for.

    lab: h×w×3.
    unit_px: the eye distance.
    """

    lab: Field
    half_width_px: float
    unit_px: float

    def colours(self, places: NDArray[np.floating]) -> Field:
        """Read the picture at …×2 places → …×3."""
        x, y = np.moveaxis(places.reshape(len(places), -1, 2).astype(np.float32), -1, 0)
        read = cv2.remap(self.lab, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(read, np.float32).reshape(*places.shape[:-1], 3)

    def contrasts(self, places: Array, angles: Array) -> tuple[Array, Array]:
        """Return how much lines through N×2 places at N angles differ from both their sides.

        Returns:
            The contrasts, N, and the lines' colours, N×3.
        """
        along = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        across = np.stack([-along[:, 1], along[:, 0]], axis=-1)
        reach, beside = 1.5 * self.half_width_px + 1, self.half_width_px + BESIDE_PX
        offsets = beside * np.array([0.0, -1.0, -1.6, 1.0, 1.6])
        spots = (
            places[:, None, None]
            + (reach * SAMPLES)[:, None, None] * along[:, None, None]
            + offsets[:, None] * across[:, None, None]
        )
        seen = self.colours(spots)
        line, left, right = seen[:, :, 0], seen[:, :, 1:3].mean(2), seen[:, :, 3:].mean(2)
        from_left, from_right = line - left, line - right
        sizes = np.stack([_length(from_left), _length(from_right)])
        alike = (from_left * from_right).sum(-1) > 0.5 * sizes.prod(0)
        shown = np.where(alike, sizes.min(0) - 0.5 * _length(left - right), 0)
        return np.median(np.maximum(shown, 0), axis=1), np.median(line, axis=1)


def followed(look: Look, places: Array, angles: Array) -> list[Line]:
    """Follow the lines through N×2 places at N angles."""
    start, colours = look.contrasts(places, angles)
    ahead, back = (_one_way(look, places, angles + turn, start, colours) for turn in (0, np.pi))
    return [
        Line(
            places=np.concatenate([back[0][i][::-1], places[i][None], ahead[0][i]]),
            contrasts=np.concatenate([back[1][i][::-1], start[i][None], ahead[1][i]]),
        )
        for i in range(len(places))
    ]


def _one_way(
    look: Look, places: Array, angles: Array, start: Array, colours: Array
) -> tuple[list[Array], list[Array]]:
    """Return each line's places and contrasts ahead, to where it is last seen."""
    count, most = len(places), round(MOST_LENGTH / STEP)
    paths, shown = np.zeros((count, most, 2)), np.zeros((count, most))
    places, angles, colours = places.copy(), angles.copy(), colours.copy()
    gaps, size = np.zeros(count), np.array(look.lab.shape[1::-1])
    alive = np.arange(count)
    for step in range(most):
        if not len(alive):
            break
        places[alive], angles[alive], seen, hues = _stepped(
            look, places[alive], angles[alive], start[alive], colours[alive]
        )
        paths[alive, step], shown[alive, step] = places[alive], seen
        found = seen > 0
        colours[alive] += np.where(found[:, None], ADAPTS * (hues - colours[alive]), 0)
        gaps[alive] = np.where(found, 0, gaps[alive] + STEP)
        inside = ((places[alive] > 1) & (places[alive] < size - 2)).all(1)
        alive = alive[(gaps[alive] < MOST_GAP) & inside]
    lengths = [int(np.flatnonzero(row)[-1]) + 1 if row.any() else 0 for row in shown]
    return (
        [path[:length] for path, length in zip(paths, lengths, strict=True)],
        [row[:length] for row, length in zip(shown, lengths, strict=True)],
    )


def _stepped(
    look: Look, places: Array, angles: Array, start: Array, colours: Array
) -> tuple[Array, Array, Array, Array]:
    """Go one step where each line shows most; straight on where it does not show."""
    turns, aside = (grid.ravel() for grid in np.meshgrid(TURNS, ASIDE))
    ways = angles[:, None] + turns
    ahead = np.stack([np.cos(ways), np.sin(ways)], axis=-1)
    across = np.stack([-ahead[..., 1], ahead[..., 0]], axis=-1)
    tried = places[:, None] + STEP * look.unit_px * ahead
    tried += (aside * look.half_width_px)[:, None] * across
    contrasts, hues = look.contrasts(tried.reshape(-1, 2), ways.ravel())
    seen, hues = contrasts.reshape(ways.shape), hues.reshape(*ways.shape, 3)
    farthest = np.maximum(OWN_COLOUR[0] * start, OWN_COLOUR[1])[:, None]
    seen = np.where(_length(hues - colours[:, None]) < farthest, seen, 0)
    cost = 1 - TURN_COST * np.abs(turns) / TURNS.max() - ASIDE_COST * np.abs(aside)
    best, rows = (seen * cost).argmax(1), np.arange(len(places))
    found = seen[rows, best] > np.maximum(LEAST_CONTRAST, KEPT_CONTRAST * start)
    best = np.where(found, best, np.flatnonzero((turns == 0) & (aside == 0))[0])
    return (
        tried[rows, best],
        ways[rows, best],
        np.where(found, seen[rows, best], 0),
        hues[rows, best],
    )


def _length(vectors: NDArray[np.floating]) -> Array:
    return np.asarray(np.sqrt((vectors * vectors).sum(-1)), np.float64)
