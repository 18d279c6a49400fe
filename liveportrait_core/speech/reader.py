"""From sound, or sound and text, to what the mouth does: readers that need no weights.

Loudness, spectra and rules; the mouth plainly belongs to the voice and cannot be lip-read. Its
limits and figures: docs/understand/talk.md.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.errors import InvalidOption
from liveportrait_core.speech.spelling import visemes_of
from liveportrait_core.speech.track import mouth_track
from liveportrait_core.speech.values import MouthTrack, Speech
from liveportrait_core.speech.viseme_formats import TimedViseme
from liveportrait_core.speech.visemes import VisemeReader
from liveportrait_core.speech.voice.activity import runs, voiced_rows
from liveportrait_core.speech.voice.articulation import articulation
from liveportrait_core.speech.voice.spectrum import HOP_S, power_spectra

LONGEST_TEXT: Final = 5000
_VOWELS: Final = ("aa", "E", "ih", "oh", "ou")
_VOWEL_LASTS: Final = 1.6  # consonants: 1
_CLAUSES: Final = re.compile(r"[.,;:!?…—\n]+")


class SpeechReader(Protocol):
    """Tells what the mouth does while speech is heard."""

    def read(self, speech: Speech, fps: Fraction, frame_count: int) -> MouthTrack:
        """Give a track of `frame_count` frames, of which frame 0 is shown with sample 0."""
        ...


@dataclass(frozen=True, kw_only=True)
class SoundReader:
    """Reads the sound alone."""

    def read(self, speech: Speech, fps: Fraction, frame_count: int) -> MouthTrack:
        """Give the track of a sound; the same bytes for the same sound.

        Args:
            speech: the sound.
            fps: exact rate of the frames.
            frame_count: how many; those behind the sound's end are at rest.
        """
        powers = power_spectra(speech.samples)
        is_active = voiced_rows(powers)
        return mouth_track(articulation(powers, is_active), is_active, fps, frame_count)


@dataclass(frozen=True, kw_only=True)
class TextReader:
    """Spreads the visemes of a text over the parts of a sound in which a voice is heard.

    Raises:
        InvalidOption: there are no letters in it, or letters of which nothing is known.
    """

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > LONGEST_TEXT:
            raise InvalidOption(
                f"text has {len(self.text)} characters; accepted: up to {LONGEST_TEXT}"
            )
        if not any(visemes_of(self.text)):
            raise InvalidOption("text has no letters; accepted: what is said, or no text")

    def read(self, speech: Speech, fps: Fraction, frame_count: int) -> MouthTrack:
        """Give the track of a sound, as `SoundReader` does."""
        heard = voiced_rows(power_spectra(speech.samples))
        visemes = _spread(self.text, heard)
        return VisemeReader(visemes=visemes).read(speech, fps, frame_count)


def _spread(text: str, heard: NDArray[np.bool_]) -> tuple[TimedViseme, ...]:
    clauses = [groups for clause in _CLAUSES.split(text) if any(groups := visemes_of(clause))]
    parts = _parts(heard, len(clauses))
    if len(parts) != len(clauses):
        clauses = [[group for groups in clauses for group in groups]]
    timed: list[TimedViseme] = []
    for groups, rows in zip(clauses, parts, strict=True):
        timed += _spread_clause([shape for group in groups for shape in group], rows)
    return tuple(timed)


def _parts(heard: NDArray[np.bool_], wanted: int) -> list[NDArray[np.int64]]:
    """Split the voiced rows at the longest pauses into so many parts; one, where that fails."""
    voiced = np.flatnonzero(heard)
    pauses = [(end - begin, begin) for begin, end in runs(~heard) if voiced.size]
    inner = [(length, begin) for length, begin in pauses if voiced[0] < begin < voiced[-1]]
    if len(inner) < wanted - 1:
        return [voiced]
    cuts = sorted(begin for _, begin in sorted(inner, reverse=True)[: wanted - 1])
    return np.split(voiced, np.searchsorted(voiced, cuts))


def _spread_clause(shapes: list[str], rows: NDArray[np.int64]) -> list[TimedViseme]:
    """Give each viseme its share of the voiced rows, in order; a pause among them is silent."""
    if not rows.size or not shapes:
        return []
    lasts = np.array([_VOWEL_LASTS if shape in _VOWELS else 1.0 for shape in shapes])
    begins = (np.cumsum(lasts) - lasts) / lasts.sum()
    places = rows[(begins * len(rows)).astype(np.int64)]
    timed = [
        TimedViseme(at_ms=round(row * HOP_S * 1000), viseme=shape)
        for row, shape in zip(places, shapes, strict=True)
    ]
    return [*timed, TimedViseme(at_ms=round((rows[-1] + 1) * HOP_S * 1000), viseme="sil")]
