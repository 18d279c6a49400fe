"""Blending the animated crop into the portrait, touching only the box that can change.

Knows nothing of faces or motion: a portrait, the map from the crop to it, and crops. Outside `box`
the mask is 0 and the blend would give the portrait's own pixels back, so nothing is computed there;
inside, every operation is the one a full-frame blend would do, so the result is equal to it, not
merely close (liveportrait.md, "Paste-back").
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.networks import CROP_PX
from liveportrait_core.report import Box, Frame

_RAMP_PX = 16  # width of the mask's ramp, and radius of its corners


@dataclass(frozen=True, kw_only=True, eq=False)
class PasteBack:
    """Everything about blending that depends on the portrait alone. Make it with `prepare`."""

    portrait: Frame  # H×W×3
    crop_to_original: NDArray[np.float32]  # 3×3
    box: Box  # outside it the mask is 0
    mask: NDArray[np.float32]  # of the box, h×w×3, 0..1: the crop's weight
    _rest: NDArray[np.float32]  # of the box, h×w×3, 0..255: the portrait's share

    @classmethod
    def prepare(cls, portrait: Frame, crop_to_original: NDArray[np.float32]) -> "PasteBack":
        """Place the mask and find the box it touches.

        Args:
            portrait: H×W×3.
            crop_to_original: 3×3 map from a 512×512 crop to the portrait.

        Raises:
            ValueError: the crop lies wholly outside the portrait.
        """
        height, width = portrait.shape[:2]
        levels = _to_original(crop_mask(), crop_to_original, width, height)
        box = _touched(levels)
        weights = levels[box.slices].astype(np.float32) / np.float32(255)
        mask = np.repeat(weights[..., None], 3, axis=2)
        return cls(
            portrait=portrait,
            crop_to_original=crop_to_original,
            box=box,
            mask=mask,
            _rest=(np.float32(1) - mask) * portrait[box.slices],
        )

    def blend(self, crop: Frame) -> Frame:
        """Return a copy of the portrait with a 512×512×3 crop blended into it."""
        # Warped from the picture's own corner: shifting the map to the box's would round other
        # fractions of a pixel than the full frame does.
        warped = _to_original(crop, self.crop_to_original, self.box.x1, self.box.y1)
        blended = np.multiply(warped[self.box.y0 :, self.box.x0 :], self.mask)
        blended += self._rest
        result = self.portrait.copy()
        # The weights add up to 1: nothing leaves 0..255 by more than rounding. The cast truncates.
        result[self.box.slices] = blended.astype(np.uint8)
        return result


def crop_mask() -> NDArray[np.uint8]:
    """Return the crop's weight, 512×512 in 0..255: full inside, ramps at the rounded border.

    The top and left borders are 0, the bottom and right ones 15: distances are measured to the
    corner of the pixel, as in the original's file.
    """
    position = np.arange(CROP_PX, dtype=np.float64)
    into_ramp = np.maximum(_RAMP_PX - np.minimum(position, CROP_PX - position), 0)
    inside = _RAMP_PX - np.hypot(into_ramp[:, None], into_ramp[None, :])
    return np.floor(255 * np.clip(inside, 0, _RAMP_PX) / _RAMP_PX).astype(np.uint8)


def _to_original(
    picture: NDArray[np.uint8], crop_to_original: NDArray[np.float32], width: int, height: int
) -> NDArray[np.uint8]:
    warped = cv2.warpAffine(
        picture,
        crop_to_original[:2],
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(warped, dtype=np.uint8)


def _touched(levels: NDArray[np.uint8]) -> Box:
    rows, columns = np.flatnonzero(levels.any(axis=1)), np.flatnonzero(levels.any(axis=0))
    if rows.size == 0:
        raise ValueError("the crop lies wholly outside the portrait: nothing to paste back")
    return Box(x0=int(columns[0]), y0=int(rows[0]), x1=int(columns[-1]) + 1, y1=int(rows[-1]) + 1)
