"""Every way in which a picture states its colours, beside a conversion by littlecms.

Formats × descriptions; the distance is CIE76, at most what an eye just notices.
"""

import functools
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.report import Frame
from tests.core.colours import COLOURS, JUST_NOTICEABLE, delta_e, patch_means, patches
from tests.core.heic import Item, code_points, coded, container, grid, icc
from tests.core.profiles import ADOBE_RGB, BT2020, P3, SRGB, grey_profile, rgb_profile

P3_XY = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
ADOBE_XY = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SRGB_XY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)


@dataclass(frozen=True, kw_only=True)
class Stated:
    """A file, and the profile that says the same as it."""

    name: str
    content: Callable[[], bytes]
    profile: bytes | None  # None: sRGB
    mode: str = "RGB"  # what is stored, of the patches


def in_mode(mode: str) -> Image.Image:
    image = Image.fromarray(patches())
    if mode.startswith("P"):
        return image.quantize(16, dither=Image.Dither.NONE)
    image = image.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putpixel((0, 0), (0,) * len(mode))
    return image


def saved(kind: str, mode: str = "RGB", **how: Any) -> bytes:
    buffer = io.BytesIO()
    if "hole" in mode:
        how["transparency"] = bytes([255] * 15 + [0])
    if kind in ("JPEG", "AVIF"):
        how["subsampling"] = "4:4:4"
    in_mode(mode).save(buffer, kind, quality=100, lossless=True, **how)
    return buffer.getvalue()


def by_profile(kind: str, mode: str, profile: bytes, name: str) -> Stated:
    return Stated(
        name=f"{kind} {mode} with an ICC profile of {name}",
        content=lambda: saved(kind, mode, icc_profile=profile),
        profile=profile,
        mode=mode,
    )


def avif(primaries: int, transfer: int, **how: Any) -> bytes:
    data = bytearray(saved("AVIF", **how))
    struct.pack_into(">HH", data, data.index(b"nclx") + 4, primaries, transfer)
    return bytes(data)


def heif(*properties: bytes, tiled: bool = False) -> bytes:
    if tiled:
        whole, *tiles = grid(patches(), 64)
        on_tiles = [
            Item(
                kind=tile.kind,
                data=tile.data,
                properties=(*tile.properties, *properties),
                is_hidden=True,
            )
            for tile in tiles
        ]
        return container([whole, *on_tiles])
    picture = coded(patches(), shape="yuv444p")
    return container(
        [
            Item(
                kind=picture.kind,
                data=picture.data,
                properties=(*picture.properties, *properties),
            )
        ]
    )


def part(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*parts: bytes, mode: str = "RGB", **how: Any) -> bytes:
    """A PNG with more parts behind its header."""
    data = saved("PNG", mode, **how)
    return data[:33] + b"".join(parts) + data[33:]


def c_icp(primaries: int, transfer: int, *, matrix: int = 0, is_full: bool = True) -> bytes:
    return part(b"cICP", bytes([primaries, transfer, matrix, is_full]))


def g_ama(exponent: float) -> bytes:
    return part(b"gAMA", struct.pack(">I", round(exponent * 100_000)))


def c_hrm(*points: float) -> bytes:
    return part(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in points)))


