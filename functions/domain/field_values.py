"""What a document's field may hold, when two values are the same, and how one is validated.

Pure. Values are the plain ones that `cloud.wire.values` decodes from the wire (null, bool,
int, float, str, bytes, list, mapping, and `Opaque` for the rest). Of what is validated, a value of
the wrong type is an error that names the field, and a number out of range is clamped: the rules are
the tables of contract.md, sections 2 and 12.
"""

import math
import reprlib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from functions.errors import Code, Failure

FieldPath = tuple[str, ...]

_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 80
_MAX_NONCE_CHARACTERS = 64
_EXACT_DOUBLES = 2**53  # from here on a double may mean one of several integers


class Absent:
    """The value of a field that does not exist: not the same as null."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()
TIMESTAMP: Final = "timestamp"  # the kind of an `Opaque`


@dataclass(frozen=True, kw_only=True)
class Opaque:
    """A value that can only be compared: a timestamp, or of a type that the contract never uses."""

    kind: str
    text: str


def brief(value: object) -> str:
    """Return a value as a message shows it: a client may have written a megabyte."""
    return _BRIEF.repr(value)[:80]


class Encoded(Mapping[str, object]):
    """A map in its wire form, which may be large: an entry is decoded when it is used."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """How long the wire form is."""

    @abstractmethod
    def alike(self, other: "Encoded", *, but: str) -> bool:
        """Tell, without decoding, whether both are certainly equal; `but` is a key to ignore."""


def same(one: object, other: object, *, but: str = "") -> bool:
    """Tell whether two values are equal on the wire: 1, 1.0 and true differ, NaN equals NaN.

    Stop at the first difference: what clients write may be large.

    Args:
        one: a value.
        other: another.
        but: a key of the outermost map to ignore.
    """
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return _same_maps(one, other, but)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one.hex() == other.hex()  # "nan" for every NaN
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    return type(one) is type(other) and one == other


def _same_maps(one: Mapping[str, object], other: Mapping[str, object], but: str) -> bool:
    if isinstance(one, Encoded) and isinstance(other, Encoded) and one.alike(other, but=but):
        return True
    counting = [key for key in one if not but or key != but]
    if len(counting) != len(other) - bool(but and but in other):
        return False
    return all(key in other and same(one[key], other[key]) for key in counting)


def dig(fields: Mapping[str, object], path: FieldPath) -> object:
    """Return the value at a field path, or ABSENT."""
    value: object = fields
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return ABSENT
        value = value[name]
    return value


# --- validation


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
