"""What kind of file a file is: told by content, whatever its name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.cli.inputs import Kind, driving_kind, portrait_kind
from tests.core.clips import moving_clip
from tests.core.heic import coded, container
from tests.core.pictures import quarters

CLIPS = {
    "mp4": ("-c:v", "libx264", "-f", "mp4"),
    "mov": ("-c:v", "libx264", "-f", "mov"),
    "webm": ("-c:v", "libvpx", "-f", "webm"),
    "mkv": ("-c:v", "libx264", "-f", "matroska"),
    "avi": ("-c:v", "mpeg4", "-f", "avi"),
}


@pytest.mark.parametrize("container", CLIPS)
def test_clips_under_any_name(tmp_path: Path, container: str) -> None:
    path = moving_clip(tmp_path / "holiday.jpg", *CLIPS[container], size="64x48", seconds=0.2)
    assert portrait_kind(path) is driving_kind(path) is Kind.CLIP


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"])
def test_pictures_under_any_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "video.mp4"
    Image.new("RGB", (16, 16), (200, 30, 40)).save(path, kind)
    assert portrait_kind(path) is driving_kind(path) is Kind.PICTURE


def test_a_telephone_s_picture_is_none_that_moves(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(container([coded(quarters()), coded(255 - quarters())]))
    assert portrait_kind(path) is driving_kind(path) is Kind.PICTURE


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_what_moves_is_no_picture_to_drive_by(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), (200, 30, 40 * i)) for i in range(3)]
    path = tmp_path / "p"
    frames[0].save(path, kind, save_all=True, append_images=frames[1:])
    assert driving_kind(path) is Kind.CLIP  # whose reader says what it is
    assert portrait_kind(path) is Kind.PICTURE


@given(st.binary(max_size=64))
def test_whatever_is_in_a_file_it_has_a_kind(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(data)
    assert portrait_kind(path) in (Kind.PICTURE, Kind.CLIP)
    assert driving_kind(path) in (Kind.PICTURE, Kind.CLIP)


def test_what_is_no_file_or_no_picture_is_left_to_the_readers(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("ffconcat version 1.0")
    for path in (text, tmp_path / "absent.jpg", tmp_path):
        assert portrait_kind(path) is Kind.PICTURE  # whose reader refuses it
        assert driving_kind(path) is Kind.CLIP  # likewise


@pytest.mark.parametrize("name", ["motion.npz", "d8.pkl"])
def test_templates_are_known_by_name(tmp_path: Path, name: str) -> None:
    assert driving_kind(tmp_path / name) is Kind.TEMPLATE
