"""Validate single values of documents. Pure; the rules are the tables of contract.md, section 2.

A value of the wrong type is an error that names the field; a number out of range is clamped.
"""

import math
from collections.abc import Mapping

from functions.domain.document import ABSENT, TIMESTAMP, FieldPath, Opaque, brief, dig
from functions.errors import Code, Failure

_MAX_NONCE_CHARACTERS = 64
_EXACT_DOUBLES = 2**53  # from here on a double may mean one of several integers


def is_missing(value: object) -> bool:
    """Tell whether a value counts as not given."""
    return value is ABSENT or value is None or value == ""


def is_default(value: object) -> bool:
    """Tell whether a value means the default."""
    return value is ABSENT or value is None


def present(fields: Mapping[str, object], path: FieldPath, code: Code) -> object:
    """Return the value at a path.

    Raises:
        Failure: with this code, where it is missing.
    """
    value = dig(fields, path)
    if is_missing(value):
        raise Failure(code, f"{'.'.join(path)} is {brief(value)}", field=".".join(path))
    return value


def invalid(field: str, value: object, accepted: str) -> Failure:
    """Return the error of a value that is not accepted."""
    shown = brief(value)
    return Failure(Code.INVALID_PARAMS, f"{field} is {shown}; accepted: {accepted}", field=field)


def boolean(field: str, value: object, *, default: bool = True) -> bool:
    """Return a boolean.

    Raises:
        Failure: it is none.
    """
    if is_default(value):
        return default
    if not isinstance(value, bool):
        raise invalid(field, value, "true or false")
    return value


def choice(field: str, value: object, accepted: tuple[str, ...], default: str) -> str:
    """Return one of these words, whatever its capitals and the blanks around it.

    Raises:
        Failure: it is none of them.
    """
    if is_default(value):
        return default
    known = {word.lower(): word for word in accepted}
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in known:
        raise invalid(field, value, ", ".join(accepted))
    return known[text]


def whole(value: object) -> int | None:
    """Return a whole number, which Dart writes as a double on phones; None: it is none."""
    if isinstance(value, float) and value.is_integer():  # neither NaN nor infinite
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def nonce(field: str, value: object) -> str | int | None:
    """Return what asks for another render of the same; None: nothing does.

    Raises:
        Failure: it is of another type, or too long.
    """
    if is_default(value):
        return None
    if isinstance(value, Opaque) and value.kind == TIMESTAMP:
        return f"{TIMESTAMP} {value.text}"
    if isinstance(value, str) and len(value) <= _MAX_NONCE_CHARACTERS:
        return value
    number = whole(value)
    if number is None or (isinstance(value, float) and abs(value) >= _EXACT_DOUBLES):
        accepted = f"text of at most {_MAX_NONCE_CHARACTERS} characters, a whole number"
        raise invalid(field, value, f"{accepted} or a timestamp")
    return number


class Clamp:
    """Hold numbers to their ranges; afterwards `applied` tells if one was out of range."""

    def __init__(self) -> None:
        self.applied = False

    def hundredths(self, field: str, value: object, default: int, low: int, high: int) -> int:
        """Return a real number in whole hundredths; default and range are such too.

        Raises:
            Failure: it is no finite number.
        """
        if is_default(value):
            return default
        number = _number(field, value, f"a number from {low / 100} to {high / 100}")
        # Limit the value before multiplying: 1e308 * 100 is infinite.
        return self.within(round(min(max(number, -1), 1000) * 100), low, high)

    def share(self, field: str, value: object) -> float:
        """Return a share in steps of a ten-thousandth.

        Raises:
            Failure: it is no finite number.
        """
        number = _number(field, value, "a number from 0 to 1")
        return self.within(round(min(max(number, -1), 2) * 10_000), 0, 10_000) / 10_000

    def within(self, value: int, low: int, high: int) -> int:
        """Return a number held to its range."""
        self.applied = self.applied or not low <= value <= high
        return min(max(value, low), high)


def _number(field: str, value: object, accepted: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise invalid(field, value, accepted)
    return value


def _finite(value: int | float) -> bool:
    return isinstance(value, int) or math.isfinite(value)
