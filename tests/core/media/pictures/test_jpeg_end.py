"""A JPEG without its last two bytes is shown by browsers; one that lacks pixels is damaged."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from liveportrait_core.errors import ImageUnsupported
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.report import RenderWarning

END = b"\xff\xd9"
PHOTOGRAPH = Path("emulator/seed/grace_hopper.jpg")
WAYS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_blocks": 5},
    "without subsampling": {"subsampling": "4:4:4", "optimize": True},
}


def encoded(mode: str = "RGB", size: tuple[int, int] = (203, 157), **options: Any) -> bytes:
    buffer = io.BytesIO()
    with Image.open(PHOTOGRAPH) as photograph:
        photograph.convert(mode).resize(size).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def read(path: Path, data: bytes, max_dim_px: int = 1600) -> Any:
    path.write_bytes(data)
    return read_portrait(path, max_dim_px=max_dim_px)


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_only_the_end_is_missing(tmp_path: Path, mode: str, options: dict[str, Any]) -> None:
    whole = encoded(mode, **options)
    assert whole.endswith(END)
    for data in (whole[:-2], whole[:-1]):
        portrait = read(tmp_path / "a.jpg", data)
        assert portrait.warnings == (RenderWarning.IMAGE_END_MISSING,)
        assert np.array_equal(portrait.pixels, read(tmp_path / "b.jpg", whole).pixels)


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS.keys())
def test_pixels_are_missing_too(tmp_path: Path, options: dict[str, Any]) -> None:
    whole = encoded(**options)
    for missing in (4, 5, 9, 100, len(whole) // 2):
        with pytest.raises(ImageUnsupported, match="is damaged"):
            read(tmp_path / "a.jpg", whole[:-missing])


def test_scans_are_missing(tmp_path: Path) -> None:
    whole = encoded(progressive=True)
    tables = [at for at in range(len(whole)) if whole.startswith(b"\xff\xc4", at)]
    scans = [at for at in range(len(whole)) if whole.startswith(b"\xff\xda", at)]
    assert len(scans) > 5
    for end in (*tables[2:], *scans[1:]):
        with pytest.raises(ImageUnsupported, match="is damaged"):
            read(tmp_path / "a.jpg", whole[:end])


def test_a_large_picture_is_compared_as_small_as_it_is_decoded(tmp_path: Path) -> None:
    whole = encoded(size=(1600, 1200))
    portrait = read(tmp_path / "a.jpg", whole[:-2], max_dim_px=300)
    assert np.array_equal(portrait.pixels, read(tmp_path / "b.jpg", whole, 300).pixels)
    with pytest.raises(ImageUnsupported, match="is damaged"):
        read(tmp_path / "a.jpg", whole[:-500], max_dim_px=300)


def test_a_preview_s_end_is_not_the_picture_s(tmp_path: Path) -> None:
    notes = Image.Exif()
    notes[0x010E] = "preview \xff\xd9"
    whole = encoded(exif=notes, comment=END * 3)
    portrait = read(tmp_path / "a.jpg", whole[:-2])
    assert portrait.warnings == (RenderWarning.IMAGE_END_MISSING,)


def test_a_header_alone_is_damaged(tmp_path: Path) -> None:
    whole = encoded()
    for end in (whole.index(b"\xff\xda"), whole.index(b"\xff\xda") + 20):
        with pytest.raises(ImageUnsupported, match="is damaged"):
            read(tmp_path / "a.jpg", whole[:end])