WIDE, ADOBE, LARGE = rgb_profile(P3), rgb_profile(ADOBE_RGB, gamma=2.2), rgb_profile(BT2020)
SRGB_PART = part(b"sRGB", b"\0")
PROFILES = [
    *(
        by_profile(kind, mode, profile, name)
        for name, profile in (("P3", WIDE), ("Adobe RGB", ADOBE), ("BT.2020", LARGE))
        for kind, mode in (
            ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "P with a hole"),
            ("JPEG", "RGB"), ("WEBP", "RGB"), ("WEBP", "RGBA"), ("AVIF", "RGB"), ("AVIF", "RGBA"),
            ("TIFF", "RGB"), ("TIFF", "RGBA"), ("TIFF", "P"),
        )
    ),
    *(
        by_profile(kind, mode, grey_profile(1.0), "grey in proportion to light")
        for kind, mode in (("PNG", "L"), ("PNG", "LA"), ("JPEG", "L"), ("TIFF", "L"))
    ),
    Stated(name="HEIC with an ICC profile", content=lambda: heif(icc(WIDE)), profile=WIDE),
]  # fmt: skip
CODE_POINTS = [
    Stated(name="AVIF in P3", content=lambda: avif(12, 13), profile=WIDE),
    Stated(name="AVIF in BT.2020 with sRGB's curve", content=lambda: avif(9, 13), profile=LARGE),
    Stated(name="AVIF in BT.2020 with its curve", content=lambda: avif(9, 14), profile=LARGE),
    Stated(name="AVIF as films", content=lambda: avif(1, 1), profile=None),
    Stated(name="AVIF that says nothing", content=lambda: avif(2, 2), profile=None),
    Stated(name="AVIF of numbers to come", content=lambda: avif(99, 99), profile=None),
    Stated(name="AVIF with a power as its curve", content=lambda: avif(1, 4),
           profile=rgb_profile(SRGB, gamma=2.2)),
    Stated(name="AVIF with both: the profile counts",
           content=lambda: avif(9, 13, icc_profile=WIDE), profile=WIDE),
    Stated(name="HEIC in P3", content=lambda: heif(code_points(12, 13, 6)), profile=WIDE),
    Stated(name="HEIC in BT.2020", content=lambda: heif(code_points(9, 13, 6)), profile=LARGE),
    Stated(name="HEIC with both: the profile counts",
           content=lambda: heif(icc(WIDE), code_points(9, 13, 6)), profile=WIDE),
    Stated(name="HEIC whose tiles say P3",
           content=lambda: heif(code_points(12, 13, 6), tiled=True), profile=WIDE),
]  # fmt: skip
PARTS = [
    *(
        Stated(name=f"PNG {mode} with code points of P3",
               content=functools.partial(png, c_icp(12, 13), mode=mode), profile=WIDE, mode=mode)
        for mode in ("RGB", "RGBA", "P", "P with a hole", "L", "LA")
    ),
    Stated(name="PNG in BT.2020", content=lambda: png(c_icp(9, 13)), profile=LARGE),
    Stated(name="PNG with both: the code points count",
           content=lambda: png(c_icp(12, 13), icc_profile=LARGE), profile=WIDE),
    Stated(name="PNG with unknown code points and a profile",
           content=lambda: png(c_icp(99, 13), icc_profile=WIDE), profile=WIDE),
    Stated(name="PNG with code points of no RGB and a profile",
           content=lambda: png(c_icp(9, 13, matrix=9), icc_profile=WIDE), profile=WIDE),
    Stated(name="PNG by its exponent and primaries",
           content=lambda: png(g_ama(1 / 2.2), c_hrm(*ADOBE_XY)), profile=ADOBE),
    Stated(name="PNG by its primaries", content=lambda: png(c_hrm(*P3_XY)), profile=WIDE),
    Stated(name="PNG by its exponent", content=lambda: png(g_ama(1 / 1.8)),
           profile=rgb_profile(SRGB, gamma=1.8)),
    Stated(name="PNG in proportion to light", content=lambda: png(g_ama(1)),
           profile=rgb_profile(SRGB, gamma=1.0)),
    Stated(name="PNG with the usual exponent", content=lambda: png(g_ama(0.45455)), profile=None),
    Stated(name="PNG with the usual exponent and primaries",
           content=lambda: png(g_ama(0.45455), c_hrm(*SRGB_XY)), profile=None),
    Stated(name="PNG that is sRGB, whatever else it says",
           content=lambda: png(SRGB_PART, g_ama(1), c_hrm(*P3_XY)), profile=None),
    Stated(name="PNG with primaries on one line",
           content=lambda: png(c_hrm(*P3_XY[:6], *P3_XY[4:6])), profile=None),
    Stated(name="PNG with primaries of nothing", content=lambda: png(c_hrm(*(0,) * 8)),
           profile=None),
    Stated(name="PNG with primaries beyond all colours",
           content=lambda: png(c_hrm(0, 9, 9, 9, 0, 1e-5, 1e-5, 1e-5)), profile=None),
    Stated(name="PNG with an impossible exponent", content=lambda: png(g_ama(0)), profile=None),
]  # fmt: skip


def by_littlecms(stated: Stated) -> Frame:
    image = in_mode(stated.mode)
    is_grey = stated.profile is not None and stated.profile[16:20] == b"GRAY"
    image = image.convert("RGBA").convert("RGB").convert("L" if is_grey else "RGB")
    if stated.profile is None:
        return np.asarray(image)
    own = ImageCms.ImageCmsProfile(io.BytesIO(stated.profile))
    srgb = ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, own, srgb, outputMode="RGB"))


@pytest.mark.parametrize(
    "stated", [*PROFILES, *CODE_POINTS, *PARTS], ids=lambda stated: stated.name
)
def test_what_a_picture_states_of_its_colours(tmp_path: Path, stated: Stated) -> None:
    (tmp_path / "p").write_bytes(stated.content())
    found = patch_means(read_portrait(tmp_path / "p", max_dim_px=512).pixels)
    for name, wanted in patch_means(by_littlecms(stated)).items():
        assert delta_e(found[name], tuple(wanted)) <= JUST_NOTICEABLE, (name, found[name], wanted)


def test_narrow_levels_are_spread(tmp_path: Path) -> None:
    """Black at 16 and white at 235, as code points may say."""
    narrow = np.round(16 + patches() / 255 * 219).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(narrow).save(buffer, "PNG")
    data = buffer.getvalue()
    (tmp_path / "p").write_bytes(data[:33] + c_icp(1, 13, is_full=False) + data[33:])
    found = patch_means(read_portrait(tmp_path / "p", max_dim_px=512).pixels)
    for name, colour in COLOURS.items():
        assert delta_e(found[name], colour) <= JUST_NOTICEABLE, name
