"""Sound cut into windows of 4 s, and how many frames of motion they give. joyvasa.md, section 2."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.values import SAMPLE_RATE_HZ

FPS = 25
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS
WINDOW_FRAMES = 100
WINDOW_SAMPLES = WINDOW_FRAMES * SAMPLES_PER_FRAME
SILENCE_BEFORE, SILENCE_AFTER = 1280, 640
LEAD_FRAMES = SILENCE_BEFORE // SAMPLES_PER_FRAME
"""Frame i hears the sound of frame i − 2: so many first frames may be dropped."""
REFLECTED_SAMPLES = 20
"""What the encoder's window is lengthened by at both ends, twice."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SoundWindows:
    """A sound as the model takes it."""

    windows: NDArray[np.float32]  # W×64,000
    frame_count: int  # of the motion: three more than the sound's own


def cut_windows(samples: NDArray[np.float32]) -> SoundWindows:
    """Pad a sound of 16 kHz with silence and cut it."""
    padded = np.pad(samples, (SILENCE_BEFORE, SILENCE_AFTER))
    frames = int(len(padded) / SAMPLE_RATE_HZ * FPS)  # in this order: rounding decides
    count = max(1, math.ceil(frames / WINDOW_FRAMES))
    missing = WINDOW_SAMPLES * count - len(padded)
    dropped = math.ceil(missing / SAMPLES_PER_FRAME) if missing > 0 else 0
    whole = np.pad(padded, (0, max(missing, 0)))[: WINDOW_SAMPLES * count]
    return SoundWindows(
        windows=whole.reshape(count, WINDOW_SAMPLES), frame_count=WINDOW_FRAMES * count - dropped
    )


def lengthened(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reflect 20 samples at both ends, and again: the encoder then gives 200 vectors exactly."""
    once = np.pad(window, REFLECTED_SAMPLES, mode="reflect")
    return np.pad(once, REFLECTED_SAMPLES, mode="reflect")
