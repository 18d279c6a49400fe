"""Write JSON log lines to standard error, where Cloud Logging reads them.

The current avatar, render and trace are bound by a context variable, so that no caller has to pass
them along. The special names are those of Cloud Logging's structured logging; an error carries what
Error Reporting groups by.
"""

import itertools
import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import StrEnum

from functions.observability.trace_context import TraceContext
from liveportrait_core.edit import camel_case

_SPECIAL = "logging.googleapis.com/"
_MAX_TEXT = 2000  # characters of a field; what clients and callers send may be a megabyte
_MAX_STACK = 16_000
_MAX_ITEMS = 100
_REPORTED_ERROR = (
    "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
)


class Severity(StrEnum):
    """The severities of Cloud Logging that are used here."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, kw_only=True)
class _Bound:
    ids: Mapping[str, str] = field(default_factory=dict)
    trace: Mapping[str, object] = field(default_factory=dict)


_bound: ContextVar[_Bound] = ContextVar("_bound", default=_Bound())  # noqa: B039 - frozen


@contextmanager
def bound(*, avatar_id: str = "", talk_id: str = "", render_id: str = "") -> Iterator[None]:
    """Add these ids to every line written inside."""
    ids = {"avatarId": avatar_id, "talkId": talk_id, "renderId": render_id}
    known = {key: value for key, value in ids.items() if value}
    before = _bound.get()
    token = _bound.set(replace(before, ids={**before.ids, **known}))
    try:
        yield
    finally:
        _bound.reset(token)


@contextmanager
def traced(context: TraceContext | None, *, project: str | None) -> Iterator[None]:
    """Link every line written inside to its request and its trace in the Logs Explorer.

    Args:
        context: the trace; None: it is unknown, and no link is written.
        project: part of the trace's name; None: no link is written.
    """
    trace: dict[str, object] = {}
    if context is not None and project is not None:
        trace[f"{_SPECIAL}trace"] = f"projects/{project}/traces/{context.trace_id}"
        trace[f"{_SPECIAL}trace_sampled"] = context.sampled
        if context.has_span:
            trace[f"{_SPECIAL}spanId"] = context.span_id
    token = _bound.set(replace(_bound.get(), trace=trace))
    try:
        yield
    finally:
        _bound.reset(token)


def info(message: str, **fields: object) -> None:
    """Write a line about normal operation."""
    _tell(Severity.INFO, message, fields)


def warning(message: str, **fields: object) -> None:
    """Write a line about something that may need attention."""
    _tell(Severity.WARNING, message, fields)


def error(message: str, **fields: object) -> None:
    """Write a line about something that needs attention."""
    # With this type Error Reporting takes the line for an error although it has no stack.
    _tell(Severity.ERROR, message, fields, {"@type": _REPORTED_ERROR})


def fault(message: str, exception: BaseException, **fields: object) -> None:
    """Write an exception that needs attention; Error Reporting groups it by its stack."""
    stack = "".join(traceback.format_exception(exception))
    special = {"@type": _REPORTED_ERROR, "stack_trace": _cut(stack, _MAX_STACK)}
    _tell(Severity.ERROR, message, {"reason": str(exception), **fields}, special)


def _tell(
    severity: Severity,
    message: str,
    fields: Mapping[str, object],
    special: Mapping[str, object] | None = None,
) -> None:
    now = _bound.get()
    line: dict[str, object] = {"severity": severity, "message": message, **now.ids}
    line.update({camel_case(name): _bounded(value) for name, value in fields.items()})
    line.update(special or {})
    line.update(now.trace)
    if now.ids:
        # Labels are indexed, fields are not: this finds an avatar's lines fast among a month's.
        line[f"{_SPECIAL}labels"] = now.ids
    # One write per line: lines of several threads must not mix.
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def _bounded(value: object) -> object:
    """Return the value as JSON, cut to a length that a line can hold."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and value.bit_length() < _MAX_TEXT:
        return value
    if isinstance(value, Mapping):
        kept = itertools.islice(value.items(), _MAX_ITEMS)
        return {_cut(str(name), _MAX_TEXT): _bounded(each) for name, each in kept}
    if isinstance(value, list | tuple):
        return [_bounded(each) for each in value[:_MAX_ITEMS]]
    return _cut(hex(value) if isinstance(value, int) else str(value), _MAX_TEXT)


def _cut(text: str, length: int) -> str:
    """Return a text without its middle, where it is longer than this."""
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"
