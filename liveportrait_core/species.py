"""Who is in the portrait, and where an animal's face is: what no detector here finds.

Values only. Points are shares of the picture's width and height, counted from its top left corner,
so that they hold at any size.
"""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from liveportrait_core.errors import InvalidOption

Point = tuple[float, float]
"""x and y, shares of width and height."""

ANIMAL_REVISION = 1
"""Raise it with every change of an animal's pixels, and with the files of weights/manifest.json."""

THREE_TAPS = 3
NINE_POINTS = 9


class Species(StrEnum):
    """Which networks draw the portrait."""

    HUMAN = "human"
    ANIMAL = "animal"


class FacePlace(StrEnum):
    """Where an animal's face is, by a word instead of points."""

    CROPPED = "cropped"  # the picture is the face: nothing is cut out of it
    XPOSE = "xpose"  # a network is to find the nine points


ACCEPTED_PLACES = (
    "three points x,y (the middles of both eyes and of the mouth), nine (liveportrait.md, P10), "
    "each from 0 to 1; or cropped"
)


@dataclass(frozen=True, kw_only=True)
class FacePoints:
    """An animal's face as somebody pointed it out.

    Three points: the middles of the two eyes, in any order, and of the mouth. Nine: those of
    liveportrait.md, P10, in their order.
    """

    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        shown = f"face points are {self}"
        if len(self.points) not in (THREE_TAPS, NINE_POINTS):
            raise InvalidOption(f"{shown}: {len(self.points)} of them; accepted: {ACCEPTED_PLACES}")
        if not all(math.isfinite(share) and 0 <= share <= 1 for xy in self.points for share in xy):
            raise InvalidOption(f"{shown}; accepted: {ACCEPTED_PLACES}")
        if len(set(self.points)) < len(self.points):
            raise InvalidOption(f"{shown}: two of them are one; accepted: {ACCEPTED_PLACES}")

    def __str__(self) -> str:
        return " ".join(f"{x:.4g},{y:.4g}" for x, y in self.points)


FaceLocation = FacePoints | FacePlace


def parse_face_location(text: str) -> FaceLocation:
    """Read "0.41,0.38 0.6,0.37 0.5,0.62", or the word of a `FacePlace`.

    Raises:
        InvalidOption: it is neither.
    """
    if text.strip() in tuple(FacePlace):
        return FacePlace(text.strip())
    try:
        pairs = [point.split(",") for point in re.split(r"[\s;]+", text.strip())]
        points = tuple((float(x), float(y)) for x, y in pairs)
    except ValueError:
        raise InvalidOption(
            f"face points are {text[:200]!r}; accepted: {ACCEPTED_PLACES}"
        ) from None
    return FacePoints(points=points)
