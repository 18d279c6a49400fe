"""Pictures that are refused, in plain words and before they cost memory."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.errors import ImageTooLarge, ImageUnsupported
from liveportrait_core.media.image import read_portrait
from tests.core.clips import ffmpeg
from tests.core.pictures import quarters, saved


def test_no_picture_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("I am a letter.\n" * 100)
    (tmp_path / "heic.heic").write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(500))
    (tmp_path / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "print.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:duration=1", str(tmp_path / "film.mp4"))
    names = (
        "empty.jpg",
        "text.jpg",
        "heic.heic",
        "drawing.svg",
        "print.eps",
        "film.mp4",
        "absent",
        ".",
    )
    for name in names:
        with pytest.raises(ImageUnsupported, match="accepted: JPEG, PNG"):
            read_portrait(tmp_path / name, max_dim_px=1600)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_picture_cut_off_on_the_way(tmp_path: Path, kind: str, share: float) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (96, 64, 3), np.uint8)
    data = saved(tmp_path / "whole", noise, kind).read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageUnsupported, match="cut"):
        read_portrait(tmp_path / "cut", max_dim_px=1600)


@given(data=st.data())
def test_scratched_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    buffer = io.BytesIO()
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"]))
    Image.fromarray(quarters(32, 32)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "scratched"
    path.write_bytes(content)
    try:
        pixels = read_portrait(path, max_dim_px=512).pixels
    except (ImageUnsupported, ImageTooLarge):
        return
    assert pixels.shape[2] == 3


def test_limits_are_checked_before_decoding(tmp_path: Path) -> None:
    with (tmp_path / "heavy.jpg").open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(ImageTooLarge, match=r"50\.0 MB; accepted: up to 50 MB"):
        read_portrait(tmp_path / "heavy.jpg", max_dim_px=1600)
    (tmp_path / "wide.png").write_bytes(png_header(12_001, 10_000))
    with pytest.raises(ImageTooLarge, match="12001x10000 pixels; accepted: up to 120 million"):
        read_portrait(tmp_path / "wide.png", max_dim_px=1600)
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 60_000))
    with pytest.raises(ImageTooLarge, match="accepted: up to"):
        read_portrait(tmp_path / "bomb.png", max_dim_px=1600)


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims a size."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (body, data)
    )
