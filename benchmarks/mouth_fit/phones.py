"""Which viseme a phone is: of the IPA, as espeak-ng names them, and of ARPAbet, as flite does."""

from typing import Final

_BY_FIRST_LETTER: Final = {
    "PP": "pbmɓʙ",
    "FF": "fvɱⱱɸβʋ",
    "TH": "θð",
    "DD": "tdlɾʈɖɫɬɭʎ",
    "kk": "kɡgxɣhqɢχʁħʔɦcɟç",
    "CH": "ʃʒɕʑʂʐ",
    "SS": "sz",
    "nn": "nŋɲɳ",
    "RR": "rɹɻʀ",
    "aa": "aɑæɐʌɒ",
    "E": "eɛəɜɘɵɚɝ",
    "ih": "iɪjɨy" + "ʏɯ",
    "oh": "oɔøœɤ",
    "ou": "uʊwʉɥ",
}
_FRONT_ROUND: Final = {"y": "ou", "ʏ": "ou", "ø": "oh", "œ": "oh"}
_BY_LETTER: Final = {
    letter: viseme for viseme, letters in _BY_FIRST_LETTER.items() for letter in letters
} | _FRONT_ROUND
_DIPHTHONG_ENDS: Final = {"ɪ": "ih", "i": "ih", "ʊ": "ou", "u": "ou"}
_ARPABET: Final = {
    "PP": "p b m em", "FF": "f v", "TH": "th dh", "DD": "t d l el dx", "kk": "k g hh",
    "CH": "ch jh sh zh", "SS": "s z", "nn": "n ng en", "RR": "r", "aa": "aa ae ah ax",
    "E": "eh er", "ih": "ih iy y", "oh": "ao", "ou": "uh uw w", "sil": "pau",
}  # fmt: skip
_BY_ARPABET: Final = {
    phone: viseme for viseme, phones in _ARPABET.items() for phone in phones.split()
}
_ARPABET_DIPHTHONGS: Final = {
    "aw": ("aa", "ou"), "ay": ("aa", "ih"), "ey": ("E", "ih"), "ow": ("oh", "ou"),
    "oy": ("oh", "ih"),
}  # fmt: skip


def of_ipa(phone: str) -> tuple[str, ...]:
    """Give the visemes of a phone, one after the other; of none: silence."""
    letters = [letter for letter in phone if letter in _BY_LETTER]
    if not letters:
        return ("sil",)
    shapes = (_BY_LETTER[letters[0]],)
    if len(letters) > 1 and letters[-1] in _DIPHTHONG_ENDS:
        return (*shapes, _DIPHTHONG_ENDS[letters[-1]])
    return ("CH",) if letters[-1] in "ʃʒɕʑʂʐ" else shapes


def of_arpabet(phone: str) -> tuple[str, ...]:
    """Give the visemes of a phone, one after the other.

    Raises:
        KeyError: it is not of ARPAbet.
    """
    return _ARPABET_DIPHTHONGS.get(phone) or (_BY_ARPABET[phone],)
