"""A collector for tests: takes OTLP over HTTP and keeps what it was sent, decoded."""

import gzip
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint

PATIENCE_S = 20.0


@dataclass(frozen=True, kw_only=True)
class SentSpan:
    """One span as it arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str  # empty: a root
    attributes: dict[str, object]
    is_error: bool
    began_ns: int
    ended_ns: int
    service: str


@dataclass
class Collector:
    """Listens while its block lasts."""

    spans: list[SentSpan] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)  # the newest of each name
    requests: int = 0

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(self.path, body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Be down from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """What points an exporter here."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
            "OTEL_METRIC_EXPORT_INTERVAL": "600000",  # what arrives was sent by ourselves
        }

    def take(self, path: str, body: bytes) -> None:
        """One request's worth."""
        self.requests += 1
        if path == "/v1/traces":
            self._take_spans(ExportTraceServiceRequest.FromString(body))
        else:
            assert path == "/v1/metrics"
            self._take_metrics(ExportMetricsServiceRequest.FromString(body))

    def _take_spans(self, sent: ExportTraceServiceRequest) -> None:
        for resource in sent.resource_spans:
            service = str(attributes_of(resource.resource.attributes)["service.name"])
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                self.spans.append(
                    SentSpan(
                        name=span.name,
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        attributes=attributes_of(span.attributes),
                        is_error=span.status.code == 2,
                        began_ns=span.start_time_unix_nano,
                        ended_ns=span.end_time_unix_nano,
                        service=service,
                    )
                )

    def _take_metrics(self, sent: ExportMetricsServiceRequest) -> None:
        for resource in sent.resource_metrics:
            for scope in resource.scope_metrics:
                self.metrics.update({metric.name: metric for metric in scope.metrics})

    def wait(self, arrived: Callable[[Self], bool], what: str) -> None:
        """Wait until it has arrived."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not arrived(self):
            if time.monotonic() > give_up_at:
                names = sorted({span.name for span in self.spans})
                raise AssertionError(f"no {what}; spans {names}, metrics {sorted(self.metrics)}")
            time.sleep(0.05)

    def histogram(self, name: str, **wanted: str) -> HistogramDataPoint:
        """The one point of a histogram with these attributes."""
        return _one(self.metrics[name].histogram.data_points, wanted)

    def sum(self, name: str, **wanted: str) -> float:
        """The value of a counter with these attributes."""
        point: NumberDataPoint = _one(self.metrics[name].sum.data_points, wanted)
        return point.as_double if point.HasField("as_double") else float(point.as_int)


def _one(points: Iterable[Any], wanted: dict[str, str]) -> Any:
    (point,) = (each for each in points if wanted.items() <= attributes_of(each.attributes).items())
    return point


def attributes_of(pairs: Iterable[Any]) -> dict[str, object]:
    """OTLP's key-value pairs as a mapping."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
