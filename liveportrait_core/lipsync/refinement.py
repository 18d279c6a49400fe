"""A refiner on painted mouths: where it may show, and how much it makes them flicker."""

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.lipsync.base import FaceBox, Refiner
from liveportrait_core.lipsync.blending import blended, lower_face
from liveportrait_core.report import Frame

_MEASURED_SIDE_PX = 64


class Refinement:
    """Lays refined faces over painted mouths, one frame after the other."""

    def __init__(self, refiner: Refiner) -> None:
        """Take the refiner; nothing is measured yet."""
        self._refiner = refiner
        self._last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._changes = np.zeros(2)  # of the painted, of the refined mouths

    @property
    def flicker(self) -> float | None:
        """Change from frame to frame of the refined mouths, over that of the painted ones.

        1: refining adds nothing; None: fewer than two frames, or the painted ones stood still.
        """
        painted, refined = self._changes
        return float(refined / painted) if painted > 0 else None

    def refined(
        self, painted: Frame, points: NDArray[np.float32], box: FaceBox, activity: float
    ) -> Frame:
        """Return the frame refined where a mouth was painted, in the same measure.

        Args:
            painted: H×W×3.
            points: of its face mesh, 478×3 pixels.
            box: that the mouth was painted in.
            activity: of the voice; where it is 0 the frame is given back as it is.
        """
        if activity <= 0:
            self._last = None
            return painted
        face = self._refiner.refine(painted, points)
        top, left, bottom, right = (round(side) for side in (box.y0, box.x0, box.y1, box.x1))
        weights = np.float32(activity) * lower_face(right - left, bottom - top)
        rows = np.clip(np.arange(top, bottom), 0, painted.shape[0] - 1)
        columns = np.clip(np.arange(left, right), 0, painted.shape[1] - 1)
        inside = face[rows[:, None], columns].astype(np.float32)
        result = blended(painted, inside, weights, (top, left))
        self._measure(painted[rows[:, None], columns], result[rows[:, None], columns])
        return result

    def _measure(self, painted: Frame, refined: Frame) -> None:
        small = tuple(_reduced(each) for each in (painted, refined))
        if self._last is not None:
            for index, (now, before) in enumerate(zip(small, self._last, strict=True)):
                self._changes[index] += float(np.abs(now - before).mean())
        self._last = (small[0], small[1])


def _reduced(picture: Frame) -> NDArray[np.float32]:
    """Take every so many pixels: 64×64×3, so that boxes of every size compare."""
    rows, columns = (
        np.linspace(0, side - 1, _MEASURED_SIDE_PX).astype(int) for side in picture.shape[:2]
    )
    return picture[rows[:, None], columns].astype(np.float32)
