"""What the spectra of speech tell of the mouth that spoke it.

By rules of phonetics: a low first formant is a closed jaw, a high second one spread lips; a dip
between voiced sounds is a closure; noise without a voice below it is a hiss at the teeth. And by a
fitted map, which is about as good: the mean of both is better than either, but for round lips,
where the map alone is.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.values import Articulation, Curve
from liveportrait_core.speech.voice.activity import runs
from liveportrait_core.speech.voice.mouth_map import fitted_shapes
from liveportrait_core.speech.voice.spectrum import (
    HOP_S,
    SMALLEST_POWER,
    Rows,
    band_power,
    decibels,
)

_LOUD_PERCENTILE: Final = 95
_QUIET_DB: Final = 24.0  # so far below the loud frames the mouth is as good as shut
_HISS_HZ: Final = (3500, 8000)
_VOICE_HZ: Final = (100, 3500)
_FIRST_FORMANTS_HZ: Final = (200, 1100)
_OPEN_VOWELS_HZ: Final = (550, 1100)
_SECOND_FORMANTS_HZ: Final = (900, 3000)
_FRONT_VOWELS_HZ: Final = (1700, 3000)
_CLOSURE_HZ: Final = (400, 3000)  # a hum through the nose lies below
_CLOSURE_DB: Final = 12.0
_CLOSURE_S: Final = (0.040, 0.120)
_HISS_SHARE: Final = 0.5
_WEAK_VOICE_DB: Final = 20.0


def articulation(powers: Rows, is_active: NDArray[np.bool_]) -> Articulation:
    """Read the spectra of `power_spectra`; only rows that are active mean anything."""
    rows = len(powers)
    if not is_active.any():
        still = np.zeros(rows)
        return Articulation(open=still, wide=still, round=still, bite=still, presses=())
    hiss = hiss_share(powers)
    fitted = fitted_shapes(powers, is_active)
    opening, wide = (fitted[:, :2] + ruled_shapes(powers, is_active)).T / 2
    return Articulation(
        open=opening,
        wide=wide,
        round=fitted[:, 2],
        bite=_biting(powers, is_active, hiss),
        presses=_closures(powers, is_active, hiss),
    )


def ruled_shapes(powers: Rows, is_active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give open and wide of each row by the rules alone, T×2 in 0…1."""
    jaw = _share(powers, _OPEN_VOWELS_HZ, _FIRST_FORMANTS_HZ)
    front = _share(powers, _FRONT_VOWELS_HZ, _SECOND_FORMANTS_HZ)
    vowel = loudness(powers, is_active) * (1 - hiss_share(powers))
    return np.clip(vowel[:, None] * np.stack((0.25 + jaw, 1.5 * front - 0.25), axis=1), 0, 1)


def loudness(powers: Rows, is_active: NDArray[np.bool_]) -> Curve:
    """Give 0…1, where 1 is as loud as this voice's loudest twentieth."""
    levels_db = decibels(powers.sum(1)).astype(np.float64)
    loud_db = np.percentile(levels_db[is_active], _LOUD_PERCENTILE)
    return np.clip(1 + (levels_db - loud_db) / _QUIET_DB, 0, 1)


def hiss_share(powers: Rows) -> Curve:
    """Give how much of each row's power is above 3.5 kHz."""
    return _share(powers, _HISS_HZ, (_VOICE_HZ[0], _HISS_HZ[1]))


def _share(powers: Rows, part_hz: tuple[float, float], whole_hz: tuple[float, float]) -> Curve:
    whole = band_power(powers, *whole_hz).astype(np.float64) + SMALLEST_POWER
    return band_power(powers, *part_hz) / whole


def _biting(powers: Rows, is_active: NDArray[np.bool_], hiss: Curve) -> Curve:
    """Give how surely it is "f": a hiss, and hardly a voice below it."""
    low_db = decibels(band_power(powers, *_VOICE_HZ)).astype(np.float64)
    loud_db = np.percentile(low_db[is_active], _LOUD_PERCENTILE)
    is_weak = low_db < loud_db - _WEAK_VOICE_DB
    return np.where(is_weak & is_active, np.clip(2 * (hiss - _HISS_SHARE), 0, 1), 0)


def _closures(
    powers: Rows, is_active: NDArray[np.bool_], hiss: Curve
) -> tuple[tuple[float, float], ...]:
    """Find dips of the voice, too short for a pause and without a hiss in them."""
    levels_db = decibels(band_power(powers, *_CLOSURE_HZ)).astype(np.float64)
    levels_db = np.where(is_active, levels_db, levels_db.min())
    reach = round(_CLOSURE_S[1] / HOP_S) + 1
    before_db, after_db = _highest_around(levels_db, reach)
    dips = levels_db < np.minimum(before_db, after_db) - _CLOSURE_DB
    shortest, longest = (round(seconds / HOP_S) for seconds in _CLOSURE_S)
    return tuple(
        (begin * HOP_S, (end - 1) * HOP_S)
        for begin, end in runs(dips)
        if shortest <= end - begin <= longest and hiss[begin:end].mean() < _HISS_SHARE
    )


def _highest_around(levels_db: Curve, reach: int) -> tuple[Curve, Curve]:
    """Give the highest of the rows before each, and of those after it."""
    padded = np.pad(levels_db, reach, constant_values=levels_db.min())
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach).max(1)
    return windows[: len(levels_db)], windows[reach + 1 : reach + 1 + len(levels_db)]
