"""Blending the animated crop into the portrait, touching only the box that can change.

Knows nothing of faces or motion: a portrait, the map from the crop to it, and crops. Outside `box`
the mask is 0 and the blend would give the portrait's own pixels back, so nothing is computed there;
inside, every operation is the one a full-frame blend would do, so the result is equal to it, not
merely close (liveportrait.md, "Paste-back").
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from liveportrait_core.engines.liveportrait.networks import CROP_PX
from liveportrait_core.report import Box, Frame

_STEPS = 32  # of a pixel, between which warpAffine knows no other place
_UNITS = 1024  # of a pixel, in which it adds up
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
        # The weights add up to 1: nothing leaves 0..255 by more than rounding. The cast truncates.
        return self.with_box(blended.astype(np.uint8))

    def with_box(self, pixels: NDArray[np.uint8]) -> Frame:
        """Return a copy of the portrait with h×w×3 pixels in the place of its box."""
        result = self.portrait.copy()
        result[self.box.slices] = pixels
        return result

    def on(self, device: torch.device) -> "BoxPasteBack":
        """Return the same blending for batches on a device."""
        return BoxPasteBack(self, device)


class BoxPasteBack:
    """`PasteBack` for batches of crops on the networks' device, to the same bits; the box alone."""

    def __init__(self, paste_back: PasteBack, device: torch.device) -> None:
        """Note for every pixel of the box which four of the crop it lies between, and how near.

        `cv2.warpAffine` does so in steps of a 32nd of a pixel, found by sums of whole numbers.
        """
        box = paste_back.box
        self._shape = box.y1 - box.y0, box.x1 - box.x0, 3
        to_crop = cv2.invertAffineTransform(paste_back.crop_to_original[:2].astype(np.float64))
        columns, rows = np.arange(box.x0, box.x1), np.arange(box.y0, box.y1)
        along = np.rint(to_crop[:, 0, None] * columns * _UNITS).astype(np.int64)
        down = np.rint((to_crop[:, 1, None] * rows + to_crop[:, 2, None]) * _UNITS).astype(np.int64)
        x, y = (down[:, :, None] + along[:, None, :] + _UNITS // _STEPS // 2) // (_UNITS // _STEPS)
        near = [np.clip(place // _STEPS + 1, 0, CROP_PX + 1) for place in (y, x)]
        far = [np.clip(place // _STEPS + 2, 0, CROP_PX + 1) for place in (y, x)]
        across, below = x % _STEPS, y % _STEPS
        taps = (
            (near[0], near[1], (_STEPS - below) * (_STEPS - across)),
            (near[0], far[1], (_STEPS - below) * across),
            (far[0], near[1], below * (_STEPS - across)),
            (far[0], far[1], below * across),
        )
        self._taps = [
            (
                torch.from_numpy((row * (CROP_PX + 2) + column).ravel()).to(device),
                torch.from_numpy(weight.ravel().astype(np.float32)[:, None]).to(device),
            )
            for row, column, weight in taps
        ]
        self._mask = torch.from_numpy(paste_back.mask).to(device)
        self._rest = torch.from_numpy(paste_back._rest).to(device)

    def __call__(self, crops: Tensor) -> Tensor:
        """Blend crops into the box: B×512×512×3 uint8 → B×h×w×3 uint8."""
        # A border of black around them, where every place outside lies.
        bordered = torch.nn.functional.pad(crops, (0, 0, 1, 1, 1, 1)).flatten(1, 2)
        # Whole numbers below 2^24: float32 has all their bits.
        levels = torch.full((), _STEPS**2 / 2, device=crops.device)
        for index, weight in self._taps:
            levels = levels + bordered[:, index].float() * weight
        warped = torch.floor(levels / _STEPS**2)
        blended = warped.reshape(-1, *self._shape) * self._mask + self._rest
        return blended.to(torch.uint8)


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
