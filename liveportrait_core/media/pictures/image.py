"""The portrait: from a file of any common kind to upright RGB at the size of the result.

Pillow decodes because it refuses damaged files (OpenCV fills the missing part with grey), decodes
JPEG at a reduced size, and tells the type by content. Colours are brought to sRGB, as the app
shows them. Knows nothing of faces.
"""

import io
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from liveportrait_core.errors import (
    EncodeFailed,
    ImageTooLarge,
    ImageUnsupported,
    InvalidOption,
)
from liveportrait_core.media.origin import DigitalSource, xmp_of
from liveportrait_core.media.output import draft_of, require_folder
from liveportrait_core.media.pictures import heif
from liveportrait_core.media.pictures.colour_space import ColourSpace
from liveportrait_core.media.pictures.colours import SrgbConversion
from liveportrait_core.media.pictures.damage.jpeg_end import digest, with_end
from liveportrait_core.media.pictures.decoding_memory import bytes_to_decode
from liveportrait_core.media.pictures.deep_levels import (
    DeepLevels,
    bytes_of_deep_levels,
    deep_levels,
)
from liveportrait_core.media.pictures.item_boxes import ItemBoxes
from liveportrait_core.media.pictures.opening import (
    ACCEPTED,
    MAX_PIXELS,
    damage_reported,
    opened_picture,
    picture_bytes,
    quiet,
)
from liveportrait_core.media.pictures.stated_colours import stated_colours
from liveportrait_core.media.pictures.tone_mapping import ToneMapping
from liveportrait_core.report import Frame, RenderWarning

MAX_DECODING_BYTES = 920 * 2**20  # with Python and what is copied: within 1 GiB
_WRITTEN = ".png, .jpg, .webp"
_ORIENTATION_TAG = 0x0112
_POSTER_QUALITY = 92
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_THEIR_SIDE: Final = tuple(_TURNS[orientation] for orientation in (5, 6, 7, 8))
_STRIP_PIXELS: Final = 2_000_000
# By Pillow's name of a format, where it has another or several. Telephones write a JPEG with a
# second picture behind it, which Pillow calls MPO.
_MEDIA_TYPES: Final = {
    "MPO": ("image/jpeg",),
    heif.FORMAT: ("image/heic", "image/heif"),
}


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A decoded portrait."""

    pixels: Frame  # upright, even sides
    warnings: tuple[RenderWarning, ...]


def fitted_size(width_px: int, height_px: int, max_dim_px: int) -> tuple[int, int]:
    """Give the size of the result for a portrait of this size: (width, height).

    Never enlarged. An odd side loses a pixel, at the right or below; a side of one pixel is kept.
    """
    width, height = scaled_size(width_px, height_px, max_dim_px)
    cut_width, cut_height = width - width % 2, height - height % 2
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


def read_portrait(path: Path, *, max_dim_px: int) -> Portrait:
    """Decode a portrait.

    Args:
        path: a local file of at most 50 MB and 120 megapixels.
        max_dim_px: longest side of the result.

    Raises:
        ImageUnsupported: no picture, a damaged one, or one of an unknown kind.
        ImageTooLarge: over the limits; found before decoding.
    """
    data, with_other_bits = picture_bytes(path), None
    if (ended := with_end(data)) is not None:
        data, with_filler = ended
        with_other_bits = _digest_of(with_filler, path, max_dim_px)
    with quiet(), damage_reported(path), opened_picture(path.name, data) as image:
        kind = image.format or ""
        media_types = _MEDIA_TYPES.get(kind) or (Image.MIME[kind],)
        stored = _Stored.of(image, data)
        size = stored.turned(image.size)
        scaled = scaled_size(*size, max_dim_px)
        picture, conversion = _decoded(image, data, max(scaled), path.name)
        if with_other_bits is not None and with_other_bits != digest(picture):
            raise ImageUnsupported(f"{path.name} is damaged (cut off); {ACCEPTED}")
        reduced, is_flattened = _reduced(picture, stored.turned(scaled), conversion)
    upright = reduced.transpose(stored.turn) if stored.turn is not None else reduced
    width, height = fitted_size(*size, max_dim_px)
    # Cameras call HEIF so, and lists of types call it AVIF.
    named, _ = (None, None) if path.suffix.lower() == ".hif" else mimetypes.guess_type(path.name)
    found = {
        RenderWarning.IMAGE_DOWNSCALED: scaled != size,
        RenderWarning.ALPHA_FLATTENED: is_flattened,
        RenderWarning.IMAGE_END_MISSING: with_other_bits is not None,
        RenderWarning.MIME_MISMATCH: named is not None and named not in media_types,
    }
    return Portrait(
        pixels=np.ascontiguousarray(np.asarray(upright)[:height, :width]),
        warnings=tuple(warning for warning, is_so in found.items() if is_so),
    )


def jpeg_of(frame: Frame, origin: DigitalSource) -> bytes:
    """Encode a frame, H×W×3 RGB uint8, as the poster's JPEG, which says its origin."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(
        buffer, "JPEG", quality=_POSTER_QUALITY, optimize=True, xmp=xmp_of(origin)
    )
    return buffer.getvalue()


