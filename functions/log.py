"""One JSON line per fact, as Cloud Logging reads them from standard error.

Knows neither what the facts mean nor who reads them. The avatar and the render at hand are bound
by a context variable, so that no caller has to pass them along.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

_bound: ContextVar[Mapping[str, object]] = ContextVar("_bound", default={})  # noqa: B039 - never mutated


class Severity(StrEnum):
    """Cloud Logging's severities, as far as the doorway uses them."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@contextmanager
def bound(*, avatar_id: str = "", render_id: str = "") -> Iterator[None]:
    """Every fact told inside carries these ids."""
    ids = {"avatarId": avatar_id, "renderId": render_id}
    token = _bound.set({**_bound.get(), **{key: value for key, value in ids.items() if value}})
    try:
        yield
    finally:
        _bound.reset(token)


def info(message: str, **fields: object) -> None:
    """Tell a fact of the ordinary course."""
    _tell(Severity.INFO, message, fields)


def warning(message: str, **fields: object) -> None:
    """Tell a fact that somebody may want to look into."""
    _tell(Severity.WARNING, message, fields)


def error(message: str, **fields: object) -> None:
    """Tell a fact that somebody must look into."""
    _tell(Severity.ERROR, message, fields)


def _tell(severity: Severity, message: str, fields: Mapping[str, object]) -> None:
    line = {"severity": severity, "message": message, **_bound.get()}
    line.update({_camel(name): value for name, value in fields.items()})
    # One write per line: threads must not tear each other's lines apart.
    sys.stderr.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    sys.stderr.flush()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
