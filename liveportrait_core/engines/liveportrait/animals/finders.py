"""Who says where an animal's face is: a port, given points behind it, and a network that is not.

MediaPipe and SCRFD know people only. X-Pose, the original's finder, is for non-commercial use and
is not built here: asking for it says so.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from liveportrait_core.engines.liveportrait.animals.box import PixelPoints
from liveportrait_core.errors import ImageNoFace, MethodNotInstalled
from liveportrait_core.report import Frame
from liveportrait_core.species import ACCEPTED_PLACES, FaceLocation, FacePlace, FacePoints

_XPOSE_FILE = "liveportrait_animals/xpose.pth"


class AnimalFinder(Protocol):
    """Where an animal's points come from."""

    def find(self, picture: Frame) -> PixelPoints | None:
        """Return three taps or nine points in pixels; None: the picture is the face."""


@dataclass(frozen=True, kw_only=True)
class GivenPoints:
    """Points that somebody pointed out."""

    points: FacePoints

    def find(self, picture: Frame) -> PixelPoints:
        """Return them in the pixels of this picture."""
        height, width = picture.shape[:2]
        return np.array(self.points.points, np.float64) * np.array([width, height], np.float64)


@dataclass(frozen=True)
class WholePicture:
    """The picture is cropped to the face already."""

    def find(self, picture: Frame) -> None:
        """Return nothing."""


def open_animal_finder(location: FaceLocation | None) -> AnimalFinder:
    """Return who says where the face is.

    Raises:
        ImageNoFace: nobody does.
        MethodNotInstalled: a network was asked for that is not here.
    """
    require_finder(location)
    if isinstance(location, FacePoints):
        return GivenPoints(points=location)
    if location is FacePlace.CROPPED:
        return WholePicture()
    raise ImageNoFace(
        f"nobody finds an animal's face, and no face points are given; accepted: {ACCEPTED_PLACES}"
    )


def require_finder(location: FaceLocation | None) -> None:
    """Refuse a network that is to find the points and is not here, whatever the engine.

    Raises:
        MethodNotInstalled: it is X-Pose.
    """
    if location is FacePlace.XPOSE:
        raise MethodNotInstalled(
            f"face points are xpose, and X-Pose is not installed: missing are its network, which "
            f"this version has not, and {_XPOSE_FILE}, which is for non-commercial use only; "
            f"accepted: {ACCEPTED_PLACES}"
        )
