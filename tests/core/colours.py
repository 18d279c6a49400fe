"""Colours of which portraits are made, and how far two of them are apart."""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.report import Frame

# Clothes, skin, foliage, sky, greys: what portraits are made of, and the pure primaries.
COLOURS = {
    "red": (200, 30, 40), "pure red": (255, 0, 0), "skin": (224, 172, 138),
    "dark skin": (92, 60, 46), "green": (40, 140, 60), "blue": (30, 60, 190),
    "grey": (128, 128, 128), "black": (0, 0, 0), "white": (255, 255, 255), "yellow": (240, 210, 40),
}  # fmt: skip
JUST_NOTICEABLE = 2.0


def lab(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    levels = (colour[None, None] / 255).astype(np.float32)
    return np.asarray(cv2.cvtColor(levels, cv2.COLOR_RGB2LAB)[0, 0], np.float64)


def delta_e(found: NDArray[np.float64], wanted: tuple[float, ...]) -> float:
    """CIE76: 2 is what an eye just notices with both side by side."""
    return float(np.linalg.norm(lab(found) - lab(np.array(wanted, np.float64))))


def patches(side: int = 32) -> Frame:
    """All colours as squares, five in a row."""
    picture = np.zeros((2 * side, 5 * side, 3), np.uint8)
    for place, colour in enumerate(COLOURS.values()):
        row, column = divmod(place, 5)
        picture[row * side : (row + 1) * side, column * side : (column + 1) * side] = colour
    return picture


def patch_means(
    picture: Frame | NDArray[np.float64], side: int = 32
) -> dict[str, NDArray[np.float64]]:
    """The mean of each square of `patches`, clear of its borders."""
    inner = slice(side // 4, -side // 4)
    return {
        name: picture[row * side : (row + 1) * side, column * side : (column + 1) * side][
            inner, inner
        ].mean((0, 1))
        for place, name in enumerate(COLOURS)
        for row, column in [divmod(place, 5)]
    }
