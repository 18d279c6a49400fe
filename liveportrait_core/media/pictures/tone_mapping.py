"""Pictures in HDR, PQ or HLG, to sRGB: as clips are, by the arithmetic of ffmpeg's filters."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.media.hdr import KNEE, PEAK, WHITE_CD_M2
from liveportrait_core.media.pictures.colour_space import ColourSpace, Curve, Floats, to_bt709
from liveportrait_core.media.pictures.deep_levels import Levels
from liveportrait_core.report import Frame

_ROWS_PIXELS: Final = 250_000  # at a time: some megabytes
_PQ_PEAK_CD_M2: Final = 10_000
_HLG_PEAK_CD_M2: Final = 1_000
_HLG_SYSTEM_GAMMA: Final = 1.2  # of each channel by itself, as zscale has it for clips
_SRGB_STEPS: Final = 16_384  # near black, a level is 19 of them


class ToneMapping:
    """From the levels of one HDR colour space to sRGB."""

    def __init__(self, space: ColourSpace, most: int) -> None:
        """Compute the tables for levels from 0 to `most`."""
        self._light = _light_of_levels(space, most).astype(np.float32)
        self._matrix = to_bt709(space.primaries).T.astype(np.float32)
        self._srgb = _srgb_levels(np.linspace(0, 1, _SRGB_STEPS + 1))

    def applied(self, levels: Levels) -> Frame:
        """Convert H×W×3."""
        mapped = np.empty(levels.shape, np.uint8)
        for rows in _pieces(levels.shape[0], max(1, _ROWS_PIXELS // levels.shape[1])):
            mapped[rows] = self._mapped(levels[rows])
        return mapped

    def _mapped(self, levels: Levels) -> Frame:
        light = self._light[levels] @ self._matrix
        brightest = np.maximum(light.max(-1, keepdims=True), 1e-6)
        light *= _compressed(brightest) / brightest  # all three alike: hues stay
        steps: NDArray[np.intp] = (np.clip(light, 0, 1) * _SRGB_STEPS + 0.5).astype(np.intp)
        return self._srgb[steps]


def _pieces(count: int, size: int) -> Iterator[slice]:
    for begin in range(0, count, size):
        yield slice(begin, begin + size)


def _light_of_levels(space: ColourSpace, most: int) -> Floats:
    """Return the light of all levels; 1 is white."""
    levels = space.signal(np.arange(most + 1) / most)
    light = _pq(levels) if space.curve is Curve.PQ else _hlg(levels)
    return light / WHITE_CD_M2


def _pq(signal: Floats) -> Floats:
    """Return cd/m² by SMPTE ST 2084."""
    power = signal ** (4096 / 2523 / 128)
    part = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
    return np.asarray(_PQ_PEAK_CD_M2 * part ** (16384 / 2610), np.float64)


def _hlg(signal: Floats) -> Floats:
    """Return cd/m² by ITU-R BT.2100, on a screen of 1000."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.asarray(_HLG_PEAK_CD_M2 * scene**_HLG_SYSTEM_GAMMA, np.float64)


def _compressed(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend what is above the knee, so that the peak becomes white."""
    a = -KNEE * KNEE * (PEAK - 1) / (KNEE * KNEE - 2 * KNEE + PEAK)
    b = (KNEE * KNEE - 2 * KNEE * PEAK + PEAK) / (PEAK - 1)
    bent = (b * b + 2 * b * KNEE + KNEE * KNEE) / (b - a) * (light + a) / (light + b)
    return np.where(light <= KNEE, light, bent)


def _srgb_levels(light: Floats) -> Frame:
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(curved * 255).astype(np.uint8)
