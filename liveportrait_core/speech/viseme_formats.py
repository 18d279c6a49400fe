"""The forms in which synthesisers give visemes, as `TimedViseme`.

[{"ms": 120, "viseme": "PP"}, …]               ours; also with Azure's numbers or Polly's names
[{"audioOffset": 1200000, "visemeId": 21}, …]  Azure's events: ticks of 100 ns
{"time": 120, "type": "viseme", "value": "p"}  Polly's speech marks, one a line
{"characters": ["H", …], "character_start_times_seconds": […], "character_end_times_seconds": […]}
ElevenLabs' alignment: spelling with times
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from liveportrait_core.errors import InvalidOption
from liveportrait_core.speech.spelling import spelt

VISEMES: Final = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou",
)  # fmt: skip
"""The names of `TimedViseme`: silence, then the mouth shapes of speech."""
MOST_VISEMES: Final = 10_000
_LATEST_MS: Final = 3_600_000
_AZURE: Final = (
    "sil", "aa", "aa", "oh", "E", "RR", "ih", "ou", "oh", "aa", "oh", "aa", "kk", "RR", "DD",
    "SS", "CH", "TH", "FF", "DD", "kk", "PP",
)  # fmt: skip
_POLLY: Final = {
    "p": "PP", "t": "DD", "S": "CH", "T": "TH", "f": "FF", "k": "kk", "i": "ih", "r": "RR",
    "s": "SS", "u": "ou", "@": "E", "a": "aa", "e": "E", "E": "E", "o": "oh", "O": "oh",
    "sil": "sil",
}  # fmt: skip
_TICKS_A_MS: Final = 10_000
_PAUSE_S: Final = 0.15
_FORMS: Final = (
    'accepted: a list of {"ms", "viseme"}, Azure\'s events, Polly\'s speech marks or ElevenLabs\' '
    "alignment"
)


@dataclass(frozen=True, kw_only=True)
class TimedViseme:
    """The mouth's shape from a moment of the sound on, until the next one."""

    at_ms: int
    viseme: str  # one of VISEMES


def require_in_order(visemes: tuple[TimedViseme, ...]) -> None:
    """Refuse visemes that are unknown, or not in the order of time.

    Raises:
        InvalidOption: they are.
    """
    for shape in visemes:
        if shape.viseme not in VISEMES:
            raise InvalidOption(f"viseme is {shape.viseme!r}; accepted: {', '.join(VISEMES)}")
    times = [0, *(shape.at_ms for shape in visemes)]
    late = [after for before, after in pairwise(times) if after < before]
    if late:
        raise InvalidOption(
            f"a viseme is at {late[0]} ms, before the one that precedes it; accepted: from 0, "
            "in the order of time"
        )


def parse_visemes(text: str) -> tuple[TimedViseme, ...]:
    """Read a file of visemes, in any of the forms.

    Raises:
        InvalidOption: it is of none, or one of its rows is not; the message names the row.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as whole:
        data = _lines(text, whole)
    if isinstance(data, Mapping):
        alignment = data.get("alignment", data)
        if isinstance(alignment, Mapping) and "characters" in alignment:
            return _aligned(alignment)
        data = [data]
    if not isinstance(data, list):
        raise InvalidOption(f"visemes are a {type(data).__name__}; {_FORMS}")
    return timed_visemes(data)


def timed_visemes(rows: Sequence[object]) -> tuple[TimedViseme, ...]:
    """Read rows of ours, Azure's or Polly's form.

    Raises:
        InvalidOption: a row is not accepted; the message names it, counted from 1.
    """
    if len(rows) > MOST_VISEMES:
        raise InvalidOption(f"{len(rows)} visemes; accepted: up to {MOST_VISEMES}")
    timed = tuple(
        shape for number, row in enumerate(rows, 1) if (shape := _timed(number, row)) is not None
    )
    require_in_order(timed)
    return timed


def _lines(text: str, whole: Exception) -> list[Any]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError) as fault:
                raise InvalidOption(
                    f"visemes, line {number}, are no JSON ({fault}); {_FORMS}"
                ) from whole
    return rows


def _timed(number: int, row: object) -> TimedViseme | None:
    """Return one row; None: another kind of Polly's marks."""
    if not isinstance(row, Mapping):
        raise InvalidOption(f"visemes, row {number}, is {row!r}; {_FORMS}")
    if row.get("type", "viseme") != "viseme":
        return None
    if "ms" in row and "viseme" in row:
        return _viseme(number, row["ms"], row["viseme"])
    if "time" in row and "value" in row:
        return _viseme(number, row["time"], row["value"])
    for offset, name in (("audioOffset", "visemeId"), ("audio_offset", "viseme_id")):
        if offset in row and name in row:
            ticks = row[offset]
            return _viseme(number, ticks / _TICKS_A_MS if _is_number(ticks) else ticks, row[name])
    raise InvalidOption(f"visemes, row {number}, has the fields {', '.join(row)}; {_FORMS}")


