"""Key frames of a face: at rest, and where it differs most from that.

Knows the landmarks of a video's face; opens no file.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.face.openings import eye_close_ratios, lip_close_ratio
from liveportrait_core.face.tracking import FaceTrack

# What differs by less is not worth a moment of its own: landmarks tremble.
_LEAST_SHIFT = 0.02  # of the face's width
_LEAST_EYES = 0.1  # opening of the eyes, relative to their width
_LEAST_LIPS = 0.05  # opening of the lips, likewise


@dataclass(frozen=True, kw_only=True, eq=False)
class _Aspect:
    """One thing that a face does in the course of a video."""

    values: NDArray[np.floating]  # n×k, one row for each frame
    least: float  # a difference that counts for something

    def unlike(self, row: int) -> NDArray[np.floating]:
        """Measure every frame's distance from one: n; 1 is the farthest from the first."""
        furthest = self._distances(0).max()
        return self._distances(row) / max(furthest, self.least)

    def _distances(self, row: int) -> NDArray[np.floating]:
        return np.sqrt(((self.values - self.values[row]) ** 2).mean(1))


def key_frames(track: FaceTrack, *, count: int) -> list[int]:
    """Return the first frame and those most unlike it and each other, in order of time.

    Moments at even distances miss a blink, which lasts a few frames, and pixels see it less than
    the outline of a head that sways. So head, eyes and lips are looked at apart, each in relation
    to its own largest change, and each moment is the frame furthest from all taken before it.

    Args:
        track: the face through the video, 203 or 478 landmarks; seen at least once.
        count: how many frames are wanted; of a still face fewer are given.
    """
    seen = track.seen
    landmarks = np.stack([points for points in track.landmarks if points is not None])
    width = np.ptp(landmarks[0, :, 0])
    aspects = (
        _Aspect(values=landmarks.reshape(len(seen), -1) / width, least=_LEAST_SHIFT),
        _Aspect(values=eye_close_ratios(landmarks), least=_LEAST_EYES),
        _Aspect(values=lip_close_ratio(landmarks), least=_LEAST_LIPS),
    )
    rows = [0]
    distance = _furthest(aspects, 0)
    while len(rows) < count and distance.max() > 0:
        rows.append(int(distance.argmax()))
        distance = np.minimum(distance, _furthest(aspects, rows[-1]))
    return sorted(track.skipped + seen[row] for row in rows)


def _furthest(aspects: tuple[_Aspect, ...], row: int) -> NDArray[np.floating]:
    return np.max([aspect.unlike(row) for aspect in aspects], axis=0)
