"""The story's spans and metrics, sent to a real collector by a process of its own."""

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from functions.errors import Superseded
from functions.observability import telemetry
from functions.observability.trace_context import TraceContext
from tests.functions.observability.otlp import Collector

CALLER = TraceContext(trace_id="a" * 32, span_id="b" * 16, sampled=True)
OPENING = """
    import json, os, sys
    from functions.observability import log, telemetry
    from functions.errors import RetryLater
    from functions.observability.exporters import Exporters
    from functions.otel_settings import exported
    from functions.observability.telemetry import Outcome
    from functions.observability.trace_context import TraceContext

    CALLER = TraceContext(trace_id="a" * 32, span_id="b" * 16, sampled=True)
    exporters = Exporters(exported(os.environ))
"""


def run(script: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Run a script in its own process, since providers can be set once; returns its log."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OPENING) + textwrap.dedent(script)],
        env={**bare, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_spans_nest_in_the_callers_trace_and_the_log_names_it() -> None:
    script = """
        exporters.start()
        with telemetry.request("event", CALLER, project="demo"):
            with telemetry.span("gate", engine="mesh"):
                log.info("inside")
            try:
                with telemetry.span("render"):
                    raise ValueError("avatars/secret")
            except ValueError:
                pass
            telemetry.stages_done({"prepare": 1.0, "motion": 2.0})
            telemetry.describe(frames=30)
            print(telemetry.here().traceparent, file=sys.stdout)
        exporters.flush()
        os._exit(0)  # as a frozen instance: nothing is sent later
    """
    with Collector() as collector:
        lines = run(script, collector.environment)
    spans = {span.name: span for span in collector.spans}
    root = spans["event"]
    assert (root.trace_id, root.parent_id) == (CALLER.trace_id, CALLER.span_id)
    assert root.attributes == {"frames": 30}
    for name in ("gate", "render", "prepare", "motion"):
        assert (spans[name].trace_id, spans[name].parent_id) == (root.trace_id, root.span_id)
    assert spans["gate"].attributes == {"engine": "mesh"}
    assert spans["render"].is_error
    assert spans["render"].attributes == {"ended_by": "ValueError"}
    assert not root.is_error
    assert "secret" not in repr(collector.spans)
    assert spans["prepare"].ended_ns == spans["motion"].began_ns
    assert spans["motion"].ended_ns - spans["motion"].began_ns == 2_000_000_000
    (inside,) = (line for line in lines if line["message"] == "inside")
    assert inside["logging.googleapis.com/trace"] == f"projects/demo/traces/{CALLER.trace_id}"
    assert inside["logging.googleapis.com/spanId"] == root.span_id


def test_what_a_redelivery_cures_is_no_error_in_the_trace() -> None:
    script = """
        exporters.start()
        try:
            with telemetry.request("task"):
                raise RetryLater("later")
        except RetryLater:
            pass
        exporters.flush()
    """
    with Collector() as collector:
        run(script, collector.environment)
    (span,) = collector.spans
    assert (span.name, span.parent_id, span.is_error) == ("task", "", False)
    assert span.attributes == {"ended_by": "RetryLater"}


def test_every_metric_arrives_at_the_latest_when_the_process_ends() -> None:
    script = """
        exporters.start()
        telemetry.queue_wait(4.2)
        telemetry.queue_wait(-0.1)  # clocks differ
        telemetry.cold_start(12)
        telemetry.worked(36, on_gpu=True, usd_per_hour=1.5)
        telemetry.worked(36, on_gpu=False, usd_per_hour=1.5)
        telemetry.outcome(Outcome.FAILED, "IMAGE_NO_FACE")
        telemetry.outcome(Outcome.PUBLISHED)
        telemetry.outcome(Outcome.SUPERSEDED)
        with telemetry.stage("upload"):
            pass
    """
    with Collector() as collector:
        run(script, collector.environment)
    wait = collector.histogram("idle.queue_wait")
    assert (wait.count, wait.sum, wait.min) == (2, 4.2, 0.0)
    assert min(wait.explicit_bounds) == 0.1
    assert max(wait.explicit_bounds) == 600
    assert collector.histogram("idle.cold_start").sum == 12
    assert collector.histogram("idle.render.stage", stage="upload").count == 1
    assert collector.sum("idle.gpu_seconds") == 36
    assert collector.sum("idle.cost_usd") == pytest.approx(72 * 1.5 / 3600)
    assert collector.sum("idle.outcome", outcome="failed", code="IMAGE_NO_FACE") == 1
    assert collector.sum("idle.outcome", outcome="published", code="") == 1
    assert collector.sum("idle.superseded") == 1


def test_no_cost_is_told_where_nobody_named_a_price() -> None:
    script = """
        exporters.start()
        telemetry.worked(36, on_gpu=True, usd_per_hour=None)
    """
    with Collector() as collector:
        run(script, collector.environment)
    assert "idle.cost_usd" not in collector.metrics
    assert collector.sum("idle.gpu_seconds") == 36


def test_a_collector_that_is_down_is_a_warning_and_holds_nobody_up() -> None:
    script = """
        exporters.start()
        for _ in range(3):
            with telemetry.request("event", CALLER):
                pass
            exporters.flush()
            log.info("served")
    """
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    lines = run(script, nowhere)
    assert [line["message"] for line in lines].count("served") == 3
    complaints = [line for line in lines if line["message"] == "telemetry not exported"]
    assert len(complaints) == len({line["logger"] for line in complaints}) > 0  # not each attempt
    assert {line["severity"] for line in lines} == {"INFO", "WARNING"}


def test_without_an_exporter_nothing_of_the_sdk_is_imported() -> None:
    script = """
        exporters.start()
        with telemetry.request("event", CALLER, project="demo"), telemetry.span("gate"):
            telemetry.outcome(Outcome.REUSED)
            log.info("inside")
        exporters.flush()
        assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
        assert not [name for name in sys.modules if name.startswith("opentelemetry.exporter")]
    """
    (line,) = run(script, {})
    assert line["logging.googleapis.com/spanId"] == CALLER.span_id


def test_without_exporters_a_trace_is_handed_on_as_it_was_received() -> None:
    assert telemetry.here() is None
    with telemetry.request("task", CALLER), telemetry.span("gate"):
        assert telemetry.here() == CALLER


def test_what_ends_a_span_goes_on_its_way() -> None:
    with pytest.raises(Superseded), telemetry.request("task"), telemetry.stage("download"):
        raise Superseded
