"""Sound as Wav2Lip takes it: 80 mel bands every 12.5 ms. wav2lip.md, sections 1 and 2.

Float64 throughout, rounded once at the end.
"""

from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.values import SAMPLE_RATE_HZ

WINDOW_SAMPLES, HOP_SAMPLES = 800, 200
BANDS = 80
LOWEST_HZ, HIGHEST_HZ = 55.0, 7600.0
PRE_EMPHASIS = 0.97
FLOOR = 1e-5
REFERENCE_DB = 20.0
SILENCE = -4.0
"""The least value, which silence has exactly."""
WINDOW_COLUMNS = 16
COLUMNS_PER_SECOND = SAMPLE_RATE_HZ // HOP_SAMPLES


def mel_spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 80×T values in −4…4, T = 1 + samples // 200; column c is centred on sample 200·c."""
    exact = samples.astype(np.float64)
    emphasised = exact.copy()
    emphasised[1:] -= PRE_EMPHASIS * exact[:-1]
    padded = np.pad(emphasised, WINDOW_SAMPLES // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    phase = 2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES
    hann = 0.5 - 0.5 * np.cos(phase)
    magnitude = np.abs(np.fft.rfft(frames * hann, axis=1)).T
    bands = mel_filters().astype(np.float64) @ magnitude
    decibels = 20 * np.log10(np.maximum(FLOOR, bands)) - REFERENCE_DB
    return np.clip(8 * (decibels + 100) / 100 - 4, SILENCE, -SILENCE).astype(np.float32)


@cache
def mel_filters() -> NDArray[np.float32]:
    """Return 80×401 triangles on Slaney's scale, each of area one."""
    edges = _hertz(np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), BANDS + 2))
    bins = np.arange(WINDOW_SAMPLES // 2 + 1) * (SAMPLE_RATE_HZ / WINDOW_SAMPLES)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    return (np.maximum(0, triangles) * 2 / (high - low)).astype(np.float32)


def window_starts(fps: Fraction, columns: int) -> list[int]:
    """Return the first column of each frame's window as the original counts, in float64.

    The original ends where no whole window is left, and repeats the last one once.
    """
    step, starts = 80.0 / float(fps), list[int]()
    while int(len(starts) * step) + WINDOW_COLUMNS <= columns:
        starts.append(int(len(starts) * step))
    return [*starts, columns - WINDOW_COLUMNS]


def frame_starts(
    fps: Fraction, columns: int, frame_count: int, *, offset_frames: int = 0
) -> NDArray[np.int64]:
    """Return the first column of each frame's window, exactly, for every frame of the sound.

    Args:
        fps: of the frames.
        columns: of the spectrogram, 16 at least.
        frame_count: how many windows.
        offset_frames: −1 pairs sound and frames as training did, 0 as the original's inference.
    """
    exact = [COLUMNS_PER_SECOND * (index + offset_frames) / fps for index in range(frame_count)]
    starts = np.array([int(start // 1) for start in exact], dtype=np.int64)
    return np.clip(starts, 0, columns - WINDOW_COLUMNS)


def at_least_one_window(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lengthen a spectrogram of less than 0.2 s by silence."""
    missing = max(0, WINDOW_COLUMNS - mel.shape[1])
    return np.pad(mel, ((0, 0), (0, missing)), constant_values=SILENCE)


def _mel(hertz: float) -> float:
    if hertz < 1000:
        return 3 * hertz / 200
    return 15 + 27 * float(np.log(hertz / 1000) / np.log(6.4))


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
