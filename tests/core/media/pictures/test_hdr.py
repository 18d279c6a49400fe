"""Portraits in PQ and HLG look as an SDR camera would have seen them, and as clips do."""

import io
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from liveportrait_core.errors import ImageTooLarge, ImageUnsupported
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.report import Frame, RenderWarning
from tests.core.clips import ffmpeg
from tests.core.colours import COLOURS, JUST_NOTICEABLE, delta_e, patch_means, patches
from tests.core.heic import Item, code_points, coded, container, rotated
from tests.core.media.pictures.picture_cases import part

Floats = NDArray[np.float64]
PQ, HLG = 16, 18
TRANSFERS = {PQ: "smpte2084", HLG: "arib-std-b67"}
WHITE_CD_M2 = 203
# From BT.709 to BT.2020 (ITU-R BT.2087), and to P3.
TO_WIDER = {
    9: [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]],
    12: [[0.8225, 0.1775, 0.0], [0.0332, 0.9668, 0.0], [0.0171, 0.0724, 0.9105]],
}
# What is brighter is compressed.
KEPT = [name for name, colour in COLOURS.items() if max(colour) <= 200]


def light_of(levels: Frame) -> Floats:
    parts = levels / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def signal_of(light: Floats, transfer: int) -> Floats:
    """Of light in cd/m²: SMPTE ST 2084, and BT.2100's HLG for a screen of 1000 cd/m²."""
    if transfer == PQ:
        power = (light / 10_000) ** (2610 / 16384)
        part_of = (3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)
        return np.asarray(part_of ** (2523 / 32), np.float64)
    scene = (light / 1_000) ** (1 / 1.2)
    with np.errstate(invalid="ignore"):
        high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def hdr_levels(light: Floats, primaries: int, transfer: int) -> NDArray[np.uint16]:
    wide = np.clip(light @ np.array(TO_WIDER[primaries]).T, 0, None)
    return np.round(np.clip(signal_of(wide, transfer), 0, 1) * 65535).astype(np.uint16)


def png(levels: NDArray[np.uint16], primaries: int, transfer: int) -> bytes:
    data = cv2.imencode(".png", levels[..., ::-1])[1].tobytes()
    return data[:33] + part(b"cICP", bytes([primaries, transfer, 0, 1])) + data[33:]


def avif(levels: NDArray[np.uint16], primaries: int, transfer: int) -> bytes:
    height, width = levels.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.avif"
        ffmpeg(
            "-f", "rawvideo", "-pixel_format", "rgb48le", "-video_size", f"{width}x{height}",
            "-i", "-", "-vf", "zscale=matrixin=gbr:matrix=bt2020nc:range=full,format=yuv444p10le",
            "-c:v", "libaom-av1", "-still-picture", "1", "-cpu-used", "8", "-crf", "1", str(path),
            feed=levels.tobytes(),
        )  # fmt: skip
        data = bytearray(path.read_bytes())
    struct.pack_into(">HH", data, data.index(b"nclx") + 4, primaries, transfer)
    return bytes(data)


