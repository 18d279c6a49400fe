"""At which moments a film is worth looking at: at rest, and where it is least like itself."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.options import Box
from liveportrait_core.video import FrameReader, probe

_SIDE_PX = 64
_CHANGED_SHARE = 0.01  # of the pixels: as many as a pair of lids has, so that a blink counts too


def telling_moments(video: Path, box: Box, *, count: int, max_seconds: float) -> list[int]:
    """Frame 0 and the frames most unlike it and unlike one another, in order of time.

    Moments at even distances miss a blink, which lasts a few frames. Each moment is the frame
    furthest from all that were taken before it: a turn, then a blink, then what is left.

    Args:
        video: a film.
        box: the part that moves.
        count: how many are wanted; fewer come of a film that has fewer different frames.
        max_seconds: how much of the film is read.

    Raises:
        VideoUnsupported: the film cannot be read.
    """
    pictures = _small_pictures(video, box, max_seconds)
    moments = [0]
    distance = _unlike(pictures, pictures[0])
    while len(moments) < count and distance.max() > 0:
        moments.append(int(distance.argmax()))
        distance = np.minimum(distance, _unlike(pictures, pictures[moments[-1]]))
    return sorted(moments)


def _small_pictures(video: Path, box: Box, max_seconds: float) -> NDArray[np.uint8]:
    """Every frame's box in grey: n×64×64, 4 kB a frame."""
    with FrameReader(probe(video, max_seconds), max_side_px=None) as reader:
        return np.stack(
            [
                cv2.resize(
                    cv2.cvtColor(frame[box.slices], cv2.COLOR_RGB2GRAY),
                    (_SIDE_PX, _SIDE_PX),
                    interpolation=cv2.INTER_AREA,
                )
                for frame in reader
            ]
        ).astype(np.uint8)


def _unlike(pictures: NDArray[np.uint8], one: NDArray[np.uint8]) -> NDArray[np.float64]:
    """By how many grey levels each picture differs from one, where it differs most: n."""
    changed = round(_CHANGED_SHARE * one.size)
    levels = [np.abs(picture.astype(np.int16) - one) for picture in pictures]
    return np.array([np.partition(level, -changed, None)[-changed:].mean() for level in levels])
