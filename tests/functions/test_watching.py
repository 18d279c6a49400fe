"""One save, one render, one trace: what a real function process tells its log and a collector."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from google.cloud import firestore
from google.cloud.storage import Bucket

from emulator.suite import Suite
from functions.trace_context import TraceContext
from tests.end_to_end.deployment import Deployment, Dispatch, deployed
from tests.functions.otlp import Collector, SentSpan
from tests.functions.scene import document
from tests.functions.wire import event_data, name_of

PORTRAIT = Path("emulator/seed/grace_hopper.jpg")
CALLER = TraceContext(trace_id="c" * 32, span_id="d" * 16, sampled=True)
SETTINGS = {
    "LIVEPORTRAIT_DEBOUNCE_S": "0.2",
    "LIVEPORTRAIT_PRICE_PER_HOUR_USD": "3.6",
}
STAGES = ("download", "prepare", "motion", "render", "encode", "upload")
SPECIAL = "logging.googleapis.com/"


class Watched:
    """The function's processes, their logs, and their collector."""

    def __init__(self, deployment: Deployment, collector: Collector, project: str) -> None:
        self.deployment = deployment
        self.collector = collector
        self.project = project

    def lines(self, avatar_id: str) -> list[dict[str, Any]]:
        """What they have told of an avatar so far."""
        logs = {self.deployment.gate.log, self.deployment.renderer.log}
        told = (line for log in logs for line in log.read_text().splitlines())
        lines = [json.loads(line) for line in told if line.startswith("{")]
        return [line for line in lines if line.get("avatarId") == avatar_id]

    def line(self, message: str, avatar_id: str) -> dict[str, Any]:
        """The one line of this message about this avatar."""
        (line,) = (line for line in self.lines(avatar_id) if line["message"] == message)
        return line

    def send(self, message: Any, *, headers: dict[str, str]) -> int:
        """Post an event as Eventarc does; returns the status."""
        event = {
            "ce-id": "1",
            "ce-source": "//firestore.googleapis.com/projects/demo/databases/(default)",
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-specversion": "1.0",
            "content-type": "application/protobuf",
        }
        request = urllib.request.Request(
            self.deployment.gate.url, data=message.SerializeToString(), headers={**event, **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            return answer.code


@contextmanager
def watching(suite: Suite, dispatch: Dispatch, folder: Path) -> Iterator[Watched]:
    """Start collector and processes."""
    with (
        Collector() as collector,
        deployed(suite, dispatch, folder, **SETTINGS, **collector.environment) as deployment,
    ):
        yield Watched(deployment, collector, suite.options.project)


@pytest.fixture(scope="module")
def watched(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One process for the tests that follow one another: the last of them loses the collector."""
    with watching(suite, Dispatch.INLINE, tmp_path_factory.mktemp("function")) as made:
        yield made


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of somebody sitting very still."""
    target = tmp_path_factory.mktemp("clip") / "clip.mp4"
    still = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-loop", "1", "-i", str(PORTRAIT)]
    size = ["-t", "1", "-r", "15", "-vf", "scale=256:-2", "-pix_fmt", "yuv420p"]
    subprocess.run([*still, *size, str(target)], check=True)
    return target


@pytest.fixture
def saved(database: firestore.Client, bucket: Bucket, avatar_id: str, clip: Path) -> Any:
    """The event of a save that asks for a render."""
    base = f"avatars/{avatar_id}"
    bucket.blob(f"{base}/hero.jpg").upload_from_filename(PORTRAIT, content_type="image/jpeg")
    bucket.blob(f"{base}/clip.mp4").upload_from_filename(clip, content_type="video/mp4")
    fields = document(
        avatarImageUrl=f"gs://{bucket.name}/{base}/hero.jpg",
        training__heroVideoUrl=f"gs://{bucket.name}/{base}/clip.mp4",
        training__livePortrait={"drivingMultiplier": 0.4, "sourceMaxDim": 512},
    )
    database.collection("avatars").document(avatar_id).set(fields)
    return event_data(None, fields, name=name_of(avatar_id), seconds=int(time.time()))


def test_one_save_is_one_trace_and_every_metric_arrives(
    watched: Watched, saved: Any, avatar_id: str
) -> None:
    assert watched.send(saved, headers={"traceparent": CALLER.traceparent}) == 200
    collector = watched.collector
    spans = {span.name: span for span in collector.spans}  # sent before the answer
    collector.wait(lambda sent: "idle.cost_usd" in sent.metrics, "metrics")

    root = spans["event"]
    assert (root.trace_id, root.parent_id) == (CALLER.trace_id, CALLER.span_id)
    assert {span.trace_id for span in collector.spans} == {CALLER.trace_id}
    for name in ("gate", "debounce", "lock", "claim", "download", "animate", "upload", "publish"):
        assert spans[name].parent_id == root.span_id, name
    for name in ("prepare", "motion", "render", "encode"):
        assert spans[name].parent_id == spans["animate"].span_id, name
    for span in collector.spans:
        assert _within(span, root), span.name
        assert not span.is_error
    assert root.attributes["engine"] == "mesh"
    assert root.attributes["frames"] == 15
    assert avatar_id not in repr(collector.spans)

    ended = watched.line("render ended", avatar_id)
    assert (ended["outcome"], ended["code"], ended["gpuS"]) == ("published", "", 0.0)
    assert collector.histogram("idle.queue_wait").count == 1
    assert collector.histogram("idle.queue_wait").sum == pytest.approx(ended["waitedS"], abs=0.01)
    for stage in STAGES:
        assert collector.histogram("idle.render.stage", stage=stage).count == 1
    assert collector.histogram("idle.cold_start").count == 1
    assert collector.sum("idle.gpu_seconds") == 0  # there is no GPU here
    assert collector.sum("idle.cost_usd") == pytest.approx(ended["workedS"] * 0.001, rel=0.01)
    assert collector.sum("idle.outcome", outcome="published") == 1

    for message in ("claimed", "published", "render ended"):
        line = watched.line(message, avatar_id)
        assert line[f"{SPECIAL}trace"] == f"projects/{watched.project}/traces/{CALLER.trace_id}"
        assert line[f"{SPECIAL}spanId"] == root.span_id
        assert line[f"{SPECIAL}trace_sampled"] is True
        assert line[f"{SPECIAL}labels"]["avatarId"] == line["avatarId"] == avatar_id
    assert set(watched.line("published", avatar_id)["seconds"]) == set(STAGES)


def test_a_collector_that_goes_away_hinders_no_render(
    watched: Watched, saved: Any, database: firestore.Client, avatar_id: str
) -> None:
    watched.collector.close()
    cloud = f"{CALLER.trace_id}/{int(CALLER.span_id, 16)};o=1"
    assert watched.send(saved, headers={"X-Cloud-Trace-Context": cloud}) == 200
    shown = database.collection("avatars").document(avatar_id).get().to_dict()
    assert shown is not None
    assert shown["livePortrait"]["state"] == "ready"
    assert watched.line("published", avatar_id)[f"{SPECIAL}trace"].endswith(CALLER.trace_id)
    assert {line["severity"] for line in watched.lines(avatar_id)} == {"INFO"}


def test_gate_queue_and_renderer_are_one_trace(
    suite: Suite, saved: Any, avatar_id: str, tmp_path: Path
) -> None:
    with watching(suite, Dispatch.TASKS, tmp_path) as watched:
        assert watched.send(saved, headers={"traceparent": CALLER.traceparent}) == 200
        collector = watched.collector
        collector.wait(lambda sent: any(span.name == "task" for span in sent.spans), "task")
        collector.wait(lambda sent: "idle.queue_wait" in sent.metrics, "metrics")
        lines = watched.lines(avatar_id)
    spans = {span.name: span for span in collector.spans}
    assert {span.trace_id for span in collector.spans} == {CALLER.trace_id}
    assert spans["event"].parent_id == CALLER.span_id
    assert spans["dispatch"].parent_id == spans["event"].span_id
    assert spans["task"].parent_id == spans["dispatch"].span_id
    assert spans["publish"].parent_id == spans["task"].span_id
    assert {line["message"] for line in lines} >= {"dispatched", "claimed", "published"}
    trace = f"projects/{watched.project}/traces/{CALLER.trace_id}"
    assert {line[f"{SPECIAL}trace"] for line in lines} == {trace}
    (wait,) = (line["waitedS"] for line in lines if line["message"] == "render ended")
    assert collector.histogram("idle.queue_wait").sum == pytest.approx(wait, abs=0.01)


def _within(span: SentSpan, whole: SentSpan) -> bool:
    """Whether it lies inside; the stages are placed by their rounded lengths."""
    slack_ns = 20_000_000
    return whole.began_ns - slack_ns <= span.began_ns <= span.ended_ns <= whole.ended_ns + slack_ns
