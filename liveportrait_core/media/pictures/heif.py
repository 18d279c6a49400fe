"""HEIF, what telephones write as HEIC: opened by libheif, through Pillow.

Of several pictures the primary one is taken. The container's own cropping, rotation and mirroring
(`clap`, `irot`, `imir`) are applied while it is decoded. Thumbnails, depth and gain maps are not
looked at: the primary picture is what a screen without HDR shows.
"""

from typing import Final

import pi_heif
from PIL import Image, ImageFile

from liveportrait_core.media.pictures.item_boxes import ItemBoxes

FORMAT: Final = "HEIF"
# Measured with libheif 1.23, with opacity and without subsampling, tiled and turned: 12.4 and 20.5.
_BYTES_A_PIXEL: Final = 13
_DEEP_BYTES_A_PIXEL: Final = 21
_THREADS: Final = 4  # each decodes a tile


def register() -> None:
    """Let Pillow open HEIF."""
    pi_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=_THREADS
    )


def orientation_left(image: Image.Image, data: bytes) -> int | None:
    """Return EXIF's orientation where the decoder does not turn the picture; None: it is upright.

    Args:
        image: opened; pi-heif has made its notes say upright, and kept what they said.
        data: the file.
    """
    if not ItemBoxes.of(data).is_turned_by_exif:
        return None
    said = image.info.get("original_orientation")
    return said if isinstance(said, int) else None


def bytes_to_decode(image: Image.Image) -> int:
    """Bound the bytes that decoding takes: each part of it, libheif holds to what is said of it.

    Args:
        image: opened, not yet decoded.
    """
    is_deep = int(image.info.get("bit_depth", 8)) > 8
    pixels = image.width * image.height
    if isinstance(image, ImageFile.ImageFile) and image.fp is not None:
        image.fp.seek(0)
        pixels = max(pixels, ItemBoxes.of(image.fp.read()).most_pixels)
    return pixels * (_DEEP_BYTES_A_PIXEL if is_deep else _BYTES_A_PIXEL)
