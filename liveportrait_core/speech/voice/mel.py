"""Log-mel bands of speech, relative to how loud the voice is."""

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.voice.spectrum import BIN_HZ, WINDOW_SAMPLES, Rows, decibels

BANDS: Final = 26
CONTEXT_ROWS: Final = 13
_LOWEST_HZ: Final = 80.0
_HIGHEST_HZ: Final = 7600.0
_LOUD_PERCENTILE: Final = 95
_QUIETEST_DB: Final = -60.0
_UNIT_DB: Final = 20.0
_TIMBRE: Final = 0.7  # how much of a voice's and a microphone's mean spectrum is taken out


def log_mels(powers: Rows, is_active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the bands of each row of `power_spectra`.

    Relative to the loudest twentieth of the voice, and mostly to its mean in each band; where a
    voice is heard at all.

    Returns:
        T×26, in units of 20 dB.
    """
    loud_db = np.percentile(decibels(powers.sum(1))[is_active], _LOUD_PERCENTILE)
    bands_db = decibels(powers @ _filters()).astype(np.float64)
    bands = np.maximum(bands_db - loud_db, _QUIETEST_DB) / _UNIT_DB
    return bands - _TIMBRE * bands[is_active].mean(0)


def in_context(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each row with the six before and the six after it, side by side: T×338."""
    half = CONTEXT_ROWS // 2
    padded = np.pad(rows, ((half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT_ROWS, axis=0)
    return windows.transpose(0, 2, 1).reshape(len(rows), -1)


@functools.cache
def _filters() -> Rows:
    """Triangles of equal width in mels (O'Shaughnessy), 257×26."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST_HZ, _HIGHEST_HZ))
    edges_hz = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hertz = np.arange(WINDOW_SAMPLES // 2 + 1)[:, None] * BIN_HZ
    rising = (hertz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    falling = (edges_hz[2:] - hertz) / np.diff(edges_hz)[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
