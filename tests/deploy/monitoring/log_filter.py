"""As much of Cloud Logging's query language as our log-based metrics use, applied to our lines.

A line is what the process writes; its entry is what Cloud Logging makes of it on Cloud Run.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
_TOKEN = re.compile(r'\s*(?:([()])|(AND|OR)\b|([\w.]+)(>=|=|:)(\*|"[^"]*"|\w+|(?=\())|("[^"]*"))')
Entry = Mapping[str, Any]


def entry_of(line: Mapping[str, Any], *, service: str = "idle-renderer") -> Entry:
    """What Cloud Logging makes of a line: the special fields leave the payload."""
    payload = {key: value for key, value in line.items() if not _is_special(key)}
    labels = {"service_name": service}
    resource = {"type": "cloud_run_revision", "labels": labels}
    return {"severity": line["severity"], "resource": resource, "jsonPayload": payload}


def _is_special(key: str) -> bool:
    return key == "severity" or key.startswith("logging.googleapis.com/")


def extract(entry: Entry, extractor: str) -> object:
    """The value that `EXTRACT(field)` finds; None where there is none."""
    found = re.fullmatch(r"EXTRACT\(([\w.]+)\)", extractor)
    assert found is not None, extractor
    return _dig(entry, found[1])


def matches(text: str, entry: Entry) -> bool:
    """Return whether an entry fits a query.

    Raises:
        ValueError: the query has a form that this does not know.
    """
    tokens = [*_tokens(text)]
    parser = _Parser(tokens=tokens, entry=entry)
    fits = parser.either()
    if parser.value_at != len(tokens):
        raise ValueError(f"left over at {tokens[parser.value_at]} of {text}")
    return fits


def _dig(entry: Entry, path: str) -> object:
    value: object = entry
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _tokens(text: str) -> Iterator[tuple[str, ...]]:
    value_at = 0
    while value_at < len(text):
        found = _TOKEN.match(text, value_at)
        if found is None:
            raise ValueError(f"not known: {text[value_at:]}")
        bracket, word, field, operator, value, string = found.groups()
        yield (field, operator, value) if field else (bracket or word or string,)
        value_at = found.end()


@dataclass
class _Parser:
    tokens: list[tuple[str, ...]]
    entry: Entry
    value_at: int = 0

    def either(self) -> bool:
        fits = self.both()
        while self._take("OR"):
            fits = self.both() or fits
        return fits

    def both(self) -> bool:
        fits = self._term()
        while self._take("AND"):
            fits = self._term() and fits
        return fits

    def _term(self) -> bool:
        if self._take("("):
            fits = self.either()
            self._require(")")
            return fits
        field, operator, value = self.tokens[self.value_at]
        self.value_at += 1
        found = _dig(self.entry, field)
        if value == "":
            return found in self._listed()
        if operator == ":":
            return found is not None
        if operator == ">=":
            return SEVERITIES.index(str(found)) >= SEVERITIES.index(value)
        return found == value.strip('"')

    def _listed(self) -> list[str]:
        self._require("(")
        values = []
        while not self._take(")"):
            values.append(self.tokens[self.value_at][0].strip('"'))
            self.value_at += 1
            self._take("OR")
        return values

    def _take(self, word: str) -> bool:
        taken = self.value_at < len(self.tokens) and self.tokens[self.value_at] == (word,)
        self.value_at += taken
        return taken

    def _require(self, word: str) -> None:
        if not self._take(word):
            raise ValueError(f"{word} expected at {self.tokens[self.value_at :]}")
