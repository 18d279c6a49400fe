"""Short-time power spectra of speech: windows of 32 ms, one every 10 ms."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.values import SAMPLE_RATE_HZ

HOP_S: Final = 0.010
WINDOW_SAMPLES: Final = 512  # 32 ms
_HOP_SAMPLES: Final = 160
_CHUNK_FRAMES: Final = 4096
BIN_HZ: Final = SAMPLE_RATE_HZ / WINDOW_SAMPLES
_LOWEST_HZ: Final = 80.0  # below is rumble, and what is left of an offset
SMALLEST_POWER: Final = 1e-12

Rows = NDArray[np.float32]


def power_spectra(samples: NDArray[np.float32]) -> Rows:
    """Give the power in each band of 31.25 Hz, of windows centred at 0, 10, 20 ms and so on.

    Without the samples' mean. The sum of a row is the window's mean square.

    Returns:
        T×257 float32, at least 0; of bands below 80 Hz: 0.
    """
    centred = samples.astype(np.float64) - (samples.mean(dtype=np.float64) if len(samples) else 0)
    count = len(samples) // _HOP_SAMPLES + 1
    half = WINDOW_SAMPLES // 2
    room = (count - 1) * _HOP_SAMPLES + WINDOW_SAMPLES - half - len(samples)
    padded = np.pad(centred, (half, max(0, room)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::_HOP_SAMPLES]
    shape = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    scale = 2 / (WINDOW_SAMPLES * (shape**2).sum())
    powers = np.empty((count, half + 1), np.float32)
    for begin in range(0, count, _CHUNK_FRAMES):
        chunk = windows[begin : min(count, begin + _CHUNK_FRAMES)] * shape
        powers[begin : begin + len(chunk)] = scale * np.abs(np.fft.rfft(chunk)) ** 2
    powers[:, : round(_LOWEST_HZ / BIN_HZ)] = 0
    return powers


def decibels(power: NDArray[np.floating]) -> Rows:
    """Give power in decibels of full scale, −120 at least."""
    return (10 * np.log10(np.maximum(power, SMALLEST_POWER))).astype(np.float32)


def band_power(powers: Rows, low_hz: float, high_hz: float) -> Rows:
    """Give the power between two frequencies, in each row."""
    return powers[:, round(low_hz / BIN_HZ) : round(high_hz / BIN_HZ)].sum(1)
