"""How much a video trembles: track corners from frame to frame and measure their jolts.

The same for driving frames and rendered ones, whatever is in them, so that the two can be compared.
Knows no face. Only what moves most counts: a still background would hide any trembling.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.report import Frame

_LEAST_SIDE_PX = 240  # frames are followed at a size between this and its double
_CORNERS, _FEWEST = 40, 16
_CORNER_QUALITY = 0.01
_CORNER_DISTANCE_PX = 6
_MOVING_SHARE = 0.5  # of the way that the farthest corners go
_PATCH_PX, _PYRAMID = 13, 2
_UNTIL = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.003)
_PER_MILLE = 1000.0

Grey = NDArray[np.uint8]
_Floats = NDArray[np.float32]


class JitterMeter:
    """Given every frame once, all of one size."""

    def __init__(self) -> None:
        self._previous: Grey | None = None
        self._path: list[_Floats] = []  # N×2 each: the corners that are followed now
        self._jolts: list[float] = []  # pixels of the small frame, one for each three frames

    def add(self, frame: Frame) -> None:
        """Follow the corners into the next frame, H×W×3."""
        self.add_grey(small_grey(frame))

    def add_grey(self, grey: Grey) -> None:
        """Follow the corners into the next frame, as `small_grey` made it."""
        if self._previous is not None and self._path:
            self._follow(self._previous, grey)
        if not self._path:
            self._path = _corners(grey)
        self._previous = grey

    def per_mille(self) -> float | None:
        """Return root mean square of the jolts, in thousandths of the frame's longest side.

        A jolt is how far a corner is from where it would be had it gone on as before. None: fewer
        than three frames, or nothing in them that can be followed.
        """
        jolts = np.array(self._jolts + _jolts_of(self._path))
        if not jolts.size or self._previous is None:
            return None
        return float(np.sqrt(np.mean(jolts**2))) / max(self._previous.shape) * _PER_MILLE

    def _follow(self, previous: Grey, grey: Grey) -> None:
        places, found, _ = cv2.calcOpticalFlowPyrLK(
            previous, grey, self._path[-1][:, None], np.empty(0),
            winSize=(_PATCH_PX, _PATCH_PX), maxLevel=_PYRAMID, criteria=_UNTIL,
        )  # fmt: skip
        kept = found.ravel() == 1
        if kept.sum() < _FEWEST:
            self._jolts += _jolts_of(self._path)
            self._path = []
            return
        self._path = [earlier[kept] for earlier in self._path]
        self._path.append(places[kept, 0])


def small_grey(frame: Frame) -> Grey:
    """Return a frame's luma, area-averaged by a whole factor to below 480 pixels a side."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    step = max(1, max(frame.shape[:2]) // _LEAST_SIDE_PX)
    if step == 1:
        return np.asarray(grey, np.uint8)
    height, width = (max(step, side // step * step) for side in grey.shape)
    # By a whole number: other ratios take five times as long.
    size = (width // step, height // step)
    return np.asarray(cv2.resize(grey[:height, :width], size, interpolation=cv2.INTER_AREA))


def _corners(grey: Grey) -> list[_Floats]:
    found = cv2.goodFeaturesToTrack(grey, _CORNERS, _CORNER_QUALITY, _CORNER_DISTANCE_PX)
    if found is None or len(found) < _FEWEST:
        return []
    return [np.asarray(found[:, 0], np.float32)]


def _jolts_of(path: list[_Floats]) -> list[float]:
    if len(path) < 3:
        return []
    places = np.stack(path)  # T×N×2
    reach = np.linalg.norm(places - places[:1], axis=2).max(0)
    moving = reach >= _MOVING_SHARE * np.percentile(reach, 90)
    jolts = np.linalg.norm(np.diff(places[:, moving], n=2, axis=0), axis=2)
    # The median over corners: a blink is sudden, and no trembling.
    return [float(jolt) for jolt in np.median(jolts, axis=1)]
