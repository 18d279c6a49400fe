"""Kinds of pictures, and of files that are none, with what becomes of each as a portrait."""

import functools
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from liveportrait_core.errors import BadInput, ImageTooLarge, ImageUnsupported
from liveportrait_core.report import RenderWarning
from tests.core.clips import moving_clip
from tests.core.heic import coded, container, grid, heic
from tests.core.media.cases import Case, Refused, Taken, cut, swapped, with_flipped
from tests.core.pictures import AS_STORED, quarters
from tests.core.profiles import grey_profile, rgb_profile

MEDIA_TYPES = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif",
    "GIF": "image/gif", "BMP": "image/bmp", "TIFF": "image/tiff", "MPO": "image/jpeg",
    "HEIC": "image/heic", "HEIF": "image/heif",
}  # fmt: skip
EXACT, NEAR, REDUCED = 1, 12, 20
THAT_DO_NOT_EXIST = (0, 9, 255, 65_535)
ALPHA = (RenderWarning.ALPHA_FLATTENED,)


@functools.cache
def encoded(kind: str, mode: str = "RGB", **how: object) -> bytes:
    """The quarters as a file."""
    image = Image.fromarray(quarters())
    if mode == "P":
        image = image.quantize(16, dither=Image.Dither.NONE)
    elif mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) << 8)
    elif mode != "RGB":
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def holding(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def saving(kind: str, mode: str = "RGB", **how: object) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(encoded(kind, mode, **how))


def taken(kind: str, tolerance: int | None, warnings: tuple[RenderWarning, ...] = ()) -> Taken:
    return Taken(size=(64, 96), kind=MEDIA_TYPES[kind], warnings=warnings, tolerance=tolerance)


def refused(says: str, error: type[BadInput] = ImageUnsupported) -> Refused:
    return Refused(error=error, says=says)


def deep(channels: int) -> Callable[[Path], object]:
    """Sixteen bits a channel; Pillow writes only grey."""
    opaque = np.full((96, 64, 1), 255, np.uint8)
    levels = np.dstack([quarters()[:, :, ::-1], opaque])[:, :, :channels]
    content = cv2.imencode(".png", levels.astype(np.uint16) << 8)[1].tobytes()
    return holding(content)


def deep_tiff(path: Path) -> None:
    content = cv2.imencode(".tiff", quarters()[:, :, ::-1].astype(np.uint16) << 8)[1]
    path.write_bytes(content.tobytes())


def layered(kind: str, **how: object) -> Callable[[Path], object]:
    """The middle of the first quarter shows through."""
    opacity = np.full((96, 64), 255, np.uint8)
    opacity[:4, :4] = 0
    image = Image.fromarray(np.dstack([quarters(), opacity]))
    return lambda path: image.save(path, kind, **how)


def moving(kind: str) -> Callable[[Path], object]:
    first, second = Image.fromarray(quarters()), Image.fromarray(255 - quarters())
    return lambda path: first.save(path, kind, save_all=True, append_images=[second], quality=95)


def turned(orientation: int, kind: str = "JPEG") -> Callable[[Path], object]:
    stored = np.ascontiguousarray(AS_STORED.get(orientation, AS_STORED[1])(quarters()))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return lambda path: Image.fromarray(stored).save(path, kind, exif=exif, quality=95)


def part(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, rows: bytes, *, interlaced: bool = False) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, int(interlaced))
    parts = part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def interlaced_png() -> bytes:
    """Seven passes (PNG, section 8.1)."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)]  # fmt: skip
    rows = b"".join(
        b"\0" + row.tobytes()
        for left, top, across, down in passes
        for row in quarters()[top::down, left::across]
    )
    return png(64, 96, rows, interlaced=True)


def of_numbers(dtype: str) -> Callable[[Path], object]:
    values = np.linspace(0, 1, 64 * 96).reshape(96, 64)
    image = Image.fromarray((values * (1 if dtype == "float32" else 2**31 - 1)).astype(dtype))
    return lambda path: image.save(path, "TIFF")


def sparse(size: int) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return make


def modes() -> Iterator[Case]:
    """Formats with the modes that each has."""
    rows: list[tuple[str, str, dict[str, object], int | None]] = [
        ("PNG", "RGB", {}, EXACT), ("PNG", "RGBA", {}, EXACT), ("PNG", "P", {}, NEAR),
        ("PNG", "L", {}, None), ("PNG", "LA", {}, None), ("PNG", "1", {}, None),
        ("PNG", "I;16", {}, None), ("JPEG", "RGB", {"quality": 95}, NEAR),
        ("JPEG", "RGB", {"quality": 95, "subsampling": "4:4:4"}, NEAR),
        ("JPEG", "RGB", {"quality": 95, "progressive": True}, NEAR),
        ("JPEG", "RGB", {"quality": 95, "keep_rgb": True}, NEAR),
        ("JPEG", "L", {}, None), ("JPEG", "CMYK", {"quality": 95}, NEAR),
        ("WEBP", "RGB", {"quality": 95}, NEAR), ("WEBP", "RGB", {"lossless": True}, EXACT),
        ("WEBP", "RGBA", {"lossless": True}, EXACT), ("AVIF", "RGB", {"quality": 95}, NEAR),
        ("AVIF", "RGB", {"quality": 95, "subsampling": "4:4:4"}, NEAR),
        ("AVIF", "RGBA", {"quality": 95}, NEAR), ("GIF", "P", {}, NEAR), ("GIF", "L", {}, None),
        ("BMP", "RGB", {}, EXACT), ("BMP", "RGBA", {}, EXACT), ("BMP", "P", {}, NEAR),
        ("BMP", "L", {}, None), ("BMP", "1", {}, None), ("TIFF", "RGB", {}, EXACT),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}, EXACT),
        ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}, EXACT),
        ("TIFF", "RGB", {"compression": "packbits"}, EXACT),
        ("TIFF", "RGB", {"compression": "jpeg", "quality": 95}, NEAR),
        ("TIFF", "RGB", {"big_tiff": True}, EXACT), ("TIFF", "RGBA", {}, EXACT),
        ("TIFF", "P", {}, NEAR), ("TIFF", "L", {}, None), ("TIFF", "LA", {}, None),
        ("TIFF", "I;16", {}, None), ("TIFF", "CMYK", {}, NEAR), ("TIFF", "LAB", {}, NEAR),
        ("TIFF", "YCbCr", {}, NEAR), ("TIFF", "1", {"compression": "group4"}, None),
    ]  # fmt: skip
    for kind, mode, how, tolerance in rows:
        name = " ".join([kind, mode, *(f"{key}={value}" for key, value in how.items())])
        yield Case(name=name, make=saving(kind, mode, **how), outcome=taken(kind, tolerance))


def others_that_are_taken() -> Iterator[Case]:
    """Depths, layers, several pictures in a file, orientations, profiles."""
    wide, grey = rgb_profile(), grey_profile(1.0)
    rows: list[tuple[str, Callable[[Path], object], Taken]] = [
        ("PNG RGB of 16 bits", deep(3), taken("PNG", EXACT)),
        ("PNG RGBA of 16 bits", deep(4), taken("PNG", EXACT)),
        ("TIFF RGB of 16 bits", deep_tiff, taken("TIFF", EXACT)),
        ("PNG interlaced", holding(interlaced_png()), taken("PNG", EXACT)),
        ("PNG that shows through", layered("PNG"), taken("PNG", EXACT, ALPHA)),
        ("WEBP that shows through", layered("WEBP", lossless=True), taken("WEBP", EXACT, ALPHA)),
        ("AVIF that shows through", layered("AVIF", quality=95), taken("AVIF", NEAR, ALPHA)),
        ("TIFF that shows through", layered("TIFF"), taken("TIFF", EXACT, ALPHA)),
        ("GIF that moves", moving("GIF"), taken("GIF", NEAR)),
        ("PNG that moves", moving("PNG"), taken("PNG", EXACT)),
        ("WEBP that moves", moving("WEBP"), taken("WEBP", NEAR)),
        ("TIFF of two pages", moving("TIFF"), taken("TIFF", EXACT)),
        ("JPEG with a second one behind", moving("MPO"), taken("MPO", NEAR)),
        ("HEIC", holding(heic(quarters())), taken("HEIC", NEAR)),
        ("HEIF", holding(container([coded(quarters())], brand=b"mif1")), taken("HEIF", NEAR)),
        ("HEIC of 10 bits", holding(container([coded(quarters(), shape="yuv444p10le")])),
         taken("HEIC", NEAR)),
        ("HEIC of tiles", holding(container(grid(quarters(), 64))), taken("HEIC", NEAR)),
        ("PNG in P3", saving("PNG", icc_profile=wide), taken("PNG", 50)),
        ("PNG of grey in a curve of its own", saving("PNG", "L", icc_profile=grey),
         taken("PNG", None)),
        ("PNG with a broken profile", saving("PNG", icc_profile=b"none"), taken("PNG", EXACT)),
        ("JPEG with broken notes", saving("JPEG", exif=b"Exif\0\0none", quality=95),
         taken("JPEG", NEAR)),
    ]  # fmt: skip
    for name, make, outcome in rows:
        yield Case(name=name, make=make, outcome=outcome)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        for orientation in (*range(1, 9), *THAT_DO_NOT_EXIST):
            yield Case(
                name=f"{kind} of orientation {orientation}", make=turned(orientation, kind),
                outcome=taken(kind, NEAR),
            )  # fmt: skip


def corrupt() -> Iterator[Case]:
    """Every format cut off, flipped, swapped, with something behind."""
    words = {"BMP": "BMP", "GIF": "GIF"}
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"):
        data = encoded(kind, "P" if kind in words else "RGB")
        for share in (0.05, 0.5, 0.9):
            yield Case(
                name=f"{kind} cut off at {share:.0%}", make=holding(cut(data, share)),
                outcome=refused("damaged" if share > 0.05 else ""),
            )  # fmt: skip
        unknown = refused(
            "is an AVIF picture, but damaged" if kind == "AVIF" else "is no picture of a known kind"
        )
        yield Case(
            name=f"{kind} with its first byte flipped", make=holding(with_flipped(data, 0)),
            outcome=unknown,
        )  # fmt: skip
        yield Case(
            name=f"{kind} with its bytes exchanged", make=holding(swapped(data)),
            outcome=refused("is no picture of a known kind"),
        )  # fmt: skip
        yield Case(
            name=f"{kind} with rubbish behind", make=holding(data + bytes(1000)),
            outcome=taken(kind, NEAR),
        )  # fmt: skip
    pixels = encoded("PNG")
    yield Case(
        name="PNG with a pixel flipped",
        make=holding(with_flipped(pixels, pixels.index(b"IDAT") + 30)),
        outcome=refused("is damaged (a checksum does not fit)"),
    )
    yield Case(
        name="PNG with fewer rows than it says", make=holding(png(64, 96, bytes(193 * 40))),
        outcome=refused("is damaged (7720 bytes of pixels, not 18528)"),
    )  # fmt: skip


def none_at_all() -> Iterator[Case]:
    """Other files, under a picture's name."""
    rows: list[tuple[str, bytes, str]] = [
        ("nothing", b"", "is empty"),
        ("zeros", bytes(1000), "is no picture of a known kind"),
        ("a letter", b"I am a letter.\n" * 100, "is no picture of a known kind"),
        (
            "HEIC of zeros",
            b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(500),
            "is a HEIC picture, but damaged",
        ),
        ("JPEG XL", b"\xff\x0a" + bytes(100), "is a JPEG XL picture"),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), "is a JPEG 2000 picture"),
        ("Photoshop", b"8BPS\0\1" + bytes(100), "is a Photoshop picture"),
        ("SVG", b'<?xml version="1.0"?><svg xmlns="x"/>', "is a drawing (SVG)"),
        ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is a PostScript file"),
        ("PDF", b"%PDF-1.7\n" + bytes(100), "is a PDF"),
        ("ZIP", b"PK\x03\x04" + bytes(100), "is a ZIP archive"),
        ("gzip", b"\x1f\x8b\x08" + bytes(100), "is a gzip archive"),
        ("a web page", b"<!DOCTYPE html><html>404</html>", "is a web page"),
        ("MP3", b"ID3\x04" + bytes(100), "is an MP3 sound file"),
        ("WAV", b"RIFF\x24\0\0\0WAVEfmt " + bytes(100), "is a WAV sound file"),
        ("HLS", b"#EXTM3U\n#EXTINF:1\nhttp://x/\n", "is a playlist (HLS)"),
    ]
    for name, data, says in rows:
        yield Case(name=name, make=holding(data), outcome=refused(says))
    yield Case(
        name="a clip", make=lambda path: moving_clip(path, "-f", "mp4", size="64x48"),
        outcome=refused("is an MP4 or MOV file"),
    )  # fmt: skip
    yield Case(name="a folder", make=Path.mkdir, outcome=refused("is no file"))
    yield Case(name="absent", make=lambda path: None, outcome=refused("is no file"))


def beyond_limits() -> Iterator[Case]:
    """Told by their headers."""
    for name, make, says, error in (
        ("50 MB and a byte", sparse(50_000_001), "has 50.0 MB; accepted: up to 50", ImageTooLarge),
        ("10,000 pixels too many", holding(png(12_001, 10_000, b"")),
         "12001x10000 pixels; accepted: up to 120 million",
         ImageTooLarge),
        ("60000x60000", holding(png(60_000, 60_000, b"")), "accepted: up to", ImageTooLarge),
        ("a line", holding(png(70_000, 2, b"")), "accepted: up to 65535 a side", ImageTooLarge),
        ("a point", holding(png(1, 1, bytes(4))),
         "has 1x1 pixels; accepted: at least 2 a side", ImageUnsupported),
        ("TIFF of floats", of_numbers("float32"), "is a TIFF of measurements", ImageUnsupported),
        ("TIFF of 32-bit numbers", of_numbers("int32"), "is a TIFF of measurements",
         ImageUnsupported),
    ):  # fmt: skip
        yield Case(name=name, make=make, outcome=refused(says, error))


PICTURES = (
    *modes(), *others_that_are_taken(), *corrupt(), *none_at_all(), *beyond_limits(),
)  # fmt: skip
