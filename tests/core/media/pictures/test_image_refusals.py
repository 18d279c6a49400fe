"""Pictures with scratches or too many scans are refused, or read, but never break the reader."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.errors import ImageTooLarge, ImageUnsupported
from liveportrait_core.media.pictures.image import read_portrait
from tests.core.pictures import assert_like, quarters, saved


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


def with_scans_again(jpeg: bytes, more: int) -> bytes:
    """A progressive JPEG whose last scan, which refines what is there already, comes again."""
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + last * more + jpeg[-2:]


def test_a_jpeg_that_goes_over_its_pixels_again_and_again(tmp_path: Path) -> None:
    """16 megapixels in 76 kB took 0.01 s for every 31 bytes; 50 MB may have a million scans."""
    kept = saved(tmp_path / "kept.jpg", quarters(), "JPEG", progressive=True, quality=95)
    whole = kept.read_bytes()
    (tmp_path / "scans.jpg").write_bytes(with_scans_again(whole, 90))
    assert_like(read_portrait(tmp_path / "scans.jpg", max_dim_px=512).pixels, quarters())
    (tmp_path / "scans.jpg").write_bytes(with_scans_again(whole, 91))
    with pytest.raises(ImageTooLarge, match=r"scans\.jpg has more than 100 scans"):
        read_portrait(tmp_path / "scans.jpg", max_dim_px=512)


@pytest.mark.parametrize("unit", [b"\xff\xe1\0\2", b"\xff\xfe\0\2", b"\xff"])
def test_a_jpeg_of_ever_more_segments(tmp_path: Path, unit: bytes) -> None:
    """Fifty megabytes of them took two gigabytes and half a minute."""
    kept = saved(tmp_path / "kept.jpg", quarters(), "JPEG", quality=95).read_bytes()
    path = tmp_path / "segments.jpg"
    path.write_bytes(kept[:2] + unit * 4_900 + kept[2:])
    assert_like(read_portrait(path, max_dim_px=512).pixels, quarters())
    path.write_bytes(kept[:2] + unit * 5_001 + kept[2:])
    with pytest.raises(ImageTooLarge, match=r"segments\.jpg has more than 5000 segments"):
        read_portrait(path, max_dim_px=512)


def test_a_png_of_ever_more_parts(tmp_path: Path) -> None:
    whole = saved(tmp_path / "kept.png", quarters(), "PNG").read_bytes()
    part = struct.pack(">I4sI", 0, b"noTe", zlib.crc32(b"noTe"))
    path = tmp_path / "parts.png"
    path.write_bytes(whole[:33] + part * 40_000 + whole[33:])
    assert_like(read_portrait(path, max_dim_px=512).pixels, quarters())
    path.write_bytes(whole[:33] + part * 50_001 + whole[33:])
    with pytest.raises(ImageTooLarge, match=r"parts\.png has more than 50000 parts"):
        read_portrait(path, max_dim_px=512)


def test_what_looks_like_scans_in_notes_and_behind_the_end_is_none(tmp_path: Path) -> None:
    rubbish = b"\xff\xda\0\x08" * 5000
    path = saved(tmp_path / "p.jpg", quarters(), "JPEG", comment=rubbish, quality=95)
    path.write_bytes(path.read_bytes() + rubbish)
    assert_like(read_portrait(path, max_dim_px=512).pixels, quarters())
