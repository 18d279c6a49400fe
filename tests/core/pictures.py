"""Pictures for tests: four quarters that tell orientation and colours, and how they are saved."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from liveportrait_core.report import Frame

# What a camera stores so that an orientation tag makes it upright again.
AS_STORED: dict[int, Callable[[Frame], Frame]] = {
    1: lambda picture: picture,
    2: np.fliplr,
    3: lambda picture: np.rot90(picture, 2),
    4: np.flipud,
    5: lambda picture: picture.transpose(1, 0, 2),
    6: np.rot90,
    7: lambda picture: np.rot90(picture, 2).transpose(1, 0, 2),
    8: lambda picture: np.rot90(picture, -1),
}


def quarters(width: int = 64, height: int = 96) -> Frame:
    """Red, green, blue and grey quarters: orientation and colours can be read off."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (220, 30, 40)
    picture[: height // 2, width // 2 :] = (40, 200, 60)
    picture[height // 2 :, : width // 2] = (30, 60, 210)
    picture[height // 2 :, width // 2 :] = (128, 128, 128)
    return picture


def corners(picture: Frame) -> list[tuple[int, ...]]:
    height, width = picture.shape[:2]
    places = [(y, x) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [tuple(int(value) for value in picture[place]) for place in places]


def assert_like(picture: Frame, expected: Frame, tolerance: int = 6) -> None:
    found = np.array(corners(picture)) - np.array(corners(expected))
    assert np.abs(found).max() <= tolerance, (corners(picture), corners(expected))


def saved(path: Path, picture: Frame | Image.Image, kind: str, **how: object) -> Path:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, kind, **how)
    return path
