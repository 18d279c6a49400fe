"""What kind of file a file is: told by content, whatever its name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.__main__ import main
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


@pytest.mark.parametrize(
    "command",
    [
        "render face.png move.mp4 -o move.mp4",
        "render face.png move.mp4 -o link.mp4",
        "render face.png move.mp4 -o new.mp4 --poster face.png",
        "render face.png other.png face.mp4 -o .",
        "talk face.png move.mp4 -o move.mp4",
        "talk face.png hello.wav -o move.mp4 --driving move.mp4",
        "edit face.png -o face.png --edit smile=1",
        "crop face.png -o face.png",
        "lipsync move.mp4 hello.wav -o move.mp4 --accept-research-only-licence",
        "inspect move.mp4 --portrait face.png --contact face.png",
        "template move.mp4 -o move.mp4",
        "template edits.json --portrait face.png -o edits.json",
        "template edits.json --portrait face.png -o face.png",
        "ladder ladder.png move.mp4 -o .",
    ],
)
def test_no_result_takes_the_place_of_an_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = (
        "face.png", "other.png", "move.mp4", "hello.wav", "face.mp4", "edits.json", "ladder.png",
    )  # fmt: skip
    for name in names:
        Path(name).write_text(f"this is {name}")
    Path("link.mp4").symlink_to("move.mp4")
    assert main(command.split()) == 2
    told = capsys.readouterr().err
    assert "is what the result is made from, and would be lost; accepted: another name" in told
    assert "Engine" not in told
    assert [Path(name).read_text() for name in names] == [f"this is {name}" for name in names]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("render gone.jpg move.mp4 -o a.mp4", "IMAGE_UNSUPPORTED: there is no file gone.jpg; "),
        ("render . move.mp4 -o a.mp4", "IMAGE_UNSUPPORTED: . is a folder; "),
        ("render face.png gone.mp4 -o a.mp4", "VIDEO_UNSUPPORTED: there is no file gone.mp4; "),
        ("render gone.png face.png gone.mp4 -o .", "VIDEO_UNSUPPORTED: there is no file gone.mp4"),
        ("ladder face.png gone.mp4 -o .", "VIDEO_UNSUPPORTED: there is no file gone.mp4; "),
        ("idle gone.jpg -o a.mp4", "IMAGE_UNSUPPORTED: there is no file gone.jpg; "),
        ("talk face.png gone.wav -o a.mp4", "AUDIO_UNSUPPORTED: there is no file gone.wav; "),
        ("edit gone.jpg -o a.png --edit smile=1", "IMAGE_UNSUPPORTED: there is no file gone.jpg; "),
        ("crop gone.jpg -o a.png", "IMAGE_UNSUPPORTED: there is no file gone.jpg; "),
        ("lipsync gone.mp4 a.wav -o a.mp4", "VIDEO_UNSUPPORTED: there is no file gone.mp4; "),
        ("inspect gone.mp4 --portrait face.png", "VIDEO_UNSUPPORTED: there is no file gone.mp4; "),
    ],
)
def test_a_file_that_is_not_there_is_told_before_an_engine_is_opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("face.png", "move.mp4"):
        Path(name).write_text(f"this is {name}")
    assert main(command.split()) == 2
    told = capsys.readouterr().err
    assert told.startswith(complaint)
    assert told.endswith("accepted: a file that is there\n")


def test_a_folder_that_is_not_there_is_told_before_an_engine_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    face, clip = tmp_path / "face.png", tmp_path / "clip.mp4"
    for path in (face, clip):
        path.write_text("a face")
    status = main(["render", str(face), str(clip), "-o", str(tmp_path / "none" / "a.mp4")])
    told = capsys.readouterr().err
    assert status == 2
    assert told == (
        f"INVALID_PARAMS: {tmp_path / 'none'} is no folder to write a.mp4 into; "
        "accepted: one that is there\n"
    )
