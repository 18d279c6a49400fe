"""Visemes from spelling: letters and groups of them, and no pronunciation.

A rule for each group of letters of the Latin, Greek and Cyrillic alphabets, the same for every
language: an English "e" that is not heard counts, a French "ent" too. What it gives is a mouth
that moves at the pace of the words and closes at their m, b and p.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

from liveportrait_core.errors import InvalidOption

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
