"""Portraits of every kind arrive upright, in sRGB, even-sided, whatever they were before."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.media.origin import DigitalSource
from liveportrait_core.media.pictures.image import fitted_size, jpeg_of, read_portrait
from liveportrait_core.report import RenderWarning
from tests.core.pictures import assert_like, corners, quarters, saved

sides = st.integers(min_value=2, max_value=20_000)
max_dims = st.integers(min_value=512, max_value=2048)


@given(sides, sides, max_dims)
def test_the_size_is_even_never_larger_and_keeps_its_proportions(
    width: int, height: int, limit: int
) -> None:
    fitted = fitted_size(width, height, limit)
    assert all(side >= 2 and side % 2 == 0 for side in fitted)
    assert all(side <= original for side, original in zip(fitted, (width, height), strict=True))
    assert max(fitted) <= limit
    ratio = min(1.0, limit / max(width, height))
    wanted = (width * ratio, height * ratio)
    assert all(abs(a - b) <= 2 for a, b in zip(fitted, wanted, strict=True))


@pytest.mark.parametrize(
    ("size", "limit", "fitted"),
    [
        ((300, 400), 1600, (300, 400)),
        ((1201, 1601), 1600, (1200, 1600)),
        ((1201, 1601), 2048, (1200, 1600)),
        ((3024, 4032), 1600, (1200, 1600)),
        ((8000, 12000), 1600, (1066, 1600)),
        ((1735, 347), 1280, (1280, 254)),
        ((2000, 2000), 1600, (1600, 1600)),
        ((1601, 1601), 1601, (1600, 1600)),
    ],
)
def test_known_sizes(size: tuple[int, int], limit: int, fitted: tuple[int, int]) -> None:
    assert fitted_size(*size, limit) == fitted


@given(sides, sides, max_dims)
def test_fitting_twice_changes_nothing(width: int, height: int, limit: int) -> None:
    once = fitted_size(width, height, limit)
    assert fitted_size(*once, limit) == once


def test_what_it_is_counts_and_not_what_it_is_called(tmp_path: Path) -> None:
    path = saved(tmp_path / "portrait.jpg", quarters(), "PNG")
    portrait = read_portrait(path, max_dim_px=1600)
    assert portrait.warnings == (RenderWarning.MIME_MISMATCH,)
    assert np.array_equal(portrait.pixels, quarters())


BYTE, ASCII, RATIONAL, FLOAT = 1, 2, 5, 11


@pytest.mark.parametrize("type_of_field", [BYTE, ASCII, RATIONAL, FLOAT])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_orientation_that_is_no_number_is_ignored(
    tmp_path: Path, kind: str, type_of_field: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(saved(tmp_path / "p", quarters(), kind, exif=exif, quality=95).read_bytes())
    for order, tag in ((">", b"\x01\x12\x00\x03"), ("<", b"\x12\x01\x03\x00")):
        if (at := data.find(tag)) >= 0:
            struct.pack_into(f"{order}HH", data, at, 0x0112, type_of_field)
    if kind == "PNG":
        chunk = data.index(b"eXIf") - 4
        (length,) = struct.unpack_from(">I", data, chunk)
        struct.pack_into(
            ">I", data, chunk + 8 + length, zlib.crc32(data[chunk + 4 : chunk + 8 + length])
        )
    (tmp_path / "p").write_bytes(data)
    assert_like(read_portrait(tmp_path / "p", max_dim_px=1600).pixels, quarters())


def test_a_telephone_picture_is_upright_small_and_even(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.ascontiguousarray(np.rot90(quarters(3024, 4032)))
    path = saved(tmp_path / "IMG_1.jpg", stored, "JPEG", exif=exif, quality=80)
    portrait = read_portrait(path, max_dim_px=1600)
    assert portrait.pixels.shape == (1600, 1200, 3)
    assert portrait.warnings == (RenderWarning.IMAGE_DOWNSCALED,)
    assert_like(portrait.pixels, quarters())


def test_odd_sides_lose_one_pixel_right_and_below(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (161, 121, 3), np.uint8)
    portrait = read_portrait(saved(tmp_path / "p.png", noise, "PNG"), max_dim_px=512)
    assert np.array_equal(portrait.pixels, noise[:160, :120])
    assert portrait.warnings == ()


def test_small_is_not_enlarged(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.png", quarters(300, 400), "PNG")
    assert np.array_equal(read_portrait(path, max_dim_px=2048).pixels, quarters(300, 400))


def test_making_smaller_averages_instead_of_skipping(tmp_path: Path) -> None:
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    portrait = read_portrait(saved(tmp_path / "p.png", stripes, "PNG"), max_dim_px=512)
    middle = portrait.pixels[50:-50, 50:-50]
    assert abs(float(middle.mean()) - 127.5) < 2
    assert np.ptp(middle) < 60


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_shows_through_shows_black(tmp_path: Path, kind: str) -> None:
    layered = np.dstack([quarters(), np.full((96, 64), 255, np.uint8)])
    layered[:48, :32, 3] = 0
    layered[48:, 32:, 3] = 128
    path = saved(tmp_path / "p", Image.fromarray(layered), kind, lossless=True)
    portrait = read_portrait(path, max_dim_px=1600)
    assert portrait.warnings == (RenderWarning.ALPHA_FLATTENED,)
    expected = quarters()
    expected[:48, :32] = 0
    expected[48:, 32:] = 64
    assert_like(portrait.pixels, expected, tolerance=1)


def test_a_layer_that_hides_nothing_is_no_news(tmp_path: Path) -> None:
    opaque = np.dstack([quarters(), np.full((96, 64), 255, np.uint8)])
    path = saved(tmp_path / "p.png", Image.fromarray(opaque), "PNG")
    portrait = read_portrait(path, max_dim_px=1600)
    assert portrait.warnings == ()
    assert np.array_equal(portrait.pixels, quarters())


def test_a_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    indexed = Image.fromarray(quarters()).quantize(8)
    path = saved(tmp_path / "p.png", indexed, "PNG")
    assert_like(read_portrait(path, max_dim_px=1600).pixels, quarters(), tolerance=12)
    hole = indexed.getpixel((10, 10))
    path = saved(tmp_path / "q.png", indexed, "PNG", transparency=hole)
    portrait = read_portrait(path, max_dim_px=1600)
    assert portrait.warnings == (RenderWarning.ALPHA_FLATTENED,)
    assert corners(portrait.pixels)[0] == (0, 0, 0)


def test_grey_and_grey_with_alpha(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (96, 1))
    for name, image in (
        ("grey.png", Image.fromarray(ramp)),
        ("grey.jpg", Image.fromarray(ramp)),
        ("layered.png", Image.merge("LA", [Image.fromarray(ramp), Image.new("L", (64, 96), 255)])),
    ):
        image.save(tmp_path / name, quality=95)
        pixels = read_portrait(tmp_path / name, max_dim_px=1600).pixels
        assert np.abs(pixels.astype(int) - ramp[..., None]).max() <= 6, name


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_keep_their_high_byte(tmp_path: Path, channels: int) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (96, 1))
    deep = (
        ramp
        if channels == 1
        else np.dstack([ramp] * 3 + [np.full_like(ramp, 65535)] * (channels - 3))
    )
    cv2.imwrite(str(tmp_path / "p.png"), deep)
    pixels = read_portrait(tmp_path / "p.png", max_dim_px=1600).pixels
    assert np.abs(pixels.astype(int) - (ramp >> 8)[..., None]).max() <= 1


def test_the_poster_is_a_jpeg_of_the_frame() -> None:
    with Image.open(io.BytesIO(jpeg_of(quarters(), DigitalSource.TRAINED))) as poster:
        assert poster.format == "JPEG"
        assert_like(np.asarray(poster.convert("RGB")), quarters())
