"""A picture's own colours come to sRGB, whatever holds them: a palette, grey, beside an opacity."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.report import Frame
from tests.core.pictures import assert_like, quarters, saved
from tests.core.profiles import P3, grey_profile, rgb_profile

# A transform computed by floating point, to compare with: from P3 to sRGB, both with sRGB's curve.
_SRGB = np.array([[0.4360, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7141]])


def linear(levels: Frame) -> np.ndarray:
    parts = levels / 255.0
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def from_p3(levels: Frame) -> Frame:
    """What a picture in P3 shows in sRGB; what sRGB has not is clipped."""
    parts = np.clip(linear(levels) @ np.array(P3) @ np.linalg.inv(_SRGB), 0, 1)
    curved = np.where(parts <= 0.0031308, parts * 12.92, 1.055 * parts ** (1 / 2.4) - 0.055)
    return np.round(curved * 255).astype(np.uint8)


def in_mode(mode: str) -> Image.Image:
    """The quarters as a picture of a mode; where it can, its corner shows through."""
    image = Image.fromarray(quarters())
    if mode in ("RGB", "CMYK"):
        return image.convert(mode)
    if mode.startswith("P"):
        return image.quantize(8, dither=Image.Dither.NONE)
    image = image.convert(mode)
    image.putpixel((0, 0), (0,) * len(mode))
    return image


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "P with a hole"),
        ("JPEG", "RGB"), ("WEBP", "RGB"), ("WEBP", "RGBA"), ("AVIF", "RGB"), ("AVIF", "RGBA"),
        ("TIFF", "RGB"), ("TIFF", "RGBA"), ("TIFF", "P"),
    ],
)  # fmt: skip
def test_wide_colours_are_shown_in_srgb(tmp_path: Path, kind: str, mode: str) -> None:
    hole = {"transparency": bytes([255] * 7 + [0])} if "hole" in mode else {}
    path = saved(
        tmp_path / "p", in_mode(mode), kind, icc_profile=rgb_profile(), quality=100, **hole,
        **({"lossless": True} if kind == "WEBP" else {}),
    )  # fmt: skip
    assert_like(read_portrait(path, max_dim_px=512).pixels, from_p3(quarters()), tolerance=12)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_grey_with_a_curve_of_its_own(tmp_path: Path, mode: str) -> None:
    """Stored in proportion to light, half grey is 188 in sRGB."""
    image = (
        Image.fromarray(np.full((64, 64), 128 << 8, np.uint16))
        if mode == "I;16"
        else Image.new("L", (64, 64), 128).convert(mode)
    )
    path = saved(tmp_path / "p", image, "PNG", icc_profile=grey_profile(1.0))
    assert np.abs(read_portrait(path, max_dim_px=512).pixels.astype(int) - 188).max() <= 1


def test_grey_may_have_a_profile_of_colours(tmp_path: Path) -> None:
    path = saved(tmp_path / "p", Image.new("L", (64, 64), 128), "PNG", icc_profile=rgb_profile())
    assert np.abs(read_portrait(path, max_dim_px=512).pixels.astype(int) - 128).max() <= 1


def test_opacity_is_no_colour(tmp_path: Path) -> None:
    """Half of a wide red on black is half of what sRGB shows for it."""
    layered = np.dstack([quarters(), np.full((96, 64), 128, np.uint8)])
    path = saved(tmp_path / "p", Image.fromarray(layered), "PNG", icc_profile=rgb_profile())
    half = (from_p3(quarters()) * (128 / 255)).astype(np.uint8)
    assert_like(read_portrait(path, max_dim_px=512).pixels, half, tolerance=2)


def test_one_deep_grey_may_show_through(tmp_path: Path) -> None:
    values = np.full((64, 64), 300, np.uint16)
    values[:, 32:] = 40_000
    path = saved(tmp_path / "p", Image.fromarray(values), "PNG", transparency=40_000)
    pixels = read_portrait(path, max_dim_px=512).pixels
    assert (pixels[:, :32].max(), pixels[:, 32:].max()) == (1, 0)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_a_profile_that_says_nothing_changes_nothing(tmp_path: Path, mode: str) -> None:
    """Broken, sRGB's own, or one of colours that the picture has not."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = in_mode(mode) if mode != "L" else Image.fromarray(quarters()).convert("L")
    plain = read_portrait(saved(tmp_path / "p", image, "PNG"), max_dim_px=512).pixels.astype(int)
    useless = [b"no profile at all", srgb[:200], srgb]
    if mode != "L":
        useless.append(grey_profile(1.0))
    for profile in useless:
        path = saved(tmp_path / "p", image, "PNG", icc_profile=profile)
        found = read_portrait(path, max_dim_px=512).pixels
        assert np.abs(found - plain).max() <= 1, profile[:20]


def test_a_printers_picture_ignores_a_profile_of_screens(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    in_mode("CMYK").save(buffer, "JPEG", quality=95, icc_profile=rgb_profile())
    (tmp_path / "p").write_bytes(buffer.getvalue())
    found = read_portrait(tmp_path / "p", max_dim_px=512).pixels
    assert_like(found, quarters(), tolerance=10)
