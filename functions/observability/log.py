"""One JSON line per fact, as Cloud Logging reads them from standard error.

Knows neither what the facts mean nor who reads them. The avatar, the render and the trace at hand
are bound by a context variable, so that no caller has to pass them along. The special names are
those of Cloud Logging's structured logging; an error carries what makes Error Reporting group it.
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

_SPECIAL = "logging.googleapis.com/"
_MAX_TEXT = 2000  # characters of a field; what clients and strangers write may be a megabyte
_MAX_STACK = 16_000
_MAX_ITEMS = 100
_REPORTED_ERROR = (
    "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
)


class Severity(StrEnum):
    """Cloud Logging's severities, as far as the doorway uses them."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, kw_only=True)
class _Bound:
    ids: Mapping[str, str] = field(default_factory=dict)
    trace: Mapping[str, object] = field(default_factory=dict)


_bound: ContextVar[_Bound] = ContextVar("_bound", default=_Bound())  # noqa: B039 - frozen


@contextmanager
def bound(*, avatar_id: str = "", render_id: str = "") -> Iterator[None]:
    """Every fact told inside carries these ids."""
    ids = {"avatarId": avatar_id, "renderId": render_id}
    known = {key: value for key, value in ids.items() if value}
    before = _bound.get()
    token = _bound.set(replace(before, ids={**before.ids, **known}))
    try:
        yield
    finally:
        _bound.reset(token)


@contextmanager
def traced(context: TraceContext | None, *, project: str | None) -> Iterator[None]:
    """Every fact told inside stands under its request in the Logs Explorer, and in its trace.

    Args:
        context: None: nothing is known, nothing is told.
        project: without it a trace has no name there, and none is told.
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
    """Tell a fact of the ordinary course."""
    _tell(Severity.INFO, message, fields)


def warning(message: str, **fields: object) -> None:
    """Tell a fact that somebody may want to look into."""
    _tell(Severity.WARNING, message, fields)


def error(message: str, **fields: object) -> None:
    """Tell a fact that somebody must look into."""
    # With this type Error Reporting takes the line for an error although no stack is in it.
    _tell(Severity.ERROR, message, fields, {"@type": _REPORTED_ERROR})


def fault(message: str, exception: BaseException, **fields: object) -> None:
    """Tell of an exception that somebody must look into; Error Reporting groups by its stack."""
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
    line.update({_camel(name): _bounded(value) for name, value in fields.items()})
    line.update(special or {})
    line.update(now.trace)
    if now.ids:
        # Labels are indexed and fields are not: an avatar's story is found at once among a month's.
        line[f"{_SPECIAL}labels"] = now.ids
    # One write per line: threads must not tear each other's lines apart.
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def _bounded(value: object) -> object:
    """The value as JSON has it, of a length that a line can take."""
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
    """A text without its middle, where it is longer than that."""
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
