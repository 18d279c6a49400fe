"""Faces that do not stand upright: found in pictures that are turned, clips turned as a whole.

The face mesh reads a face on its side badly and one upside down wrongly, without saying so: as a
face that stands upright, its chin where the forehead is. A second look at it tells. What is turned
is turned by quarters, anticlockwise, which loses no pixel.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.face.detector import RETRY_TILES, FaceMesh, FoundFace, Points
from liveportrait_core.face.flip_averaging import places_apart, points_from_flip, roll_rad
from liveportrait_core.report import Frame

SURE, UPRIGHT_DEG = 0.02, 50.0  # looks so near each other, a roll so small: no need to go on
SURER = 0.8  # a face is read in a turned picture where two looks at it differ by so much less
TILTED_DEG = 30.0  # from here on the second look, which sees the face upright, is the better one
LARGE_TILES = RETRY_TILES[:2]  # in which small faces are looked for in a turned picture
ON_ITS_SIDE_DEG = 60.0  # a clip is turned from here on; a head tilted less is followed as it is

_Value = TypeVar("_Value", bound=np.generic)

QuarterTurns = Callable[[Frame], int | None]
"""By how many quarters a frame is to be turned for its face to stand upright; None: no face."""


def find_face(mesh: FaceMesh, picture: Frame) -> FoundFace | None:
    """Return the largest central face of a still picture, however it stands; small ones too."""

    def find_small(view: Frame) -> FoundFace | None:
        return mesh.find_small(view, RETRY_TILES if view is picture else LARGE_TILES)

    return _in_any_turn(mesh, picture, mesh.find_large) or _in_any_turn(mesh, picture, find_small)


def quarter_turns(mesh: FaceMesh, frame: Frame) -> int | None:
    """Return by how many quarters to turn a clip that begins with this frame; None: no face."""
    face = _in_any_turn(mesh, frame, mesh.find_large)
    if face is None:
        return None
    roll_deg = float(np.degrees(roll_rad(face.points)))
    return round(roll_deg / 90) % 4 if abs(roll_deg) > ON_ITS_SIDE_DEG else 0


class UprightFrames:
    """The frames of a clip, turned by quarters so that the face in it stands upright.

    They can be gone over as often as those that are given. The first frame with a face decides.
    """

    def __init__(
        self, frames: Iterable[Frame], judge: Callable[[], AbstractContextManager[QuarterTurns]]
    ) -> None:
        self._frames = frames
        self._judge = judge
        self._turns: int | None = None

    @property
    def are_turned(self) -> bool:
        """Whether the clip was not upright; known once the frames have been gone over."""
        return bool(self._turns)

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._frames)
        if self._turns is None:
            yield from self._until_a_face(frames)
        for frame in frames:
            yield turned(frame, self._turns or 0)

    def _until_a_face(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        with self._judge() as turns_of:
            for frame in frames:
                self._turns = turns_of(frame)
                yield turned(frame, self._turns or 0)
                if self._turns is not None:
                    return


def turned(picture: NDArray[_Value], quarters: int) -> NDArray[_Value]:
    """Return a picture or a mask turned anticlockwise by quarters; itself where there are none."""
    return np.ascontiguousarray(np.rot90(picture, quarters)) if quarters else picture


def _in_any_turn(
    mesh: FaceMesh, picture: Frame, find: Callable[[Frame], FoundFace | None]
) -> FoundFace | None:
    """Return the face in the turn of the picture in which two looks at it agree best.

    What is read in a wrong one, even surely, agrees less: 0.02 to 0.3 of a face's size, not 0.01.
    """
    best: FoundFace | None = None
    least, tilt_deg = np.inf, np.inf
    for quarters in (0, 2, 1, 3):
        if quarters == 1 and least < SURE and tilt_deg < UPRIGHT_DEG:
            break  # read as it stands, and not upside down
        view = turned(picture, quarters)
        found = find(view)
        if found is None:
            continue
        again = points_from_flip(mesh.find_large, view, found.points)
        apart = np.inf if again is None else places_apart(again, found.points)
        if best is None or apart < SURER * least:
            tilt_deg = abs(float(np.degrees(roll_rad(found.points))))
            points = found.points if again is None or tilt_deg < TILTED_DEG else again
            best, least = _turned_back(replace(found, points=points), quarters, view), apart
    return best


def _turned_back(found: FoundFace, quarters: int, view: Frame) -> FoundFace:
    """From a turned view of a picture to the picture itself."""
    return replace(
        found,
        points=_points_back(found.points, quarters, view),
        others=tuple(_points_back(other, quarters, view) for other in found.others),
    )


def _points_back(points: Points, quarters: int, view: Frame) -> Points:
    x, y, z = points.T
    right, bottom = np.float32(view.shape[1] - 1), np.float32(view.shape[0] - 1)
    columns, rows = ((x, y), (bottom - y, x), (right - x, bottom - y), (y, right - x))[quarters]
    return np.stack([columns, rows, z], axis=1)
