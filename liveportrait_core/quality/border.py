"""The border between what is animated and what stays: colours, seam, and what lies beyond it.

Knows a portrait and the part of it that may change; the ring is the band along that part's inner
edge, in which one passes over into the other. Where it ends with the picture, there is no border.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.report import Box, Frame

_RING_SHARE = 1 / 32  # of the box's side: the ramp of a crop's mask
_SEAM_PX = 2
_MOST_PIXELS = 4_000  # of a ring: more tell nothing more

_Slices = tuple[slice, slice]
Mask = NDArray[np.bool_]


class _Pixels:
    """Some pixels of a picture, always the same."""

    def __init__(self, portrait: Frame, box: Box, mask: Mask) -> None:
        rows, columns = np.nonzero(mask)
        step = max(1, rows.size // _MOST_PIXELS)
        self._places = rows[::step] + box.y0, columns[::step] + box.x0
        self.count = self._places[0].size
        self.portrait = self.of(portrait)

    def of(self, frame: Frame) -> Frame:
        """Return the pixels of a frame, N×3."""
        return frame[self._places]


class BorderMeter:
    """Given every frame once. The measures are None where there is no border."""

    def __init__(self, portrait: Frame, box: Box, mask: Mask | None = None) -> None:
        """Look at the border.

        Args:
            portrait: H×W×3.
            box: outside it nothing may change.
            mask: of the box, what may change in it; None: all of it.
        """
        height, width = portrait.shape[:2]
        if mask is None:
            mask = np.ones((box.y1 - box.y0, box.x1 - box.x0), np.bool_)
        deep = max(_SEAM_PX, round(_RING_SHARE * min(mask.shape)))
        self._portrait = portrait
        self._ring = _Pixels(portrait, box, _inner_edge(mask, box, width, height, deep))
        self._ring_colour = _mean_lab(self._ring.portrait) if self._ring.count else np.zeros(3)
        self._seam = _Pixels(portrait, box, _inner_edge(mask, box, width, height, _SEAM_PX))
        self._outside = [part for part in _around(box) if portrait[part].size]
        self._count = width * height - mask.size
        self.worst_delta_e = 0.0 if self._ring.count else None
        self.worst_seam = 0.0 if self._seam.count else None
        self.worst_outside_share = 0.0 if self._count else None

    def add(self, frame: Frame) -> None:
        """Compare a frame of the portrait's size with the portrait."""
        if self.worst_delta_e is not None:
            shift = _mean_lab(self._ring.of(frame)) - self._ring_colour
            self.worst_delta_e = max(self.worst_delta_e, float(np.linalg.norm(shift)))
        if self.worst_seam is not None:
            step = cv2.absdiff(self._seam.of(frame), self._seam.portrait)
            self.worst_seam = max(self.worst_seam, float(step.mean()))
        if self.worst_outside_share is not None:
            share = self._touched(frame) / self._count
            self.worst_outside_share = max(self.worst_outside_share, share)

    def _touched(self, frame: Frame) -> int:
        """Return how many pixels outside the box are not the portrait's."""
        return sum(
            0
            if np.array_equal(frame[part], self._portrait[part])
            else int((frame[part] != self._portrait[part]).any(axis=2).sum())
            for part in self._outside
        )


def _inner_edge(mask: Mask, box: Box, width: int, height: int, deep: int) -> Mask:
    """Return the part of a mask nearer than `deep` to its edge; the picture's edge is none.

    Past the picture's end the mask is taken to go on.
    """
    inside = np.pad(mask.astype(np.uint8), 1)
    for index, is_end in (
        (np.s_[0, :], box.y0 == 0),
        (np.s_[-1, :], box.y1 == height),
        (np.s_[:, 0], box.x0 == 0),
        (np.s_[:, -1], box.x1 == width),
    ):
        if is_end:
            inside[index] = 1
    kernel = np.ones((2 * deep + 1, 2 * deep + 1), np.uint8)
    core = cv2.erode(inside, kernel)  # beyond the array counts as inside
    return np.asarray(mask & (core[1:-1, 1:-1] == 0))


def _around(box: Box) -> list[_Slices]:
    rows, _ = box.slices
    everything = slice(None)
    return [
        (slice(0, box.y0), everything),
        (slice(box.y1, None), everything),
        (rows, slice(0, box.x0)),
        (rows, slice(box.x1, None)),
    ]


def _mean_lab(pixels: Frame) -> NDArray[np.float64]:
    """Return the mean colour in CIE L*a*b*: what a colour cast shifts, and noise does not."""
    levels = pixels[None].astype(np.float32) / np.float32(255)
    lab = cv2.cvtColor(levels, cv2.COLOR_RGB2LAB)
    return np.asarray(lab[0].mean(axis=0, dtype=np.float64))
