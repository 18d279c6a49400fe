"""The log-based metrics find what they look for in the lines that the code really writes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.cloud.budget import handle_notice
from functions.errors import RetryLater
from functions.runtime.readiness import Readiness
from liveportrait_core.errors import ImageNoFace, OutOfMemory
from tests.deploy.monitoring.log_filter import Entry, entry_of, extract, matches
from tests.functions.cloud.test_budget import NOTICE, pushed, without
from tests.functions.scene import SETTINGS, VIDEO, Scene, document

METRICS = {
    path.stem: json.loads(path.read_text()) for path in Path("deploy/monitoring/metrics").iterdir()
}
STAGES = ("download", "prepare", "motion", "render", "encode", "upload")


def entries(capsys: pytest.CaptureFixture[str]) -> list[Entry]:
    lines = capsys.readouterr().err.splitlines()
    return [entry_of(json.loads(line)) for line in lines]


def values(name: str, told: list[Entry]) -> list[Any]:
    """What a metric makes of these entries: its value each, or its labels."""
    metric = METRICS[name]
    counted = [entry for entry in told if matches(metric["filter"], entry)]
    if "valueExtractor" in metric:
        return [extract(entry, metric["valueExtractor"]) for entry in counted]
    labels = metric.get("labelExtractors", {})
    # What is not there is an empty label.
    return [tuple(extract(entry, each) or "" for each in labels.values()) for entry in counted]


@pytest.fixture
def scene() -> Scene:
    return Scene(settings=replace(SETTINGS, usd_per_hour=3600.0))


def fail(fault: Exception) -> None:
    raise fault


def test_a_spent_budget_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    for notice in (NOTICE, without(costAmount=1.0)):
        handle_notice(pushed(notice), lambda: ("projects/p/locations/l/queues/q",))
    told = entries(capsys)
    assert values("idle-budget-spent", told) == [()]
    assert values("idle-errors", told) == [("budget spent",)]


def test_a_published_render_is_measured(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.renderer.steps = [lambda: scene.clock.advance(7.0)]
    scene.save(document())
    told = entries(capsys)
    assert values("idle-outcomes", told) == [("published", "")]
    assert values("idle-render-seconds", told) == [7.0]
    assert values("idle-queue-wait", told) == [3.0]  # the debounce
    assert values("idle-took", told) == [10.0]
    assert values("idle-gpu-seconds", told) == [0.0]
    assert values("idle-cost-usd", told) == [7.0]
    for stage in ("download", "upload"):  # the others are the renderer's to tell
        assert values(f"idle-stage-{stage}", told) == [0.0]
    assert values("idle-errors", told) == []


def test_gpu_seconds_are_those_of_a_cuda_device_and_no_price_is_no_cost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene = Scene()
    scene.renderer.device = "cuda:0"
    scene.renderer.steps = [lambda: scene.clock.advance(7.0)]
    scene.save(document())
    told = entries(capsys)
    assert values("idle-gpu-seconds", told) == [7.0]
    assert values("idle-cost-usd", told) == []


def test_a_kept_result_a_refusal_and_a_missing_input_are_outcomes(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.save(document())
    scene.save(document(training__livePortrait={"drivingMultiplier": 0.5}))
    scene.save(document())
    scene.save(document(avatarImageUrl=None))
    scene.save(document(training__livePortrait={"drivingMultiplier": "much"}))
    scene.media.objects.pop(VIDEO)
    with pytest.raises(RetryLater):
        scene.save(document())
    assert values("idle-outcomes", entries(capsys)) == [
        ("published", ""),
        ("published", ""),
        ("reused", ""),
        ("refused", "MISSING_HERO_IMAGE"),
        ("refused", "INVALID_PARAMS"),
        ("missing", "HERO_VIDEO_NOT_FOUND"),
    ]


def test_failures_are_counted_by_code_attempt_by_attempt(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    event = scene.write(document())
    for _ in range(3):
        scene.renderer.steps = [lambda: fail(OutOfMemory("too little"))]
        scene.clock.advance(60)
        try:
            scene.handler.handle_event(event)
        except RetryLater:
            continue
    scene.renderer.steps = [lambda: fail(ImageNoFace("no face"))]
    scene.save(document(training__livePortrait={"drivingMultiplier": 0.5}))
    told = entries(capsys)
    assert values("idle-outcomes", told) == [
        ("retried", "RENDER_OOM"),
        ("retried", "RENDER_OOM"),
        ("failed", "RENDER_OOM"),
        ("failed", "IMAGE_NO_FACE"),
    ]
    assert len(values("idle-queue-wait", told)) == 2  # first attempts alone
    assert len(values("idle-gpu-seconds", told)) == 4
    assert values("idle-render-seconds", told) == values("idle-took", told) == []


def test_a_newer_request_and_a_used_up_quota_are_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene = Scene(settings=replace(SETTINGS, renders_per_day=1))

    def save_again() -> None:
        scene.write(document(training__livePortrait={"drivingMultiplier": 0.7}))
        scene.clock.advance(2)

    scene.renderer.steps = [save_again]
    scene.save(document())
    scene.save(document(training__livePortrait={"drivingMultiplier": 0.8}))
    assert values("idle-outcomes", entries(capsys)) == [
        ("superseded", ""),
        ("failed", "QUOTA_EXCEEDED"),
    ]


def test_an_unforeseen_exception_is_an_error(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.renderer.steps = [lambda: fail(ZeroDivisionError("a bug"))]
    with pytest.raises(RetryLater):
        scene.save(document())
    told = entries(capsys)
    assert values("idle-errors", told) == [("render failed",)]
    assert values("idle-outcomes", told) == [("retried", "INTERNAL")]


def test_a_service_that_does_not_get_ready_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    readiness: Readiness[None] = Readiness(lambda: fail(ImageNoFace("no driver")))
    with pytest.raises(RetryLater):
        readiness.wait()
    told = entries(capsys)
    assert values("idle-not-ready", told) == [()]
    assert values("idle-errors", told) == [("not ready",)]


def test_lines_of_other_services_are_not_ours() -> None:
    line = {"severity": "ERROR", "message": "broken", "outcome": "failed", "code": "INTERNAL"}
    assert values("idle-outcomes", [entry_of(line, service="idle-gate")])
    for name in METRICS:
        assert values(name, [entry_of(line, service="another")]) == []


def test_every_metric_of_the_log_is_seen_to_match_by_a_test() -> None:
    """Of the renderer's stages, of readiness and of the cold start a real process tells."""
    seen_here = {
        "idle-outcomes",
        "idle-render-seconds",
        "idle-queue-wait",
        "idle-took",
        "idle-gpu-seconds",
        "idle-cost-usd",
        "idle-budget-spent",
        "idle-errors",
        "idle-not-ready",
    }
    by_a_process = {"idle-cold-start", *(f"idle-stage-{stage}" for stage in STAGES)}
    assert set(METRICS) == seen_here | by_a_process


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ('jsonPayload.outcome="failed"', True),
        ('jsonPayload.outcome="published"', False),
        ("jsonPayload.outcome:* AND jsonPayload.code:*", False),
        ('severity>=WARNING AND (jsonPayload.outcome="a" OR jsonPayload.outcome="failed")', True),
        ('jsonPayload.outcome=("a" OR "failed")', True),
        ('jsonPayload.outcome=("a" OR "b") OR severity>=ERROR', False),
    ],
)
def test_the_query_language_is_read_as_cloud_logging_does(query: str, fits: bool) -> None:
    line = {"severity": "WARNING", "message": "x", "outcome": "failed"}
    assert matches(query, entry_of(line)) is fits


@pytest.mark.parametrize("query", ['jsonPayload.a="b" extra', "NOT severity>=ERROR", "("])
def test_a_query_that_is_not_known_is_no_match_by_accident(query: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        matches(query, entry_of({"severity": "INFO"}))
