"""Mouth tracks made to order for tests."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.values import MOUTH_SHAPES, MouthTrack

FPS = Fraction(30)


def silent(frames: int, fps: Fraction = FPS) -> MouthTrack:
    """A mouth that rests throughout, whatever its shapes would be."""
    shapes = np.full((frames, len(MOUTH_SHAPES)), 0.5, np.float32)
    return MouthTrack(fps=fps, shapes=shapes, activity=np.zeros(frames, np.float32))


def held_shape(frames: int = 1, *, activity: float = 1.0, **shapes: float) -> MouthTrack:
    """One shape, held: `held_shape(open=0.5)`."""
    row = np.array([shapes.get(name, 0.0) for name in MOUTH_SHAPES], np.float32)
    return MouthTrack(
        fps=FPS,
        shapes=np.tile(row, (frames, 1)),
        activity=np.full(frames, activity, np.float32),
    )


def burst(frames: int, where: slice, fps: Fraction = FPS) -> MouthTrack:
    """A mouth that is open in some frames, and rests in the others."""
    activity: NDArray[np.float32] = np.zeros(frames, np.float32)
    activity[where] = 1
    shapes = np.zeros((frames, len(MOUTH_SHAPES)), np.float32)
    shapes[where, 0] = 0.8
    return MouthTrack(fps=fps, shapes=shapes, activity=activity)
