"""One face, in a picture or through a clip: which one it is, where, and where it is missing.

The detector looks at every frame: it is cheap beside the networks, and it alone can tell that a
face has gone or that the scene has been cut. The landmarks are found from the frame before, as in
the original, as long as the detector agrees that it is the same face. Knows no motion and no crop
of the networks.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from liveportrait_core.face.crop import Points
from liveportrait_core.face.detector import FoundFace
from liveportrait_core.report import Frame

FindFace = Callable[[Frame], FoundFace | None]
"""A detector: the face to animate, with points of any layout the crop knows."""
LocateLandmarks = Callable[[Frame, Points], Points]
"""The landmarks of the face that lies where the given points say, in pixels of the picture."""

_SAME_FACE = 0.3  # overlap of the boxes around two sets of points; less is another face

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class LocatedFace:
    """One face of one picture."""

    detected: Points  # the detector's own points, N×2
    landmarks: Points  # 203×2, or the face mesh's 478×2
    alone: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceTrack:
    """One face through a clip, from the first frame in which it is seen."""

    size: tuple[int, int]  # of the frames: height, width
    skipped: int  # frames before that one
    landmarks: tuple[Points | None, ...]  # one for each frame from there on; None: not seen
    alone: bool  # whether no other face was ever seen

    @property
    def seen(self) -> list[int]:
        """The frames with a face, counted from the first of them."""
        return [i for i, points in enumerate(self.landmarks) if points is not None]


def locate_face(
    picture: Frame, find: FindFace, locate: LocateLandmarks | None
) -> LocatedFace | None:
    """Return the face to animate in a still picture, H×W×3; None where there is none.

    Without `locate` the detector's own points serve as landmarks.
    """
    found = find(picture)
    if found is None:
        return None
    detected = _flat(found.points)
    landmarks = detected if locate is None else locate(picture, detected)
    return LocatedFace(detected=detected, landmarks=landmarks, alone=found.alone)


def track_face(
    frames: Iterable[Frame], find: FindFace, locate: LocateLandmarks | None
) -> FaceTrack:
    """Follow one face through a clip; an empty track where there is none.

    Without `locate` the detector's own points serve as landmarks.
    """
    step = _detected_points if locate is None else partial(_followed_points, locate)
    landmarks: list[Points | None] = []
    cuts: list[int] = []
    alone = True
    count, size = 0, (0, 0)
    last: Points | None = None
    for frame in frames:
        count, size = count + 1, (frame.shape[0], frame.shape[1])
        found = find(frame)
        if found is None:
            if landmarks:
                landmarks.append(None)
            last = None
            continue
        alone = alone and found.alone
        detected = _flat(found.points)
        if last is not None and _overlap(last, detected) < _SAME_FACE:
            cuts.append(len(landmarks))
            last = None
        last = step(frame, detected, last)
        landmarks.append(last)
    if cuts:
        _log.warning("the driving face jumps in frames %s: scene cuts?", cuts)
    return FaceTrack(
        size=size,
        skipped=count - len(landmarks),
        landmarks=tuple(landmarks),
        alone=alone,
    )


def _detected_points(frame: Frame, detected: Points, last: Points | None) -> Points:
    del frame, last
    return detected


def _followed_points(
    locate: LocateLandmarks, frame: Frame, detected: Points, last: Points | None
) -> Points:
    return locate(frame, detected if last is None else last)


def _flat(points: Points) -> Points:
    return np.ascontiguousarray(points[:, :2], dtype=np.float32)


def _overlap(one: Points, other: Points) -> float:
    """Return the intersection over union of the upright boxes around two sets of points."""
    low = np.maximum(one.min(axis=0), other.min(axis=0))
    high = np.minimum(one.max(axis=0), other.max(axis=0))
    common = float(np.prod(np.maximum(high - low, 0)))
    both = float(np.prod(np.ptp(one, axis=0)) + np.prod(np.ptp(other, axis=0)))
    return common / (both - common) if both > common else 0.0