def write_picture(
    frame: Frame,
    path: Path,
    *,
    origin: DigitalSource | None = None,
    longest_side_px: int | None = None,
) -> None:
    """Write a frame, H×W×3 RGB uint8, as the kind of picture its name says.

    Args:
        frame: the picture.
        path: where to; it is written over.
        origin: what the file says of itself; None: nothing, it is no work of an engine.
        longest_side_px: it is reduced to that, never enlarged; None: as it is.

    Raises:
        InvalidOption: the name says none that can be written, or its folder is not there.
        EncodeFailed: the file cannot be written.
    """
    require_folder(path)
    try:
        image = Image.fromarray(frame)
        if longest_side_px is not None:
            image.thumbnail((longest_side_px, longest_side_px), Image.Resampling.LANCZOS)
        kind = Image.registered_extensions()[path.suffix.lower()]
        # Into memory first: given a file, Pillow takes no notice of a disk that is full.
        written = io.BytesIO()
        image.save(written, kind, quality=_POSTER_QUALITY, **_stating(origin))
        with draft_of(path) as draft:
            draft.write_bytes(written.getbuffer())
    except (KeyError, ValueError) as unknown:
        raise InvalidOption(f"{path.name} is no picture's name; accepted: {_WRITTEN}") from unknown
    except OSError as error:
        raise EncodeFailed(f"{path} cannot be written: {error}") from error


def _stating(origin: DigitalSource | None) -> dict[str, Any]:
    """Give what Pillow's writers of JPEG and WebP, and that of PNG, take; others take neither."""
    if origin is None:
        return {}
    packet = xmp_of(origin)
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet.decode())
    return {"xmp": packet, "pnginfo": text}


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """How a picture lies in its file: what makes it upright, None where it is."""

    turn: Image.Transpose | None

    @classmethod
    def of(cls, image: Image.Image, data: bytes) -> Self:
        """Read the orientation; one that does not exist is ignored, as viewers do."""
        if image.format == "TIFF":  # Pillow turns it by itself
            return cls(turn=None)
        try:
            orientation = (
                heif.orientation_left(image, data)
                if image.format == heif.FORMAT
                else image.getexif().get(_ORIENTATION_TAG)
            )
        except Exception:  # Pillow raises whatever a broken block makes it stumble over
            return cls(turn=None)
        return cls(turn=_TURNS.get(orientation) if isinstance(orientation, int) else None)

    def turned(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give (width, height) upright for the one in the file, and the other way round."""
        return (size[1], size[0]) if self.turn in _ON_THEIR_SIDE else size


def _decoded(
    image: Image.Image, data: bytes, longest_px: int, name: str
) -> tuple[Image.Image, SrgbConversion]:
    """Decode a picture; HDR to sRGB, the others with how they come to sRGB."""
    stated = stated_colours(image, data)
    if stated.space is not None and stated.space.is_hdr:
        pixels = max(image.width * image.height, ItemBoxes.of(data).most_pixels)
        _require_memory(bytes_of_deep_levels(image, pixels), image, image.size, name)
        return _tone_mapped(deep_levels(image, data), stated.space), SrgbConversion()
    _decode(image, longest_px, name)
    return image, SrgbConversion.of(image, stated)


def _tone_mapped(deep: DeepLevels, space: ColourSpace) -> Image.Image:
    picture = Image.fromarray(ToneMapping(space, deep.most).applied(deep.colours))
    if deep.opacity is not None:
        opacity = deep.opacity // ((deep.most + 1) // 256)
        picture.putalpha(Image.fromarray(opacity.astype(np.uint8)))
    return picture


def _digest_of(data: bytes, path: Path, max_dim_px: int) -> bytes:
    """Decode a picture for its digest alone, at the size that `read_portrait` decodes."""
    with quiet(), damage_reported(path), opened_picture(path.name, data) as image:
        _decode(image, max(scaled_size(*image.size, max_dim_px)), path.name)
        return digest(image)


def _decode(image: Image.Image, longest_px: int, name: str) -> None:
    full_size = image.size
    if isinstance(image, ImageFile.ImageFile):
        # JPEG alone decodes at a half, a quarter or an eighth; twice the wanted size stays sharp.
        shrink = min(1.0, 2 * longest_px / max(image.size))
        image.draft(None, (round(image.width * shrink), round(image.height * shrink)))
    _require_memory(bytes_to_decode(image, full_size=full_size), image, full_size, name)
    announced = image.size
    image.load()
    if image.size != announced:  # HEIF's header may say another size than its picture's
        raise ImageUnsupported(
            f"{name} is damaged: it announces {announced[0]}x{announced[1]} pixels "
            f"and has {image.width}x{image.height}; {ACCEPTED}"
        )


def _require_memory(needed: int, image: Image.Image, size: tuple[int, int], name: str) -> None:
    if needed > MAX_DECODING_BYTES:
        raise ImageTooLarge(
            f"{name} takes {needed / 2**20:.0f} MiB to decode, as a {image.format} of "
            f"{size[0]}x{size[1]} pixels; accepted: up to {MAX_DECODING_BYTES // 2**20} "
            f"MiB, which is enough for {MAX_PIXELS // 1_000_000} megapixels as PNG or plain JPEG"
        )


def _reduced(
    image: Image.Image, size: tuple[int, int], conversion: SrgbConversion
) -> tuple[Image.Image, bool]:
    """Bring a picture to sRGB on black and to a size; and whether anything showed through.

    The decoded picture is held once: only strips of it are copied, and what is kept of them is as
    wide as the result. Reducing the width first and the height afterwards is what Pillow does too.
    """
    width, height = image.size
    narrow = Image.new("RGB", (size[0], height))
    is_flattened = False
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        flat, shows_through = conversion.flattened(strip)
        is_flattened = is_flattened or shows_through
        narrow.paste(flat.resize((size[0], flat.height), Image.Resampling.LANCZOS), (0, top))
    return narrow.resize(size, Image.Resampling.LANCZOS), is_flattened
