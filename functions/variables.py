"""Read environment variables of ours, each by its kind; a wrong value names what is accepted."""

import math
import re
from collections.abc import Mapping
from typing import Final

from functions.errors import InvalidSetting

VERSION: Final = re.compile(r"(?:liveportrait|mesh)-[0-9]+-[0-9a-f]{8}")  # of an engine
_ON = ("on", "true", "1", "yes")
_OFF = ("off", "false", "0", "no", "")


class Variables:
    """LIVEPORTRAIT_* variables by their names without the prefix; an unset one has its default.

    A value that is not accepted, an empty one too, raises `InvalidSetting`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(
        self, name: str, default: str | None = None, *, pattern_hint: str, slashes: bool = False
    ) -> str:
        """Return a text without blanks around it; without a default it must be set."""
        value = self._environment.get(f"LIVEPORTRAIT_{name}", default)
        if value is None:
            raise InvalidSetting(f"LIVEPORTRAIT_{name} is not set; accepted: {pattern_hint}")
        if not value.strip() or value != value.strip() or (not slashes and "/" in value):
            raise InvalidSetting(f"LIVEPORTRAIT_{name} is {value!r}; accepted: {pattern_hint}")
        return value

    def choice(self, name: str, default: str, accepted: tuple[str, ...]) -> str:
        """Return one of these words."""
        value = self._environment.get(f"LIVEPORTRAIT_{name}", default)
        if value not in accepted:
            raise InvalidSetting(
                f"LIVEPORTRAIT_{name} is {value!r}; accepted: {', '.join(accepted)}"
            )
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number of a range."""
        text = self._environment.get(f"LIVEPORTRAIT_{name}", str(default))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise InvalidSetting(
                f"LIVEPORTRAIT_{name} is {text!r}; accepted: a number from {low:g} to {high:g}"
            )
        return value

    def optional_number(self, name: str, low: float, high: float) -> float | None:
        """Return a number of a range; None: it is not set."""
        if f"LIVEPORTRAIT_{name}" not in self._environment:
            return None
        return self.number(name, low, low, high)

    def count(self, name: str, default: int) -> int:
        """Return a whole number from 1."""
        text = self._environment.get(f"LIVEPORTRAIT_{name}", str(default))
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
            raise InvalidSetting(
                f"LIVEPORTRAIT_{name} is {text!r}; accepted: a whole number from 1 to 1000000"
            )
        return int(text)

    def versions(self, name: str) -> frozenset[str] | None:
        """Return engine versions; None: all of them, the default."""
        text = self._environment.get(f"LIVEPORTRAIT_{name}", "all")
        if text in ("all", "none"):
            return None if text == "all" else frozenset()
        named = text.split(",")
        if not all(VERSION.fullmatch(each) for each in named):
            raise InvalidSetting(
                f"LIVEPORTRAIT_{name} is {text!r}; accepted: all, none, or engine versions as "
                "documents show them, such as liveportrait-1-0123abcd, with commas between them"
            )
        return frozenset(named)

    def switch(self, name: str) -> bool:
        """Return whether it is on; by default it is off."""
        text = self._environment.get(f"LIVEPORTRAIT_{name}", "off")
        if text.lower() not in _ON + _OFF:
            raise InvalidSetting(f"LIVEPORTRAIT_{name} is {text!r}; accepted: on or off")
        return text.lower() in _ON
