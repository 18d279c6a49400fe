"""Closing the loop in motion space: over its last part the motion eases back to that of frame 0.

Pure mathematics on arrays of N frames. Knows neither what the numbers mean nor what is
drawn with them.
"""

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]


def ease_frames(frame_count: int, fps: float, *, seconds: float) -> int:
    """Length of the closing part in frames: `seconds`, at most half of the clip, at least one."""
    return max(1, min(math.floor(frame_count / 2), round(seconds * fps)))


def close_loop(samples: Samples, ease: int) -> Samples:
    """Blend the last `ease` frames of an N×… array towards its first frame.

    The frame after the last one would be frame 0 exactly: the weight of the original motion falls
    from 1 to 0 over `ease` + 1 steps, level at both ends: neither speed nor position jumps.
    """
    count = len(samples)
    steps = np.arange(1, ease + 1, dtype=np.float64) / (ease + 1)
    weight = np.ones(count)
    weight[count - ease :] = 1.0 - steps**3 * (10.0 - 15.0 * steps + 6.0 * steps**2)
    shaped = weight.reshape((count,) + (1,) * (samples.ndim - 1))
    closed: Samples = samples[0] + (samples - samples[0]) * shaped
    return closed