def heic(levels: NDArray[np.uint16], primaries: int, transfer: int) -> bytes:
    picture = coded(levels, matrix=9, shape="yuv444p10le")
    properties = (*picture.properties, code_points(primaries, transfer, 9))
    return container([Item(kind=picture.kind, data=picture.data, properties=properties)])


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("primaries", TO_WIDER)
@pytest.mark.parametrize("write", [png, avif, heic])
def test_what_is_not_bright_looks_the_same_in_hdr(
    tmp_path: Path, write: Callable[..., bytes], primaries: int, transfer: int
) -> None:
    levels = hdr_levels(light_of(patches()) * WHITE_CD_M2, primaries, transfer)
    (tmp_path / "p").write_bytes(write(levels, primaries, transfer))
    portrait = read_portrait(tmp_path / "p", max_dim_px=512)
    assert portrait.warnings == ()
    found = patch_means(portrait.pixels)
    for name in KEPT:
        assert delta_e(found[name], COLOURS[name]) <= JUST_NOTICEABLE, (name, found[name])
    # White is compressed, to leave room for what is brighter, and stays white.
    assert 225 <= found["white"].min() <= found["white"].max() <= 240
    assert np.ptp(found["white"]) <= 2


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_picture_in_hdr_looks_as_the_same_in_a_clip(tmp_path: Path, transfer: int) -> None:
    """Colours from black to ten times as bright as white."""
    light = light_of(np.tile(patches(), (3, 1, 1)))
    light[64:128] *= 3
    light[128:] *= 10
    levels = hdr_levels(light * WHITE_CD_M2, 9, transfer)
    (tmp_path / "p").write_bytes(png(levels, 9, transfer))
    picture = read_portrait(tmp_path / "p", max_dim_px=512).pixels
    name = TRANSFERS[transfer]
    ffmpeg(
        "-f", "rawvideo", "-pixel_format", "rgb48le", "-video_size", "160x192",
        "-framerate", "30", "-i", "-", "-vf",
        f"setparams=color_primaries=bt2020:color_trc={name}:colorspace=gbr:range=pc,"
        f"zscale=matrix=bt2020nc:range=limited,format=yuv444p10le",
        "-c:v", "libx265", "-crf", "4", "-preset", "ultrafast", "-tag:v", "hvc1",
        "-x265-params", "log-level=none", str(tmp_path / "clip.mov"),
        feed=levels.tobytes() * 15,
    )  # fmt: skip
    with FrameReader(probe(tmp_path / "clip.mov", 10), max_side_px=None) as reader:
        frame = next(iter(reader))
    for at in (0, 64, 128):
        shown = patch_means(picture[at : at + 64])
        filmed = patch_means(as_srgb(frame[at : at + 64]))
        for patch, mean in filmed.items():
            assert delta_e(shown[patch], tuple(mean)) <= JUST_NOTICEABLE, (at, patch)


def test_it_may_show_through_lie_on_its_side_or_be_of_grey(tmp_path: Path) -> None:
    levels = hdr_levels(light_of(patches()) * WHITE_CD_M2, 9, HLG)
    opacity = np.full(levels.shape[:2], 65535, np.uint16)
    opacity[:32, :32] = 0
    (tmp_path / "p").write_bytes(png(np.dstack([levels[..., ::-1], opacity])[..., ::-1], 9, HLG))
    portrait = read_portrait(tmp_path / "p", max_dim_px=512)
    assert portrait.warnings == (RenderWarning.ALPHA_FLATTENED,)
    found = patch_means(portrait.pixels)
    assert np.array_equal(found["red"], (0, 0, 0))
    assert delta_e(found["grey"], COLOURS["grey"]) <= JUST_NOTICEABLE
    picture = coded(levels, matrix=9, shape="yuv444p10le")
    properties = (*picture.properties, code_points(9, HLG, 9), rotated(1))
    lying = Item(kind=picture.kind, data=picture.data, properties=properties)
    (tmp_path / "p").write_bytes(container([lying]))
    turned = read_portrait(tmp_path / "p", max_dim_px=512).pixels
    found = patch_means(np.rot90(turned, -1))
    assert delta_e(found["green"], COLOURS["green"]) <= JUST_NOTICEABLE
    buffer = io.BytesIO()
    Image.new("L", (64, 64), 120).save(buffer, "PNG")
    data = buffer.getvalue()
    (tmp_path / "p").write_bytes(data[:33] + part(b"cICP", bytes([9, HLG, 0, 1])) + data[33:])
    grey = read_portrait(tmp_path / "p", max_dim_px=512).pixels
    assert np.abs(grey.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("write", [png, avif, heic])
def test_what_is_cut_off_or_too_large_is_refused_in_hdr_too(
    tmp_path: Path, write: Callable[..., bytes]
) -> None:
    whole = write(hdr_levels(light_of(patches()) * WHITE_CD_M2, 9, PQ), 9, PQ)
    (tmp_path / "p").write_bytes(whole[:-30])
    with pytest.raises(ImageUnsupported, match=r"p is .*accepted: "):
        read_portrait(tmp_path / "p", max_dim_px=512)
    if write is png:
        return  # its size cannot be changed without its pixels
    huge = bytearray(whole)
    struct.pack_into(">II", huge, huge.index(b"ispe") + 8, 7000, 7000)
    (tmp_path / "p").write_bytes(huge)
    with pytest.raises(ImageTooLarge, match=r"p takes \d+ MiB to decode, .* accepted: up to 920"):
        read_portrait(tmp_path / "p", max_dim_px=512)


def as_srgb(frame: Frame) -> Floats:
    """A clip's levels are those of a screen with the exponent 2.4 (BT.1886)."""
    light = (frame / 255) ** 2.4
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(curved * 255, np.float64)
