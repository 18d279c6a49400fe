"""A thin thing laid out straight: what is behind it, and how opaque it is. Knows no face."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from liveportrait_core.engines.mesh.front.finding import Thing
from liveportrait_core.engines.mesh.grid import Field
from liveportrait_core.engines.mesh.points import Array

STEP_PX = 0.5  # along and across
STRAIGHT = 8.0  # steps within which a thing has one direction
# Lengths in eye distances, colours in grey levels.
MARGIN, LEAST_MARGIN_PX = 0.02, 2.5  # from a thing's edge to what it surely does not hide
FADING = 0.1  # beyond its ends it goes over into the face
ALONG = 0.06  # within which it looks alike
TELLING = 20.0  # so different from what is behind it, its colour tells how opaque it is
LEAST_TELLING = 0.02  # of its shape
LEAST_TAKEN = 0.2  # less opaque, it is the face that differs: there less is taken off


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """A thing's surroundings as K places along its middle and O offsets to either side.

    places, across: K×2, x first: pixels, and the way to the right of the thing there.
    fade: K, 1 along the thing, to 0 beyond its ends.
    offsets: O pixels.
    half_px: of the thing's width.
    """

    places: Array
    across: Array
    fade: Array
    offsets: Array
    half_px: float
    along_px: float

    @staticmethod
    def of(thing: Thing, corner: tuple[int, int], unit_px: float) -> "Strip":
        """Lay a thing out in a part of the portrait that begins at a corner, x and y."""
        fading = FADING * unit_px
        places, beyond = _drawn_out(thing.places - corner, fading)
        ahead = np.gradient(gaussian_filter1d(places, STRAIGHT, axis=0), axis=0)
        ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
        half = thing.width_px / 2
        beside = half + max(MARGIN * unit_px, LEAST_MARGIN_PX)
        return Strip(
            places=places,
            across=np.stack([-ahead[:, 1], ahead[:, 0]], axis=1),
            fade=np.clip(1 - beyond / fading, 0, 1),
            offsets=np.arange(-np.ceil(beside / STEP_PX), np.ceil(beside / STEP_PX) + 1) * STEP_PX,
            half_px=half,
            along_px=ALONG * unit_px,
        )

    def taken_off(self, picture: Field) -> tuple[Field, Field]:
        """Take the thing off a picture, h×w×3.

        Returns:
            The picture without it, h×w×3, and how opaque it is, h×w. What it hid is what is on
            either side.
        """
        spots = self.places[:, None] + self.offsets[:, None] * self.across[:, None]
        x, y = np.moveaxis(spots.astype(np.float32), -1, 0)
        seen = np.asarray(
            cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )
        share = np.linspace(0, 1, len(self.offsets))[:, None]
        behind = seen[:, :1] * (1 - share) + seen[:, -1:] * share
        laid = np.dstack([behind, self._opacity(seen, behind)]).astype(np.float32)
        rows, columns, back = self._laid_back(picture.shape[:2], laid)
        bare, opacity = picture.copy(), np.zeros(picture.shape[:2], np.float32)
        weight = np.clip(back[:, 3:] / LEAST_TAKEN, 0, 1)
        bare[rows, columns] += weight * (back[:, :3] - bare[rows, columns])
        opacity[rows, columns] = back[:, 3]
        return bare, opacity

    def _opacity(self, seen: NDArray[np.floating], behind: NDArray[np.floating]) -> Array:
        """Tell how opaque the thing is, K×O: by its colour, where that tells, else by its shape.

        What is told at one place holds a little along it, so that a lash or a lid's edge that it
        crosses is not taken for a part of it.
        """
        along = self.along_px / STEP_PX
        shape = np.clip(self.half_px - np.abs(self.offsets) + 0.5, 0, 1)
        away = seen - behind
        own = (self.fade == 1)[:, None]
        sure = np.minimum((away * away).sum(-1) / TELLING**2, 4) * shape * own
        colour = gaussian_filter1d((sure[..., None] * seen).sum(1), along, axis=0)
        colour /= gaussian_filter1d(sure.sum(1), along, axis=0)[:, None] + 1e-6
        apart = colour[:, None] - behind
        size = (apart * apart).sum(-1)
        told = np.clip((away * apart).sum(-1) / np.maximum(size, 1), 0, 1)
        telling = (size / (size + TELLING**2)) ** 2
        alike = gaussian_filter1d(telling * told * own, along, axis=0) + LEAST_TELLING * shape
        alike /= gaussian_filter1d(telling * own, along, axis=0) + LEAST_TELLING
        beyond = np.minimum(alike, telling * told) * self.fade[:, None]
        return np.asarray(np.where(own, alike, beyond), np.float64)

    def _laid_back(
        self, size: tuple[int, ...], laid: Field
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Field]:
        """Return rows and columns of the pixels in the strip, and what is laid out there, N×C."""
        rows, columns = (places.ravel() for places in np.indices(size))
        pixels = np.stack([columns, rows], axis=1)
        away, nearest = cKDTree(self.places).query(
            pixels, distance_upper_bound=float(self.offsets[-1])
        )
        near = np.isfinite(away)
        rows, columns, nearest = rows[near], columns[near], nearest[near]
        offset = ((pixels[near] - self.places[nearest]) * self.across[nearest]).sum(1)
        x = ((offset - self.offsets[0]) / STEP_PX).astype(np.float32)
        read = cv2.remap(laid, x, nearest.astype(np.float32), cv2.INTER_LINEAR)
        return rows, columns, np.asarray(read, np.float32)[:, 0]


def _drawn_out(places: Array, by_px: float) -> tuple[Array, Array]:
    """Draw a line out beyond its ends, and name a place for every step.

    Returns:
        N×2 places, and how far each of them is beyond an end, N.
    """
    first, last = places[0] - places[2], places[-1] - places[-3]
    first, last = first / np.linalg.norm(first), last / np.linalg.norm(last)
    long = np.concatenate([[places[0] + by_px * first], places, [places[-1] + by_px * last]])
    run = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(long, axis=0), axis=1))])
    at = np.arange(0, run[-1], STEP_PX)
    fine = np.stack([np.interp(at, run, column) for column in long.T], axis=1)
    return fine, np.maximum(np.maximum(run[1] - at, at - run[-2]), 0)
