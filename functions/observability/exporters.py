"""Export spans and metrics by OpenTelemetry's SDK and its OTLP/HTTP exporters.

The only module that imports the SDK, and only once something is to be exported. Must be started
after the server has forked: exporters have threads. Never blocks a render: the wait for a flush is
bounded, and a collector that is down is a warning in the log.
"""

import atexit
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import metrics, trace

from functions.observability import log, telemetry
from functions.observability.trace_context import TraceContext
from functions.otel_settings import Exported

_PATIENCE_S = 1.0  # at the end of a request
_LAST_PATIENCE_S = 2.0  # at the process's end; Cloud Run leaves 10 s after SIGTERM
_COMPLAIN_EVERY_S = 60.0
_METRICS_EVERY_S = 10.0  # a time series must not be written more often


class Exporters:
    """The exporters of one process, started once."""

    def __init__(self, exported: Exported, *, project: str | None = None) -> None:
        """Store what to export; start nothing yet.

        Args:
            exported: the signals to export.
            project: of the cloud, so that log lines can name their trace.
        """
        self._exported = exported
        self._project = project
        self._starting = threading.Lock()
        self._started = False
        self._flushes: list[_Flush] = []

    def start(self) -> None:
        """Start the exporters, if any are configured; idempotent."""
        if self._started or not self._exported.anything:
            return
        with self._starting:
            if self._started:
                return
            self._open()
            self._started = True

    @contextmanager
    def request(self, name: str, header: Callable[[str], str | None]) -> Iterator[None]:
        """Trace one event or task as part of its caller's trace; flush before it is answered.

        Args:
            name: `event` or `task`.
            header: returns a header of the request by its name, in any case.
        """
        self.start()
        received = TraceContext.of_headers(header("traceparent"), header("X-Cloud-Trace-Context"))
        try:
            with telemetry.request(name, received, project=self._project):
                yield
        finally:
            self.flush()

    def flush(self) -> None:
        """Send what was recorded before the cloud freezes this process; wait a second at most."""
        give_up_at = time.monotonic() + _PATIENCE_S
        for each in self._flushes:
            each.run(give_up_at)

    def _open(self) -> None:
        from opentelemetry.sdk.resources import Resource

        _warn_by_our_log()
        resource = Resource.create(
            {"service.name": self._exported.service, "service.instance.id": str(uuid.uuid4())}
        )
        closing: list[Callable[[], object]] = []
        if self._exported.spans:
            closing.append(self._open_spans(resource))
        if self._exported.metrics:
            closing.append(self._open_metrics(resource))
        atexit.register(_Ending(closing).run)
        log.info("telemetry exported", spans=self._exported.spans, metrics=self._exported.metrics)

    def _open_spans(self, resource: Any) -> Callable[[], object]:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
        self._flushes.append(_Flush(provider.force_flush, every_s=0.0))
        return provider.shutdown

    def _open_metrics(self, resource: Any) -> Callable[[], object]:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        metrics.set_meter_provider(provider)
        self._flushes.append(_Flush(provider.force_flush, every_s=_METRICS_EVERY_S))
        return provider.shutdown


class _Flush:
    """One signal's flush, in a thread of its own: the SDK's own has no time limit."""

    def __init__(self, flush: Callable[[], object], *, every_s: float) -> None:
        self._flush = flush
        self._every_s = every_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began = float("-inf")

    def run(self, give_up_at: float) -> None:
        """Flush and wait; not where an earlier flush hangs, nor sooner than `every_s`."""
        earlier = self._thread
        if earlier is not None and earlier.is_alive():
            if time.monotonic() - self._began > _PATIENCE_S:
                return
            _join(earlier, give_up_at)  # it may have begun before the newest records were made
        own = self._begin()
        if own is not None:
            _join(own, give_up_at)

    def _begin(self) -> threading.Thread | None:
        with self._lock:
            now = time.monotonic()
            busy = self._thread is not None and self._thread.is_alive()
            if busy or now - self._began < self._every_s:
                return self._thread if busy else None
            self._began = now
            self._thread = threading.Thread(target=self._flush, daemon=True)
            self._thread.start()
            return self._thread


class _Ending:
    """The last flushes, in parallel and for a bounded time.

    Their threads are started beforehand: since Python 3.12 none can be started once the interpreter
    is ending.
    """

    def __init__(self, closing: list[Callable[[], object]]) -> None:
        self._has_come = threading.Event()
        self._threads = [
            threading.Thread(target=self._close, args=(close,), name="telemetry-end", daemon=True)
            for close in closing
        ]
        for thread in self._threads:
            thread.start()

    def run(self) -> None:
        self._has_come.set()
        give_up_at = time.monotonic() + _LAST_PATIENCE_S
        for thread in self._threads:
            _join(thread, give_up_at)

    def _close(self, close: Callable[[], object]) -> None:
        self._has_come.wait()
        close()


def _join(thread: threading.Thread, give_up_at: float) -> None:
    thread.join(max(give_up_at - time.monotonic(), 0.0))


class _IntoOurLog(logging.Handler):
    """Writes the SDK's messages to our log: as warnings, one per minute and exporter.

    The SDK logs every attempt that it repeats.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told_at: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._told_at.get(record.name, -_COMPLAIN_EVERY_S) < _COMPLAIN_EVERY_S:
            return
        self._told_at[record.name] = now
        log.warning("telemetry not exported", reason=record.getMessage(), logger=record.name)


def _warn_by_our_log() -> None:
    theirs = logging.getLogger("opentelemetry")
    theirs.addHandler(_IntoOurLog())
    theirs.propagate = False
