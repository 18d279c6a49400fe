"""One JSON line per fact, with the names that Cloud Logging and Error Reporting look for."""

import json
import threading
from contextvars import copy_context
from typing import Any

import pytest

from functions.observability import log
from functions.observability.trace_context import TraceContext

HERE = TraceContext(
    trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331", sampled=True
)


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_a_fact_is_one_line_with_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    with log.bound(avatar_id="Zoë"):
        with log.bound(render_id="0123"):
            log.info("published", frame_count=3, path="a\nb")
        log.warning("late")
    log.info("alone")
    first, second, third = told(capsys)
    assert first == {
        "severity": "INFO",
        "message": "published",
        "avatarId": "Zoë",
        "renderId": "0123",
        "frameCount": 3,
        "path": "a\nb",
        "logging.googleapis.com/labels": {"avatarId": "Zoë", "renderId": "0123"},
    }
    assert (second["severity"], second["avatarId"]) == ("WARNING", "Zoë")
    assert "renderId" not in second
    assert third == {"severity": "INFO", "message": "alone"}


def test_an_error_is_one_that_error_reporting_takes(capsys: pytest.CaptureFixture[str]) -> None:
    log.error("renderer does not open", reason=ValueError("x"))
    (line,) = told(capsys)
    assert line.pop("@type").endswith(".v1beta1.ReportedErrorEvent")
    assert line == {"severity": "ERROR", "message": "renderer does not open", "reason": "x"}


def test_an_exception_is_told_with_the_stack_by_which_it_is_grouped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as outer:
        log.fault("event not served", outer, event_id="7")
    (line,) = told(capsys)
    assert (line["severity"], line["reason"], line["eventId"]) == ("ERROR", "outer", "7")
    assert line["@type"].endswith(".v1beta1.ReportedErrorEvent")
    assert line["stack_trace"].startswith("Traceback (most recent call last):\n")
    assert line["stack_trace"].endswith("ValueError: outer\n")
    assert "KeyError: 'inner'" in line["stack_trace"]


def test_lines_stand_in_the_trace_of_their_request(capsys: pytest.CaptureFixture[str]) -> None:
    with log.traced(HERE, project="demo"), log.bound(avatar_id="7"):
        log.info("inside")
        thread = threading.Thread(target=copy_context().run, args=(log.info, "in a thread"))
        thread.start()
        thread.join()
    log.info("outside")
    *inside, outside = told(capsys)
    for line in inside:
        assert line["logging.googleapis.com/trace"] == f"projects/demo/traces/{HERE.trace_id}"
        assert line["logging.googleapis.com/spanId"] == HERE.span_id
        assert line["logging.googleapis.com/trace_sampled"] is True
    assert outside == {"severity": "INFO", "message": "outside"}


def test_a_trace_without_a_span_or_a_project_tells_only_what_is_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spanless = TraceContext(trace_id=HERE.trace_id, span_id="0" * 16, sampled=False)
    with log.traced(spanless, project="demo"):
        log.info("no span")
    with log.traced(HERE, project=None):
        log.info("no project")
    with log.traced(None, project="demo"):
        log.info("no trace")
    first, *others = told(capsys)
    assert "logging.googleapis.com/spanId" not in first
    assert first["logging.googleapis.com/trace_sampled"] is False
    assert [sorted(line) for line in others] == [["message", "severity"]] * 2


def test_a_line_has_a_length_that_the_cloud_takes(capsys: pytest.CaptureFixture[str]) -> None:
    huge: list[object] = [
        "x" * 900_000,
        ValueError("x" * 900_000),
        ["x" * 9_000] * 1_000,
        {str(number): "x" for number in range(100_000)},
        {"x" * 900_000: [{"a": b"x" * 900_000}]},
        10**5_000,
    ]
    for value in huge:
        log.warning("refused", reason=value)
    (text, *_, number) = lines = told(capsys)
    assert all(len(json.dumps(line)) < 256_000 for line in lines)
    assert text["reason"].startswith("xxx")
    assert text["reason"].endswith("xxx")
    assert " 898000 characters " in text["reason"]
    assert number["reason"].startswith("0x")


def test_a_huge_fault_is_told_with_both_ends_of_its_stack(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        raise ValueError("x" * 900_000)
    except ValueError as fault:
        log.fault("event not served", fault)
    (line,) = told(capsys)
    assert line["stack_trace"].startswith("Traceback (most recent call last):")
    assert len(json.dumps(line)) < 20_000