def _viseme(number: int, at_ms: Any, viseme: object) -> TimedViseme:
    if not (_is_number(at_ms) and 0 <= at_ms <= _LATEST_MS):
        raise InvalidOption(
            f"visemes, row {number}, is at {at_ms!r}; accepted: milliseconds from 0 to {_LATEST_MS}"
        )
    name = _name_of(viseme)
    if name is None:
        raise InvalidOption(
            f"visemes, row {number}: viseme is {viseme!r}; accepted: {', '.join(VISEMES)}, Azure's "
            f"0 to {len(_AZURE) - 1}, or Polly's {', '.join(_POLLY)}"
        )
    return TimedViseme(at_ms=round(at_ms), viseme=name)


def _name_of(viseme: object) -> str | None:
    if isinstance(viseme, str):
        return viseme if viseme in VISEMES else _POLLY.get(viseme)
    if isinstance(viseme, int) and not isinstance(viseme, bool) and 0 <= viseme < len(_AZURE):
        return _AZURE[viseme]
    return None


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _aligned(alignment: Mapping[str, Any]) -> tuple[TimedViseme, ...]:
    """Read characters with times by the rule of spelling; longer pauses are silent."""
    columns: list[Any] = [
        alignment.get(name)
        for name in (
            "characters", "character_start_times_seconds", "character_end_times_seconds",
        )
    ]  # fmt: skip
    if not all(isinstance(each, list) for each in columns) or len(set(map(len, columns))) != 1:
        raise InvalidOption(f"an alignment needs three lists of one length; {_FORMS}")
    characters, begins, ends = columns
    if len(characters) > MOST_VISEMES:
        raise InvalidOption(f"{len(characters)} characters; accepted: up to {MOST_VISEMES}")
    for number, (letter, begin, end) in enumerate(zip(*columns, strict=True), 1):
        is_timed = _is_number(begin) and _is_number(end) and 0 <= begin <= end <= _LATEST_MS / 1000
        if not (isinstance(letter, str) and len(letter) == 1 and is_timed):
            raise InvalidOption(
                f"alignment, character {number}, is {letter!r} from {begin!r} to {end!r}; "
                "accepted: one character, and seconds in order"
            )
    timed: list[TimedViseme] = []
    until_s = 0.0
    for first, behind, shapes in spelt("".join(characters)):
        begin_s, end_s = begins[first], ends[behind - 1]
        if shapes and begin_s - until_s >= _PAUSE_S:
            timed.append(TimedViseme(at_ms=round(1000 * until_s), viseme="sil"))
        for place, shape in enumerate(shapes):
            at_s = begin_s + (end_s - begin_s) * place / len(shapes)
            timed.append(TimedViseme(at_ms=round(1000 * at_s), viseme=shape))
        until_s = end_s
    timed.append(TimedViseme(at_ms=round(1000 * until_s), viseme="sil"))
    require_in_order(tuple(timed))
    return tuple(timed)
