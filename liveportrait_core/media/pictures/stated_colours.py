"""What a picture file states about its colours, in the order in which viewers believe it.

PNG: code points (cICP), ICC profile, sRGB, primaries and exponent (PNG, third edition, 4.3). AVIF
and HEIF: ICC profile, code points. The others: ICC profile.
"""

import struct
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image

from liveportrait_core.media.pictures import heif
from liveportrait_core.media.pictures.colour_space import (
    BT709,
    ColourSpace,
    Curve,
    Primaries,
    colour_space_of,
)
from liveportrait_core.media.pictures.damage.png_damage import png_parts
from liveportrait_core.media.pictures.item_boxes import CodePoints, ItemBoxes

_OF_ITEMS: Final = ("AVIF", heif.FORMAT)
_USUAL_EXPONENT: Final = 1 / 2.2
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = 0.25, 2.0
_NEARLY: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class StatedColours:
    """An ICC profile or a colour space; neither: nothing is stated, and it is sRGB."""

    profile: bytes | None = None
    space: ColourSpace | None = None


def stated_colours(image: Image.Image, data: bytes) -> StatedColours:
    """Read what a file states.

    Args:
        image: opened, not yet decoded.
        data: the file.
    """
    if image.format == "PNG" and (space := _png_code_points(data)):
        return StatedColours(space=space)
    if profile := image.info.get("icc_profile"):
        return StatedColours(profile=profile)
    if image.format in _OF_ITEMS and (points := ItemBoxes.of(data).code_points):
        return StatedColours(space=colour_space_of(points))
    if image.format == "PNG" and "srgb" not in image.info:
        return StatedColours(space=_png_gamma(image))
    return StatedColours()


def _png_code_points(data: bytes) -> ColourSpace | None:
    for kind, body, _ in png_parts(data):
        if kind == b"cICP" and len(body) == 4:
            primaries, transfer, matrix, is_full = struct.unpack(">BBBB", body)
            points = CodePoints(primaries=primaries, transfer=transfer, matrix=matrix)
            space = colour_space_of(points) if matrix == 0 else None
            return replace(space, is_full_range=bool(is_full)) if space else None
        if kind == b"IDAT":
            return None
    return None


def _png_gamma(image: Image.Image) -> ColourSpace | None:
    """Read primaries and exponent; impossible ones are ignored, as viewers do."""
    points, exponent = image.info.get("chromaticity"), image.info.get("gamma", _USUAL_EXPONENT)
    primaries = BT709
    if points:
        white, red, green, blue = (tuple(points[at : at + 2]) for at in (0, 2, 4, 6))
        primaries = Primaries(red=red, green=green, blue=blue, white=white)
    if not _SMALLEST_EXPONENT <= exponent <= _LARGEST_EXPONENT:
        return None
    space = ColourSpace(primaries=primaries, curve=1 / exponent)
    # Programs write this exponent for sRGB's own curve, and none at all.
    is_usual = abs(exponent - _USUAL_EXPONENT) < _NEARLY and space.has_srgb_primaries
    return replace(space, curve=Curve.SRGB) if is_usual or "gamma" not in image.info else space
