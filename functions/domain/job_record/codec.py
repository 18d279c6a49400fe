"""Convert frozen dataclasses to and from the maps of a ledger document, with camel-case keys.

Keep what only a newer version knows: during a roll-out, and after a roll-back, an older version
reads ledgers of the newer one and writes them again. An unknown key stays with the dataclass it was
read into, for as long as that lives; an unknown value of an enumeration keeps its text. Pure, and
independent of the dataclasses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from liveportrait_core.edit import camel_case

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)
_known_hints: dict[type, Mapping[str, Any]] = {}  # get_type_hints takes longer than all else here


@dataclass(frozen=True, kw_only=True)
class Part:
    """Base of dataclasses that keep unknown keys, which do not count in comparisons."""

    unknown: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)


def read(kind: type[_T], stored: Mapping[str, Any]) -> _T:
    """Return the dataclass of a stored map; an absent key has its default.

    Raises:
        TypeError, AttributeError: no version has written such a map.
    """
    return _read(kind, stored)[0]


def write(part: Any) -> dict[str, object]:
    """Return the map of a dataclass, with the unknown keys that were read with it."""
    unknown = part.unknown if isinstance(part, Part) else {}
    known = {}
    for name in _hints(type(part)):
        key = camel_case(name)
        value = known[key] = _plain(getattr(part, name))
        rest = unknown.get(key)  # unknown keys of a value that cannot keep them itself
        if isinstance(rest, Mapping) and isinstance(value, dict):
            known[key] = {**rest, **value}
    return {**unknown, **known}


def member(kind: type[_E], text: str) -> _E:
    """Return the enumeration's member; for an unknown value, a new one with its text."""
    try:
        return kind(text)
    except ValueError:
        stranger = str.__new__(kind, text)
        stranger._name_ = stranger._value_ = text
        return stranger


def _read(kind: type[_T], stored: Mapping[str, Any]) -> tuple[_T, dict[str, object]]:
    """Return the dataclass, and the unknown keys that it cannot keep."""
    values: dict[str, object] = {}
    rest = dict(stored)
    for name, hint in _hints(kind).items():
        key = camel_case(name)
        if key not in stored:
            continue
        values[name], left = _value(hint, rest.pop(key))
        if left:
            rest[key] = left
    if issubclass(kind, Part):
        return kind(**values, unknown=rest), {}
    return kind(**values), rest


def _value(hint: Any, value: Any) -> tuple[object, dict[str, object]]:
    if value is None:
        return None, {}
    if NoneType in get_args(hint):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], item)[0] for item in value), {}
    if isinstance(hint, type) and is_dataclass(hint):
        return _read(hint, value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return member(hint, value), {}
    return value, {}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return write(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


def _hints(kind: type) -> Mapping[str, Any]:
    """Return the types of a dataclass's fields, by their names."""
    if kind not in _known_hints:
        hints = get_type_hints(kind)
        own = {each.name for each in fields(Part)} if issubclass(kind, Part) else set()
        named = (each.name for each in fields(kind))
        _known_hints[kind] = {name: hints[name] for name in named if name not in own}
    return _known_hints[kind]
