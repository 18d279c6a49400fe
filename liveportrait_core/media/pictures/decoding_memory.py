"""How much memory a picture takes while it is decoded, told from its header.

Pillow holds the decoded picture once, and its decoders hold more beside it: WebP, AVIF and HEIF
whole pictures of their own, a progressive JPEG all its coefficients, TIFF its largest strip. These
are upper bounds, measured with Pillow 13. Knows no limit.
"""

import math
from typing import IO, Final

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from liveportrait_core.media.pictures import heif

_ONE_BYTE: Final = ("1", "L", "P")
_SIXTEEN_BIT: Final = ("I;16", "I;16B", "I;16L")
_WEBP_BYTES: Final = 16  # two canvases, the copy handed over, the picture
_AVIF_BYTES: Final = (
    20  # planes of 16 bits with opacity, as RGBA, the copy handed over, the picture
)
_COEFFICIENT_BYTES: Final = 2
_MARKER, _START_OF_SCAN = 0xFF, 0xDA
_WHOLE_STRIP_CODECS: Final = (6, 7, 50001)  # JPEG, old and new, and WebP within TIFF
_CODEC_BYTES: Final = 8
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_LENGTH = 278, 322, 323
_BITS, _SAMPLES, _COMPRESSION, _ORIENTATION, _PHOTOMETRIC = 258, 277, 259, 274, 262
_YCBCR: Final = 6  # decoded by libtiff as RGBA


def bytes_to_decode(image: Image.Image, *, full_size: tuple[int, int]) -> int:
    """Bound the bytes that decoding takes.

    Args:
        image: opened, not yet decoded; a JPEG already told at which size it will be.
        full_size: (width, height) in the file.

    Raises:
        KeyError, TypeError or ValueError: a TIFF whose strips or tiles have no size.
    """
    pixels = full_size[0] * full_size[1]
    if image.format == "WEBP":
        return pixels * _WEBP_BYTES
    if image.format == "AVIF":
        return pixels * _AVIF_BYTES
    if image.format == heif.FORMAT:
        return heif.bytes_to_decode(image)
    held = image.width * image.height * _bytes_a_pixel(image.mode)
    if isinstance(image, JpegImageFile):
        return held + _coefficients(image, pixels)
    if isinstance(image, TiffImageFile):
        is_turned = image.getexif().get(_ORIENTATION, 1) != 1  # Pillow then makes a second one
        return held * (2 if is_turned else 1) + _largest_strip(image)
    return held


def _bytes_a_pixel(mode: str) -> int:
    if mode in _ONE_BYTE:
        return 1
    return 2 if mode in _SIXTEEN_BIT else 4


def _coefficients(image: JpegImageFile, pixels: int) -> int:
    """Return the bytes of the coefficients, all of which are kept where there are several scans."""
    if not image.layer or not _has_several_scans(image):
        return 0
    # Of each: identifier, sampling across and down, table.
    densest = max(across for _, across, _, _ in image.layer) * max(
        down for _, _, down, _ in image.layer
    )
    samples = sum(across * down for _, across, down, _ in image.layer)
    return math.ceil(pixels * samples / max(1, densest)) * _COEFFICIENT_BYTES


def _has_several_scans(image: JpegImageFile) -> bool:
    """Tell whether it is progressive, or its first scan is not seen to have all components."""
    if image.info.get("progressive") or image.fp is None:
        return True
    position = image.fp.tell()
    try:
        return _components_of_first_scan(image.fp) != len(image.layer)
    finally:
        image.fp.seek(position)


def _components_of_first_scan(file: IO[bytes]) -> int:
    """Walk over the segments before it; 0 where they do not follow each other."""
    at = 2
    while True:
        file.seek(at)
        head = file.read(5)
        if len(head) < 5 or head[0] != _MARKER:
            return 0
        if head[1] == _START_OF_SCAN:
            return head[4]
        at += 2 + int.from_bytes(head[2:4], "big")


def _largest_strip(image: TiffImageFile) -> int:
    tags = image.tag_v2
    if int(tags.get(_COMPRESSION, 1)) == 1:
        return 0  # read a row at a time
    if _TILE_WIDTH in tags:
        pixels = int(tags[_TILE_WIDTH]) * int(tags[_TILE_LENGTH])
    else:
        pixels = image.width * min(image.height, int(tags.get(_ROWS_PER_STRIP, image.height)))
    bits = int(tags.get(_SAMPLES, 1)) * max(tags.get(_BITS, (8,)))
    stored = 4 if tags.get(_PHOTOMETRIC) == _YCBCR else math.ceil(bits / 8)
    extra = _CODEC_BYTES if int(tags[_COMPRESSION]) in _WHOLE_STRIP_CODECS else 0
    return pixels * (stored + extra)
