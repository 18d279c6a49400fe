"""Large pictures are decoded within 1 GiB, or refused by what decoding would take."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveportrait_core.errors import BadInput, ImageTooLarge, ImageUnsupported
from liveportrait_core.media.pictures.image import read_portrait
from tests.core.clips import ffmpeg
from tests.core.heic import coded, container, heic

# Just within 120 megapixels.
WIDTH, HEIGHT = 10_900, 11_000
ONE_GIB_IN_MIB = 1024
GREY, COLOURS, PALETTE, GREY_WITH_OPACITY, COLOURS_WITH_OPACITY = 0, 2, 3, 4, 6


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def large_png(path: Path, pixel: bytes, depth: int, colour_type: int) -> Path:
    """Write a PNG of one colour a row at a time."""
    packer = zlib.compressobj(1)
    row = b"\0" + pixel * WIDTH
    rows = b"".join(packer.compress(row) for _ in range(HEIGHT)) + packer.flush()
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour_type, 0, 0, 0))
        + (chunk(b"PLTE", bytes(6)) if colour_type == PALETTE else b"")
        + (chunk(b"tRNS", b"\x80\x80") if colour_type == PALETTE else b"")
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )
    return path


def read_elsewhere(path: Path, max_dim_px: int = 1600) -> tuple[tuple[int, int], int]:
    """Read a picture in a process of its own: (width, height), and its peak in MiB (Linux).

    Not by `ru_maxrss`, which a process inherits from the one that started it.
    """
    program = (
        "import re, sys; from pathlib import Path;"
        "from liveportrait_core.media.pictures.image import read_portrait;"
        "shape = read_portrait(Path(sys.argv[1]), max_dim_px=int(sys.argv[2])).pixels.shape;"
        "status = Path('/proc/self/status').read_text();"
        "print(*shape, int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1]) // 1024)"
    )
    command = [sys.executable, "-c", program, str(path), str(max_dim_px)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    height, width, _, mebibytes = map(int, done.stdout.split())
    return (width, height), mebibytes


def test_a_hundred_megapixels_of_jpeg_are_read_at_a_quarter_of_their_sides(tmp_path: Path) -> None:
    ffmpeg(
        "-f", "lavfi", "-i", "color=c=0x804020:size=8000x12000", "-frames:v", "1",
        str(tmp_path / "p.jpg"),
    )  # fmt: skip
    size, mebibytes = read_elsewhere(tmp_path / "p.jpg")
    assert size == (1066, 1600)
    assert mebibytes < 240


def test_the_largest_picture_that_shows_through_stays_within_a_gibibyte(tmp_path: Path) -> None:
    path = large_png(tmp_path / "p.png", bytes([200, 100, 50, 128]), 8, COLOURS_WITH_OPACITY)
    size, mebibytes = read_elsewhere(path)
    assert size == (1584, 1600)
    assert mebibytes < ONE_GIB_IN_MIB


@pytest.mark.soak
@pytest.mark.parametrize(
    ("pixel", "depth", "colour_type"),
    [
        (bytes(3), 8, COLOURS), (bytes(6), 16, COLOURS), (bytes(8), 16, COLOURS_WITH_OPACITY),
        (bytes(1), 8, GREY), (bytes(2), 16, GREY), (bytes(2), 8, GREY_WITH_OPACITY),
        (bytes(4), 16, GREY_WITH_OPACITY), (bytes(1), 8, PALETTE),
    ],
)  # fmt: skip
def test_every_kind_of_png_stays_within_a_gibibyte(
    tmp_path: Path, pixel: bytes, depth: int, colour_type: int
) -> None:
    path = large_png(tmp_path / "p.png", pixel, depth, colour_type)
    assert read_elsewhere(path, 2048)[1] < ONE_GIB_IN_MIB


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


LARGEST: dict[str, tuple[str, tuple[int, int], Callable[[Image.Image, Path], object]]] = {
    "JPEG": ("RGB", (WIDTH, HEIGHT), lambda p, to: p.save(to, "JPEG", exif=turned())),
    "progressive JPEG": (
        "RGB", (WIDTH, HEIGHT), lambda p, to: p.save(to, "JPEG", progressive=True, subsampling=0)
    ),
    "JPEG for printers": ("CMYK", (WIDTH, HEIGHT), lambda p, to: p.save(to, "JPEG")),
    "TIFF": ("RGBA", (WIDTH, HEIGHT), lambda p, to: p.save(to, "TIFF", compression="tiff_lzw")),
    "TIFF in one strip": (
        "RGB", (WIDTH, HEIGHT),
        lambda p, to: p.save(to, "TIFF", compression="tiff_adobe_deflate", strip_size=2**30),
    ),
    "turned TIFF": (
        "RGB", (WIDTH, HEIGHT),
        lambda p, to: p.save(to, "TIFF", compression="tiff_lzw", exif=turned()),
    ),
    "WebP": ("RGBA", (7700, 7800), lambda p, to: p.save(to, "WEBP", method=0)),
    "AVIF": ("RGBA", (6900, 6900), lambda p, to: p.save(to, "AVIF", speed=10, subsampling="4:4:4")),
    "HEIC": ("RGB", (8500, 8600), lambda p, to: to.write_bytes(heic(np.asarray(p)))),
    "HEIC of 10 bits": (
        "RGB", (6700, 6800),
        lambda p, to: to.write_bytes(container([coded(np.asarray(p), shape="yuv444p10le")])),
    ),
    "GIF": ("P", (WIDTH, HEIGHT), lambda p, to: p.save(to, "GIF")),
}  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("kind", LARGEST)
def test_the_largest_of_every_kind_stays_within_a_gibibyte(tmp_path: Path, kind: str) -> None:
    mode, size, save = LARGEST[kind]
    save(Image.new(mode, size), tmp_path / "p")
    assert read_elsewhere(tmp_path / "p", 2048)[1] < ONE_GIB_IN_MIB


def wide_webp(path: Path) -> None:
    """A lossless WebP whose header says 100 megapixels (14 bits for each side, less one)."""
    Image.new("RGB", (16, 16)).save(path, "WEBP", lossless=True)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"VP8L") + 9, 9_999 | 9_999 << 14)
    path.write_bytes(data)


def wide_avif(path: Path) -> None:
    """An AVIF whose header says 100 megapixels (its box `ispe`)."""
    Image.new("RGB", (64, 64)).save(path, "AVIF")
    data = bytearray(path.read_bytes())
    at = data.index(b"ispe") + 8
    struct.pack_into(">II", data, at, 10_000, 10_000)
    path.write_bytes(data)


def progressive_for_printers(path: Path) -> None:
    """A progressive CMYK JPEG that says 120 megapixels: 2 bytes for each of four values."""
    Image.new("CMYK", (64, 64)).save(path, "JPEG", progressive=True)
    data = bytearray(path.read_bytes())
    struct.pack_into(">HH", data, data.index(b"\xff\xc2") + 5, HEIGHT, WIDTH)
    path.write_bytes(data)


def plane_by_plane(path: Path) -> None:
    """The same, not progressive: each value in a scan of its own needs as much."""
    Image.new("CMYK", (64, 64)).save(path, "JPEG")
    data = bytearray(path.read_bytes())
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, HEIGHT, WIDTH)
    scan = data.index(b"\xff\xda")
    data[scan : scan + 14] = (
        b"\xff\xda" + struct.pack(">HB", 8, 1) + data[scan + 5 : scan + 7] + (b"\0\x3f\0")
    )
    path.write_bytes(data)


def deep_strip(path: Path) -> None:
    """A TIFF of 16 bits whose only strip is the whole picture."""
    Image.new("RGB", (64, 64)).save(path, "TIFF", compression="tiff_adobe_deflate")
    data = bytearray(path.read_bytes())
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    for at in range(directory + 2, directory + 2 + 12 * entries, 12):
        (tag,) = struct.unpack_from("<H", data, at)
        if tag in (256, 257, 278):  # width, height, rows per strip
            struct.pack_into("<HIHH", data, at + 2, 3, 1, 10_900, 0)
        if tag == 258:  # bits: three values elsewhere
            struct.pack_into("<HHH", data, struct.unpack_from("<I", data, at + 8)[0], 16, 16, 16)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "make", [wide_webp, wide_avif, progressive_for_printers, plane_by_plane, deep_strip]
)
def test_what_would_take_more_is_refused_before_decoding(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "p")
    with pytest.raises(ImageTooLarge, match=r"p takes \d+ MiB to decode, .* accepted: up to 920"):
        read_portrait(tmp_path / "p", max_dim_px=1600)


@pytest.mark.parametrize(
    ("size", "error", "says"),
    [((1, 1), ImageUnsupported, "1x1 pixels; accepted: at least 2 a side"),
     ((70_000, 2), ImageTooLarge, "70000x2 pixels; accepted: up to 65535 a side")],
)  # fmt: skip
def test_a_point_and_a_line_are_no_portraits(
    tmp_path: Path, size: tuple[int, int], error: type[BadInput], says: str
) -> None:
    Image.new("RGB", size).save(tmp_path / "p.png")
    with pytest.raises(error, match=says):
        read_portrait(tmp_path / "p.png", max_dim_px=1600)
