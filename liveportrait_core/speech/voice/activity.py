"""When a voice is heard: its energy above the background's."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.values import SAMPLE_RATE_HZ, Speech
from liveportrait_core.speech.voice.spectrum import HOP_S, Rows, decibels, power_spectra

_FLOOR_PERCENTILE: Final = 10
_LOUD_PERCENTILE: Final = 99
# A background is steady. Where a fiftieth is so much quieter than a tenth, the tenth was speech:
# sentences without a pause have only the closures of their p, t and k to tell the background by.
_GAPS_PERCENTILE: Final = 2
_STEADY_DB: Final = 6.0
_ABOVE_FLOOR_DB: Final = 12.0
_QUIETEST_DB: Final = -60.0  # of full scale: digital silence has no floor of its own
_RANGE_DB: Final = 40.0  # what is so far below the loudest is no part of it
# A word cut out tightly has no pause to tell a floor by. So loud, it is no background either.
_WITHOUT_PAUSE_DB: Final = 15.0
_SURELY_LOUD_DB: Final = -35.0
_RANGE_WITHOUT_PAUSE_DB: Final = 18.0
_WINDOW_ROWS: Final = 1
_SHORTEST_S: Final = 0.05  # a click is no voice; a window shows it for 30 ms


def voiced_rows(powers: Rows) -> NDArray[np.bool_]:
    """Tell for each row of `power_spectra` whether a voice is heard."""
    levels_db = decibels(powers.sum(1))
    is_active = levels_db > _threshold_db(levels_db)
    for begin, end in runs(is_active):
        if (end - begin) * HOP_S < _SHORTEST_S:
            is_active[begin:end] = False
        # A window shows a sound half its length before it begins, and as long after it ends.
        is_active[begin : begin + _WINDOW_ROWS] = False
        is_active[end - _WINDOW_ROWS : end] = False
    return is_active


def is_silent(speech: Speech, from_sample: int = 0) -> bool:
    """Tell whether no voice is heard from a sample on."""
    first = -(-from_sample // round(HOP_S * SAMPLE_RATE_HZ))
    return not voiced_rows(power_spectra(speech.samples))[first:].any()


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give (begin, end) of each stretch of True, the end excluded."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _threshold_db(levels_db: Rows) -> float:
    gaps, floor, loud = np.percentile(
        levels_db, (_GAPS_PERCENTILE, _FLOOR_PERCENTILE, _LOUD_PERCENTILE)
    )
    if floor - gaps > _STEADY_DB:
        floor = gaps
    if loud - floor < _WITHOUT_PAUSE_DB and loud > _SURELY_LOUD_DB:
        return float(loud) - _RANGE_WITHOUT_PAUSE_DB
    return max(float(floor) + _ABOVE_FLOOR_DB, _QUIETEST_DB, float(loud) - _RANGE_DB)
