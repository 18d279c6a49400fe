"""The portrait: from a file of any common kind to upright RGB at the size of the result.

Pillow decodes because it refuses damaged files (OpenCV fills the missing part with grey), decodes
JPEG at a reduced size, and tells the type by content. Colours are brought to sRGB, as the app
shows them. Knows nothing of faces.
"""

import io
import mimetypes
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from liveportrait_core.errors import (
    EncodeFailed,
    ImageTooLarge,
    ImageUnsupported,
    InvalidOption,
)
from liveportrait_core.options import Frame, RenderWarning

MAX_BYTES = 50_000_000
MAX_PIXELS = 120_000_000
# What is no still picture for a portrait (vector graphics, printers' languages) is not even tried.
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_ACCEPTED = "accepted: JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF"
_WRITTEN = ".png, .jpg, .webp"
_ORIENTATION_TAG = 0x0112
_POSTER_QUALITY = 92
_SIXTEEN_BIT_GREY = ("I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A decoded portrait."""

    pixels: Frame  # upright, even sides
    media_type: str  # by content, not by name
    warnings: tuple[RenderWarning, ...]


def fitted_size(
    width_px: int, height_px: int, max_dim_px: int, *, multiple_px: int = 2
) -> tuple[int, int]:
    """Give the size of the result for a portrait of this size: (width, height).

    Never enlarged. Sides that are no multiples of `multiple_px` lose pixels, at the right or below;
    a picture smaller than that keeps its size.
    """
    width, height = scaled_size(width_px, height_px, max_dim_px)
    cut_width, cut_height = width - width % multiple_px, height - height % multiple_px
    return (cut_width, cut_height) if cut_width and cut_height else (width, height)


def scaled_size(width_px: int, height_px: int, max_dim_px: int) -> tuple[int, int]:
    """Give the size before sides are cut: (width, height)."""
    longest = max(width_px, height_px)
    if longest <= max_dim_px:
        return width_px, height_px
    # First the quotient, then the product, then truncation: the order decides rare sizes.
    ratio = max_dim_px / longest
    if height_px > width_px:
        return max(2, int(width_px * ratio)), max_dim_px
    return max_dim_px, max(2, int(height_px * ratio))


def is_picture(path: Path) -> bool:
    """Whether a file begins like a picture that `read_portrait` may accept."""
    try:
        with _quiet_about_size(), Image.open(path, formats=_known_formats()):
            return True
    except (OSError, Image.DecompressionBombError):
        return False


def read_portrait(path: Path, *, max_dim_px: int) -> Portrait:
    """Decode a portrait.

    Args:
        path: a local file of at most 50 MB and 120 megapixels.
        max_dim_px: longest side of the result.

    Raises:
        ImageUnsupported: no picture, a damaged one, or one of an unknown kind.
        ImageTooLarge: over the limits; found before decoding.
    """
    with _opened(path.name, _read_bytes(path)) as image, _damage_reported(path.name):
        # Telephones write a JPEG with a second picture behind it, which Pillow calls MPO.
        media_type = "image/jpeg" if image.format == "MPO" else Image.MIME[image.format or ""]
        size = _upright_size(image)
        scaled = scaled_size(*size, max_dim_px)
        upright = _decoded(image, max(scaled))
    flat, is_flattened = _on_black(upright)
    if flat.size != scaled:
        flat = flat.resize(scaled, Image.Resampling.LANCZOS, reducing_gap=3.0)
    width, height = fitted_size(*size, max_dim_px)
    named, _ = mimetypes.guess_type(path.name)
    found = {
        RenderWarning.IMAGE_DOWNSCALED: scaled != size,
        RenderWarning.ALPHA_FLATTENED: is_flattened,
        RenderWarning.MIME_MISMATCH: named is not None and named != media_type,
    }
    return Portrait(
        pixels=np.ascontiguousarray(np.asarray(flat)[:height, :width]),
        media_type=media_type,
        warnings=tuple(warning for warning, is_so in found.items() if is_so),
    )


def jpeg_of(frame: Frame) -> bytes:
    """Encode a frame, H×W×3 RGB uint8, as the poster's JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=_POSTER_QUALITY, optimize=True)
    return buffer.getvalue()


def write_picture(frame: Frame, path: Path, *, longest_side_px: int | None = None) -> None:
    """Write a frame, H×W×3 RGB uint8, as the kind of picture its name says.

    Args:
        frame: the picture.
        path: where to; it is written over.
        longest_side_px: it is reduced to that, never enlarged; None: as it is.

    Raises:
        InvalidOption: the name says none that can be written.
        EncodeFailed: the file cannot be written.
    """
    try:
        image = Image.fromarray(frame)
        if longest_side_px is not None:
            image.thumbnail((longest_side_px, longest_side_px), Image.Resampling.LANCZOS)
        image.save(path, quality=_POSTER_QUALITY)
    except ValueError as unknown:
        raise InvalidOption(f"{path.name} is no picture's name; accepted: {_WRITTEN}") from unknown
    except OSError as error:
        raise EncodeFailed(f"{path} cannot be written: {error}") from error


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise ImageUnsupported(f"{path} is no file; {_ACCEPTED}")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ImageTooLarge(
            f"{path.name} has {size / 1e6:.1f} MB; accepted: up to {MAX_BYTES // 1_000_000} MB"
        )
    if size == 0:
        raise ImageUnsupported(f"{path.name} is empty; {_ACCEPTED}")
    return path.read_bytes()


def _opened(name: str, data: bytes) -> Image.Image:
    """Read the header only and check the limits."""
    with _quiet_about_size(), _damage_reported(name):
        image = Image.open(io.BytesIO(data), formats=_known_formats())
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageTooLarge(
            f"{name} has {width}x{height} pixels; accepted: up to {MAX_PIXELS // 1_000_000} million"
        )
    return image


@contextmanager
def _quiet_about_size() -> Iterator[None]:
    with warnings.catch_warnings():
        # Pillow warns of large pictures; ours is the limit that counts.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _known_formats() -> tuple[str, ...]:
    Image.init()  # else only the plug-ins of a few formats are known
    return _FORMATS


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) once it is turned; Pillow turns TIFF by itself."""
    is_turned = image.format != "TIFF" and image.getexif().get(_ORIENTATION_TAG, 1) >= 5
    return (image.height, image.width) if is_turned else image.size


def _decoded(image: Image.Image, longest_px: int) -> Image.Image:
    if isinstance(image, ImageFile.ImageFile):
        # JPEG alone decodes at a half, a quarter or an eighth; twice the wanted size stays sharp.
        shrink = min(1.0, 2 * longest_px / max(image.size))
        image.draft(None, (round(image.width * shrink), round(image.height * shrink)))
    return ImageOps.exif_transpose(image)


@contextmanager
def _damage_reported(name: str) -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError as unknown:
        raise ImageUnsupported(f"{name} is no picture of a known kind; {_ACCEPTED}") from unknown
    except Image.DecompressionBombError as bomb:
        raise ImageTooLarge(f"{name}: {bomb}; accepted: up to {MAX_PIXELS} pixels") from bomb
    except MemoryError:
        raise
    except Exception as damage:
        # Pillow's decoders raise whatever they stumble over: OSError, SyntaxError, RuntimeError, …
        raise ImageUnsupported(f"{name} is damaged ({damage}); {_ACCEPTED}") from damage


def _on_black(image: Image.Image) -> tuple[Image.Image, bool]:
    """Bring a picture of any mode to sRGB; what shows through shows black."""
    if image.mode in _SIXTEEN_BIT_GREY:
        # Pillow would clip to 255 instead of scaling.
        image = Image.fromarray(
            (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        )
    if not image.has_transparency_data:
        return _to_srgb(image), False
    layered = image.convert("RGBA")
    opacity = layered.getchannel("A")
    if opacity.getextrema()[0] == 255:
        return _to_srgb(layered.convert("RGB")), False
    black = Image.new("RGBA", layered.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, layered).convert("RGB"), True


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            return image.convert("RGB")  # a broken profile says nothing: viewers show it as sRGB
        if converted is not None:
            return converted
    return image.convert("RGB")
