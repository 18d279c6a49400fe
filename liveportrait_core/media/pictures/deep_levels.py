"""The levels of a picture as they are stored: the eight bits that Pillow gives are few for HDR.

For AVIF and PNG by OpenCV, for HEIF by libheif. Pillow has opened the file before and checked it.
"""

from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import Image

from liveportrait_core.media.pictures import heif
from liveportrait_core.media.pictures.item_boxes import ItemBoxes

# Measured at 16 bits, AVIF and HEIF without subsampling: 12, 25 and 22, with opacity 16, -, 34; and
# what is made of them.
_PNG_BYTES_A_PIXEL: Final = 20
_BYTES_A_PIXEL: Final = 26
_BYTES_A_PIXEL_WITH_OPACITY: Final = 38


Levels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class DeepLevels:
    """The levels of a picture, from 0 to `most`."""

    colours: Levels  # H×W×3, RGB
    opacity: Levels | None  # H×W
    most: int


def bytes_of_deep_levels(image: Image.Image, pixels: int) -> int:
    """Bound the bytes that `deep_levels` takes of a picture of so many pixels."""
    if image.format == "PNG":
        return pixels * _PNG_BYTES_A_PIXEL
    has_opacity = image.mode in ("RGBA", "RGBa", "LA", "La")
    return pixels * (_BYTES_A_PIXEL_WITH_OPACITY if has_opacity else _BYTES_A_PIXEL)


def deep_levels(image: Image.Image, data: bytes) -> DeepLevels:
    """Decode a PNG, AVIF or HEIF that Pillow has opened.

    Raises:
        ValueError: it is damaged, or of another size than it says.
        Exception: whatever libheif stumbles over.
    """
    levels = _by_libheif(data) if image.format == heif.FORMAT else _by_opencv(data)
    if levels is None or levels.shape[:2] != (image.height, image.width):
        raise ValueError(f"it holds no picture of {image.width}x{image.height} pixels")
    if levels.ndim == 2:
        levels = cast("Levels", np.broadcast_to(levels[..., None], (*levels.shape, 3)))
    # Views: OpenCV's order is blue, green, red.
    colours = levels[..., :3] if image.format == heif.FORMAT else levels[..., 2::-1]
    return DeepLevels(
        colours=colours,
        opacity=levels[..., 3] if levels.shape[2] == 4 else None,
        most=_most(levels, image, data),
    )


def _by_libheif(data: bytes) -> Levels:
    file = pi_heif.open_heif(data, convert_hdr_to_8bit=False)
    # A copy: the file's own array does not keep alive what it shows.
    return np.array(file)


def _by_opencv(data: bytes) -> Levels | None:
    import cv2  # every portrait would wait for it, and HDR is rare

    content = np.frombuffer(data, np.uint8)
    return cast("Levels | None", cv2.imdecode(content, cv2.IMREAD_UNCHANGED))


def _most(levels: Levels, image: Image.Image, data: bytes) -> int:
    if levels.dtype == np.uint8:
        return 255
    bits = ItemBoxes.of(data).bits_of_av1 if image.format == "AVIF" else 16
    return int(2**bits - 1)
