"""Timed visemes, as speech synthesisers give them, become what the mouth does.

They say more than any reader of sound can tell: what is said is known, and when.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.track import mouth_track
from liveportrait_core.speech.values import Articulation, MouthTrack, Speech
from liveportrait_core.speech.viseme_formats import TimedViseme, require_in_order
from liveportrait_core.speech.voice.activity import voiced_rows
from liveportrait_core.speech.voice.spectrum import HOP_S, power_spectra

_SILENCE: Final = "sil"
_CLOSED: Final = "PP"
_A_LITTLE: Final = (0.15, 0.0, 0.0, 0.0)
MOUTHS: Final = {
    # open, wide, round, bite
    "sil": (0.0, 0.0, 0.0, 0.0),
    "PP": (0.0, 0.0, 0.0, 0.0),  # and closed
    "FF": (0.0, 0.0, 0.0, 1.0),
    "TH": _A_LITTLE,
    "DD": _A_LITTLE,
    "kk": _A_LITTLE,
    "CH": _A_LITTLE,
    "SS": _A_LITTLE,
    "nn": _A_LITTLE,
    "RR": _A_LITTLE,
    "aa": (1.0, 0.0, 0.0, 0.0),
    "E": (0.6, 0.5, 0.0, 0.0),
    "ih": (0.35, 0.7, 0.0, 0.0),
    "oh": (0.6, 0.0, 0.6, 0.0),
    "ou": (0.3, 0.0, 1.0, 0.0),
}
"""What the mouth does for each of `VISEMES`."""
_LONGEST_CLOSURE_S: Final = 0.200
_HEARD_WITHIN_S: Final = 0.150  # closures are silent, and hissing is weak


@dataclass(frozen=True, kw_only=True)
class VisemeReader:
    """Takes the shapes from visemes, and from the sound only where a voice is heard.

    Raises:
        InvalidOption: a viseme is unknown, or they are not in the order of time.
    """

    visemes: tuple[TimedViseme, ...]

    def __post_init__(self) -> None:
        require_in_order(self.visemes)

    def read(self, speech: Speech, fps: Fraction, frame_count: int) -> MouthTrack:
        """Give the track of a sound, as `SoundReader` does; silence stays silent."""
        heard = voiced_rows(power_spectra(speech.samples))
        said, is_spoken = articulated(self.visemes, len(heard))
        return mouth_track(said, is_spoken & _around(heard), fps, frame_count)


def articulated(
    visemes: tuple[TimedViseme, ...], rows: int
) -> tuple[Articulation, NDArray[np.bool_]]:
    """Give what the mouth does in each row of 10 ms, and whether anything is said there."""
    times_s = [shape.at_ms / 1000 for shape in visemes]
    ends_s = [*times_s[1:], rows * HOP_S]
    mouths = np.zeros((rows, len(MOUTHS[_SILENCE])))
    is_spoken = np.zeros(rows, np.bool_)
    presses = []
    for shape, begin_s, end_s in zip(visemes, times_s, ends_s, strict=False):
        span = slice(round(begin_s / HOP_S), round(end_s / HOP_S))
        mouths[span] = MOUTHS[shape.viseme]
        is_spoken[span] = shape.viseme != _SILENCE
        if shape.viseme == _CLOSED:
            presses.append((begin_s, min(end_s, begin_s + _LONGEST_CLOSURE_S)))
    opening, wide, round_, bite = mouths.T
    return Articulation(
        open=opening, wide=wide, round=round_, bite=bite, presses=tuple(presses)
    ), is_spoken


def _around(heard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = round(_HEARD_WITHIN_S / HOP_S)
    counts = np.convolve(heard.astype(np.int64), np.ones(2 * reach + 1, np.int64))
    return counts[reach : reach + len(heard)] > 0
