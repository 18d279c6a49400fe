"""What the encoder is fed: each plane where it belongs, and colours as BT.709 defines them."""

import cv2
import numpy as np
import pytest

from liveportrait_core.media.clips.formats import PlaneFormat
from liveportrait_core.media.clips.planes import PlaneConverter
from liveportrait_core.report import Frame

RED, BLUE = 0.2126, 0.0722


def soft(width: int, height: int, seed: int = 3) -> Frame:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), np.uint8)


@pytest.mark.parametrize("form", list(PlaneFormat))
def test_a_converter_is_used_again(form: PlaneFormat) -> None:
    converter = PlaneConverter(32, 18, form)
    rooms = [converter.room() for _ in range(3)]
    for seed, room in zip((1, 2, 1), rooms, strict=True):
        converter.convert(soft(32, 18, seed), room)
    assert np.array_equal(rooms[0], rooms[2])
    assert not np.array_equal(rooms[0], rooms[1])


def test_green_blue_red() -> None:
    frame, converter = soft(32, 18), PlaneConverter(32, 18, PlaneFormat.GBRP)
    room = converter.room()
    converter.convert(frame, room)
    assert np.array_equal(room.reshape(3, 18, 32), np.moveaxis(frame, -1, 0)[[1, 2, 0]])


@pytest.mark.parametrize("size", [(2, 2), (64, 48)])
def test_bt709_with_chroma_at_the_left_one_of_two_pixels(size: tuple[int, int]) -> None:
    width, height = size
    frame, converter = soft(width, height), PlaneConverter(width, height, PlaneFormat.YUV420P)
    room = converter.room()
    converter.convert(frame, room)
    red, green, blue = np.moveaxis(frame.astype(float) / 255, -1, 0)
    luma = RED * red + (1 - RED - BLUE) * green + BLUE * blue
    assert np.abs(room[: width * height].reshape(height, width) - (16 + 219 * luma)).max() < 1
    for part, colour, weight in ((0, blue, BLUE), (1, red, RED)):
        full = 128 + 112 * (colour - luma) / (1 - weight)
        rows = np.pad((full[::2] + full[1::2]) / 2, ((0, 0), (1, 0)), mode="edge")
        expected = (
            rows[:, :-1:2] / 4 + rows[:, 1::2] / 2 + np.pad(rows, ((0, 0), (0, 1)))[:, 2::2] / 4
        )
        found = room[width * height :].reshape(2, height // 2, width // 2)[part]
        assert np.abs(found - expected).max() < 1.6  # rounded three times


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_grey_has_no_colour(level: int) -> None:
    converter = PlaneConverter(4, 2, PlaneFormat.YUV420P)
    room = converter.room()
    converter.convert(np.full((2, 4, 3), level, np.uint8), room)
    assert set(room[8:].tolist()) == {128}
    assert np.abs(room[:8] - (16 + 219 * level / 255)).max() <= 0.5 + 1 / 8
