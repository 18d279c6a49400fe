"""Closing the loop in motion space: over its last part the motion eases back to that of frame 0.

Pure mathematics on arrays of N frames. Knows neither what the numbers mean nor what is drawn with
them.
"""

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

SEAM_SPEED = 0.5  # of the clip's median speed, at most, across the seam
APPROACH_FRAMES = 6.0  # over which that speed is taken up


def ease_frames(frame_count: int, fps: float, *, seconds: float) -> int:
    """Return the closing part's length in frames: `seconds`, at most half the clip, at least 1."""
    return max(1, min(math.floor(frame_count / 2), round(seconds * fps)))


def close_loop(samples: Samples, ease: int) -> Samples:
    """Lead the last `ease` frames of an N×… array back to the first frame.

    The frame after the last one would be frame 0 exactly, reached with the speed at which frame 0
    is left, or a little less than the clip's usual speed where that is slower: neither place nor
    pace jumps at the seam, and the step across it is no larger than others.
    """
    count = len(samples)
    to_seam = np.arange(count, dtype=np.float64) - count  # frames, negative, -1 for the last
    share = np.clip(1.0 + to_seam / (ease + 1), 0.0, 1.0)
    weight = _column(share**3 * (10.0 - 15.0 * share + 6.0 * share**2), samples)
    run_up = _column(to_seam * np.exp(to_seam / APPROACH_FRAMES), samples)
    approach = samples[0] + run_up * _seam_velocity(samples)
    closed: Samples = samples + (approach - samples) * weight
    return closed


def _seam_velocity(samples: Samples) -> Samples:
    velocity = np.diff(samples, axis=0)
    speed = np.linalg.norm(velocity.reshape(len(velocity), -1), axis=1)
    limit = SEAM_SPEED * float(np.median(speed))
    return velocity[0] * min(1.0, limit / max(float(speed[0]), 1e-12))


def _column(values: Samples, like: Samples) -> Samples:
    return values.reshape((len(values),) + (1,) * (like.ndim - 1))
