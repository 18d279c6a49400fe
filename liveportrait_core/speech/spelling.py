"""Visemes from spelling: letters and groups of them, and no pronunciation.

A rule for each group of letters of the Latin, Greek and Cyrillic alphabets, the same for every
language: an English "e" that is not heard counts, a French "ent" too. What it gives is a mouth
that moves at the pace of the words and closes at their m, b and p.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.errors import InvalidOption
from liveportrait_core.speech.activity import runs, voiced_rows
from liveportrait_core.speech.spectrum import HOP_S, power_spectra
from liveportrait_core.speech.values import MouthTrack, Speech, TimedViseme
from liveportrait_core.speech.visemes import VisemeReader

LONGEST_TEXT: Final = 5000
_VOWELS: Final = ("aa", "E", "ih", "oh", "ou")
_VOWEL_LASTS: Final = 1.6  # consonants: 1
_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("sch", "tsch", "ch", "sh", "tch", "щ", "ш", "ч", "ж"), ("CH",)),
    **dict.fromkeys(("th", "θ", "δ"), ("TH",)),
    **dict.fromkeys(("ph", "f", "v", "ф", "в", "φ", "β"), ("FF",)),
    **dict.fromkeys(("p", "b", "m", "п", "б", "м", "π", "μ", "μπ"), ("PP",)),
    **dict.fromkeys(("d", "t", "l", "д", "т", "л", "τ", "λ", "ντ"), ("DD",)),
    **dict.fromkeys(("k", "g", "c", "q", "ck", "к", "г", "х", "κ", "γ", "χ"), ("kk",)),
    **dict.fromkeys(("s", "z", "ß", "с", "з", "ц", "σ", "ς", "ζ"), ("SS",)),
    **dict.fromkeys(("n", "ng", "н", "ν"), ("nn",)),
    **dict.fromkeys(("r", "р", "ρ"), ("RR",)),
    **dict.fromkeys(("a", "æ", "а", "я", "α"), ("aa",)),
    **dict.fromkeys(("e", "œ", "е", "э", "є", "ε", "αι"), ("E",)),
    **dict.fromkeys(("i", "y", "ee", "ea", "ie", "и", "ы", "і", "η", "ι", "υ", "ει",
                     "οι"), ("ih",)),
    **dict.fromkeys(("o", "ø", "о", "ο", "ω"), ("oh",)),
    **dict.fromkeys(("u", "w", "oo", "ou", "у", "ю", "ου"), ("ou",)),
    **dict.fromkeys(("ei", "ai", "ay", "ey"), ("aa", "ih")),
    **dict.fromkeys(("oi", "oy", "eu"), ("oh", "ih")),
    "j": ("CH",), "au": ("aa", "ou"), "ow": ("oh", "ou"), "qu": ("kk", "ou"),
    "x": ("kk", "SS"), "ξ": ("kk", "SS"), "ψ": ("PP", "SS"),
    **dict.fromkeys(("h", "ь", "ъ", "'"), ()),
}  # fmt: skip
_LONGEST_GROUP: Final = max(map(len, _GROUPS))
_DIGIT: Final = ("E", "nn")  # however it is called
_CLAUSES: Final = re.compile(r"[.,;:!?…—\n]+")


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


def visemes_of(text: str) -> list[tuple[str, ...]]:
    """Give the visemes of each group of letters.

    Raises:
        InvalidOption: a letter is of none of the known alphabets.
    """
    return [shapes for _, _, shapes in spelt(text)]


def spelt(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Give (begin, end, visemes) of each group of letters and each digit.

    Raises:
        InvalidOption: a letter is of none of the known alphabets.
    """
    letters = [_plain(letter) for letter in text]
    at = 0
    while at < len(letters):
        longest = min(_LONGEST_GROUP, len(letters) - at)
        for size in range(longest, 0, -1):
            group = "".join(letters[at : at + size])
            if group in _GROUPS and all(letters[at : at + size]):
                yield at, at + size, _GROUPS[group]
                break
        else:
            size = 1
            if letters[at].isdigit():
                yield at, at + 1, _DIGIT
            elif letters[at].isalpha():
                raise InvalidOption(
                    f"text holds {text[at]!r}, character {at + 1}; accepted: Latin, Greek and "
                    "Cyrillic letters; without a text the sound is read"
                )
        at += size


def _plain(letter: str) -> str:
    """Return a letter in lower case without its marks: ö is as round as o. Of a mark alone: ""."""
    parts = unicodedata.normalize("NFKD", letter.lower())
    return next((part for part in parts if not unicodedata.combining(part)), "")


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
