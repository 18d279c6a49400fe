"""Record spans and metrics of events, tasks and renders.

Uses OpenTelemetry's API alone: without exporters (`functions.observability.exporters`) every call
here is a no-op. No span and no metric carries an avatar's id or a path: find spans by the render's
fingerprint, or from a log line, which names its trace.
"""

import functools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from functions.errors import RetryLater, Stopped
from functions.observability import log
from functions.observability.trace_context import TraceContext

_SCOPE = "idle"
_BOUNDS_S = (0.1, 0.2, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)


class Outcome(StrEnum):
    """How the handling of an event or task ended, where the document asked for something."""

    PUBLISHED = "published"  # a new video
    REUSED = "reused"  # a kept result answered
    DISPATCHED = "dispatched"  # handed to the queue
    SUPERSEDED = "superseded"  # stopped, because the document asks for something else
    LOST = "lost"  # stopped, because the lease was lost
    RETURNED = "returned"  # given back, because the process ends
    RETRIED = "retried"  # failed, and another attempt follows
    FAILED = "failed"  # failed for good
    REFUSED = "refused"  # blocked, disabled or invalid: not rendered
    MISSING = "missing"  # portrait or clip does not exist yet


@dataclass(frozen=True, kw_only=True)
class _Instruments:
    queue_wait: metrics.Histogram
    cold_start: metrics.Histogram
    stage: metrics.Histogram
    gpu_seconds: metrics.Counter
    cost_usd: metrics.Counter
    outcome: metrics.Counter
    superseded: metrics.Counter


@functools.cache
def _instruments() -> _Instruments:
    meter = metrics.get_meter(_SCOPE)

    def seconds(name: str, description: str) -> metrics.Histogram:
        return meter.create_histogram(
            name, "s", description, explicit_bucket_boundaries_advisory=_BOUNDS_S
        )

    return _Instruments(
        queue_wait=seconds("idle.queue_wait", "from the save, or the dispatch, to the claim"),
        cold_start=seconds("idle.cold_start", "from the process's start to ready"),
        stage=seconds("idle.render.stage", "one stage of a render that was published"),
        gpu_seconds=meter.create_counter(
            "idle.gpu_seconds", "s", "under the render lock with a CUDA device"
        ),
        cost_usd=meter.create_counter(
            "idle.cost_usd", "USD", "time under the render lock at the price that was set"
        ),
        outcome=meter.create_counter("idle.outcome", "1", "how looks at avatars ended"),
        superseded=meter.create_counter(
            "idle.superseded", "1", "renders given up because the document asks for something else"
        ),
    )


# --- spans


@contextmanager
def request(
    name: str, received: TraceContext | None = None, *, project: str | None = None
) -> Iterator[None]:
    """Open the span of one event or task, in the caller's trace where it names one.

    Args:
        name: `event`, `task` or `mend`.
        received: the caller's trace context.
        project: of the cloud, so that log lines can name the trace.
    """
    with (
        trace.get_tracer(_SCOPE).start_as_current_span(
            name,
            context=_parent(received),
            kind=SpanKind.CONSUMER,
            record_exception=False,  # messages may hold paths
            set_status_on_exception=False,
        ) as current,
        log.traced(here() or received, project=project),
        _judging(current),
    ):
        yield


@contextmanager
def span(name: str, **attributes: AttributeValue) -> Iterator[None]:
    """Open a span below the current one."""
    with (
        trace.get_tracer(_SCOPE).start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as current,
        _judging(current),
    ):
        yield


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Open the span of a render's stage; record its duration where it succeeds."""
    began = time.monotonic()
    with span(name):
        yield
    _instruments().stage.record(time.monotonic() - began, {"stage": name})


def stages_done(seconds: Mapping[str, float]) -> None:
    """Record stages that the renderer has timed: consecutive, the last one ending now."""
    tracer = trace.get_tracer(_SCOPE)
    at_ns = time.time_ns() - round(sum(seconds.values()) * 1e9)
    for name, length_s in seconds.items():
        done = tracer.start_span(name, start_time=at_ns)
        at_ns += round(length_s * 1e9)
        done.end(at_ns)
        _instruments().stage.record(length_s, {"stage": name})


def describe(**attributes: AttributeValue) -> None:
    """Set attributes of the current span."""
    trace.get_current_span().set_attributes(attributes)


def here() -> TraceContext | None:
    """Return the current trace context, for a receiver to continue; None outside any."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return TraceContext(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        sampled=context.trace_flags.sampled,
    )


def _parent(received: TraceContext | None) -> Context:
    if received is None or not received.has_span:
        return Context()
    context = trace.SpanContext(
        trace_id=int(received.trace_id, 16),
        span_id=int(received.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(received.sampled)),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(context), Context())


@contextmanager
def _judging(current: trace.Span) -> Iterator[None]:
    """Record the exception that ends a span; only an unforeseen one makes it an error."""
    try:
        yield
    except Exception as fault:
        current.set_attribute("ended_by", type(fault).__name__)
        if not isinstance(fault, (RetryLater, Stopped)):
            current.set_status(StatusCode.ERROR, type(fault).__name__)
        raise


# --- metrics


def queue_wait(seconds: float) -> None:
    """Record how long a request waited, from its commit or dispatch to the claim."""
    _instruments().queue_wait.record(max(seconds, 0.0))


def cold_start(seconds: float) -> None:
    """Record the time from the start of this process until it was ready."""
    _instruments().cold_start.record(seconds)


def worked(seconds: float, *, on_gpu: bool, usd_per_hour: float | None) -> None:
    """Record time under the render lock.

    Args:
        seconds: that one render held the lock.
        on_gpu: whether the renderer has a CUDA device.
        usd_per_hour: price of an instance; None: it is not set, and no cost is recorded.
    """
    _instruments().gpu_seconds.add(seconds if on_gpu else 0.0)
    if usd_per_hour is not None:
        _instruments().cost_usd.add(seconds * usd_per_hour / 3600)


def outcome(how: Outcome, code: str | None = None) -> None:
    """Count an outcome.

    Args:
        how: the outcome.
        code: the error code of contract.md, section 5, where there is one.
    """
    attributes = {"outcome": how.value, "code": code or ""}
    _instruments().outcome.add(1, attributes)
    if how is Outcome.SUPERSEDED:
        _instruments().superseded.add(1)
