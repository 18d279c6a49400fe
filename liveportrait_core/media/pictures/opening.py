"""Opening a picture file: which kinds are read, and what is refused before anything is decoded.

Pillow tells the kind by content. Where it cannot, the refusal says what the file is instead.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from liveportrait_core.errors import ImageTooLarge, ImageUnsupported
from liveportrait_core.limits import MAX_IMAGE_BYTES
from liveportrait_core.media.file_kind import Role, kind_of
from liveportrait_core.media.given_file import Requirement
from liveportrait_core.media.pictures import heif
from liveportrait_core.media.pictures.damage.jpeg_scans import repetition
from liveportrait_core.media.pictures.damage.png_damage import (
    MOST_PARTS,
    has_too_many_parts,
    png_damage,
)
from liveportrait_core.media.pictures.item_boxes import ItemBoxes

MAX_PIXELS = 120_000_000
MAX_SIDE_PX = 65_535  # of JPEG; more would be a line
MIN_SIDE_PX = 2
# What is no still picture for a portrait (vector graphics, printers' languages) is not even tried.
# AVIF comes before HEIF: a file of either may begin alike, and HEIF's reader opens both.
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", heif.FORMAT)
_JPEG_START: Final = b"\xff\xd8"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_MOVING: Final = ("GIF", "PNG", "WEBP", "AVIF")
ACCEPTED = "accepted: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF"
_GIVEN: Final = Requirement(
    accepted=ACCEPTED,
    most_bytes=MAX_IMAGE_BYTES,
    unsupported=ImageUnsupported,
    too_large=ImageTooLarge,
    roles=frozenset({Role.PICTURE}),
)
_NO_LEVELS: Final = ("F", "I")


def is_picture(path: Path) -> bool:
    """Tell whether a file begins like a still picture that `read_portrait` may accept."""
    try:
        with quiet(), Image.open(path, formats=_known_formats()) as image:
            # Telephones' JPEGs, HEICs and TIFFs may hold further pictures, which are no animation.
            return image.format not in _MOVING or not getattr(image, "is_animated", False)
    except (OSError, Image.DecompressionBombError):
        return False


def picture_bytes(path: Path) -> bytes:
    """Read a file within the limit on bytes.

    Raises:
        ImageUnsupported: no file, or an empty one.
        ImageTooLarge: over the limit.
    """
    _GIVEN.check_size(path)
    return path.read_bytes()


def opened_picture(name: str, data: bytes) -> Image.Image:
    """Read the header only and check the limits on pixels and structure.

    Raises:
        ImageUnsupported: a point, or a picture that is not of brightness, or a damaged PNG.
        ImageTooLarge: over a limit.
        Exception: whatever Pillow stumbles over; `damage_reported` translates it.
    """
    _check_structure(name, data)
    image = Image.open(io.BytesIO(data), formats=_known_formats())
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageTooLarge(
            f"{name} has {width}x{height} pixels; accepted: up to {MAX_PIXELS // 1_000_000} million"
        )
    if max(width, height) > MAX_SIDE_PX:
        raise ImageTooLarge(
            f"{name} has {width}x{height} pixels; accepted: up to {MAX_SIDE_PX} a side"
        )
    if min(width, height) < MIN_SIDE_PX:
        raise ImageUnsupported(
            f"{name} has {width}x{height} pixels; accepted: at least {MIN_SIDE_PX} a side"
        )
    _check_pixels(image, name, data)
    return image


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings."""
    with warnings.catch_warnings():
        # Pillow warns of large pictures, where ours is the limit that counts, and of broken notes
        # beside the pixels, which change nothing.
        warnings.simplefilter("ignore")
        yield


def _known_formats() -> tuple[str, ...]:
    Image.init()  # else only the plug-ins of a few formats are known
    heif.register()
    return _FORMATS


@contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """Raise ImageUnsupported or ImageTooLarge for whatever Pillow and its decoders raise."""
    name = path.name
    try:
        yield
    except UnidentifiedImageError as unknown:
        raise ImageUnsupported(f"{name} is {_what_else(path)}; {ACCEPTED}") from unknown
    except Image.DecompressionBombError as bomb:
        raise ImageTooLarge(f"{name}: {bomb}; accepted: up to {MAX_PIXELS} pixels") from bomb
    except (MemoryError, ImageTooLarge, ImageUnsupported):
        raise
    except Exception as damage:
        # Pillow's decoders raise whatever they stumble over: OSError, SyntaxError, RuntimeError, …
        raise ImageUnsupported(f"{name} is damaged ({damage}); {ACCEPTED}") from damage


def _what_else(path: Path) -> str:
    """What a file is that Pillow does not open."""
    kind = kind_of(path)
    if kind is None:
        return "no picture of a known kind"
    if kind.role is Role.PICTURE and kind.is_read:
        return f"{kind.words}, but damaged or of a kind that is not read"
    return kind.words


def _check_structure(name: str, data: bytes) -> None:
    """Refuse what would keep Pillow busy before it has seen a pixel, or for ever after."""
    if data.startswith(_JPEG_START) and (too_much := repetition(data)):
        raise ImageTooLarge(f"{name} has {too_much}")
    if data.startswith(_PNG_START) and has_too_many_parts(data):
        raise ImageTooLarge(
            f"{name} has more than {MOST_PARTS} parts; accepted: up to {MOST_PARTS}"
        )


def _check_pixels(image: Image.Image, name: str, data: bytes) -> None:
    """Refuse what Pillow would decode all the same: to black, or with a part of it wrong."""
    if image.mode in _NO_LEVELS:
        raise ImageUnsupported(
            f"{name} is a {image.format} of measurements (32 bits a channel), not of brightness; "
            "accepted: 8 or 16 bits a channel"
        )
    announced = ItemBoxes.of(data).bytes_announced if image.format == heif.FORMAT else 0
    if announced > len(data):
        raise ImageUnsupported(
            f"{name} is cut off: it announces {announced} bytes and has {len(data)}; {ACCEPTED}"
        )
    if image.format == "PNG" and (damage := png_damage(data)):
        raise ImageUnsupported(f"{name} is damaged ({damage}); {ACCEPTED}")
