"""The border between what is animated and what stays: colours, seam, and what lies beyond it.

Knows a portrait and the box that may change in it; the ring is the band along the box's inner edge
in which one passes over into the other. Where the box ends with the picture, there is no border.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.options import Box, Frame

_RING_SHARE = 1 / 32  # of the box's side: the ramp of a crop's mask
_SEAM_PX = 2

_Slices = tuple[slice, slice]


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A part of the picture and the portrait there."""

    slices: _Slices
    portrait: Frame


class BorderMeter:
    """Given every frame once."""

    def __init__(self, portrait: Frame, box: Box) -> None:
        """Look at the border of `box` in `portrait`, H×W×3."""
        height, width = portrait.shape[:2]
        deep = max(_SEAM_PX, round(_RING_SHARE * min(box.x1 - box.x0, box.y1 - box.y0)))
        self._ring = _places(portrait, _inner_bands(box, width, height, deep))
        self._seam = _places(portrait, _inner_bands(box, width, height, _SEAM_PX))
        self._outside = _places(portrait, _outer_bands(box, width, height))
        self._ring_colour = _mean_lab([place.portrait for place in self._ring])
        self._count = width * height - (box.x1 - box.x0) * (box.y1 - box.y0)
        self.worst_delta_e: float | None = None if self._ring_colour is None else 0.0
        self.worst_seam: float | None = 0.0 if self._seam else None
        self.worst_outside_share: float | None = 0.0 if self._count else None

    def add(self, frame: Frame) -> None:
        """Compare a frame of the portrait's size with the portrait."""
        colour = _mean_lab([frame[place.slices] for place in self._ring])
        if colour is not None and self._ring_colour is not None and self.worst_delta_e is not None:
            shift = float(np.linalg.norm(colour - self._ring_colour))
            self.worst_delta_e = max(self.worst_delta_e, shift)
        if self.worst_seam is not None:
            self.worst_seam = max(self.worst_seam, _mean_difference(frame, self._seam))
        if self.worst_outside_share is not None:
            share = self._touched(frame) / self._count
            self.worst_outside_share = max(self.worst_outside_share, share)

    def _touched(self, frame: Frame) -> int:
        """How many pixels outside the box are not the portrait's."""
        return sum(
            0
            if np.array_equal(frame[place.slices], place.portrait)
            else int((frame[place.slices] != place.portrait).any(axis=2).sum())
            for place in self._outside
        )


def _places(portrait: Frame, parts: list[_Slices]) -> list[_Place]:
    return [
        _Place(slices=part, portrait=portrait[part]) for part in parts if portrait[part].size > 0
    ]


def _inner_bands(box: Box, width: int, height: int, deep: int) -> list[_Slices]:
    rows, columns = box.slices
    bands = []
    if box.y0 > 0:
        bands.append((slice(box.y0, box.y0 + deep), columns))
    if box.y1 < height:
        bands.append((slice(box.y1 - deep, box.y1), columns))
    if box.x0 > 0:
        bands.append((rows, slice(box.x0, box.x0 + deep)))
    if box.x1 < width:
        bands.append((rows, slice(box.x1 - deep, box.x1)))
    return bands


def _outer_bands(box: Box, width: int, height: int) -> list[_Slices]:
    rows, _ = box.slices
    return [
        (slice(0, box.y0), slice(0, width)),
        (slice(box.y1, height), slice(0, width)),
        (rows, slice(0, box.x0)),
        (rows, slice(box.x1, width)),
    ]


def _mean_lab(parts: list[Frame]) -> NDArray[np.float64] | None:
    """The mean colour in CIE L*a*b*: what a colour cast shifts, and noise does not."""
    if not parts:
        return None
    pixels = np.concatenate([part.reshape(-1, 3) for part in parts])
    lab = cv2.cvtColor(pixels[None].astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    return np.asarray(lab[0].mean(axis=0, dtype=np.float64))


def _mean_difference(frame: Frame, places: list[_Place]) -> float:
    """Grey levels."""
    sums = [float(cv2.norm(frame[place.slices], place.portrait, cv2.NORM_L1)) for place in places]
    return sum(sums) / sum(place.portrait.size for place in places)
