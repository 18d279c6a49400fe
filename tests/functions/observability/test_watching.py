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
from functions.observability.trace_context import TraceContext
from tests.end_to_end.deployment import Deployment, Dispatch, deployed
from tests.functions.observability.otlp import Collector, SentSpan
from tests.functions.scene import document
from tests.functions.wire import event_data, name_of

PORTRAIT = Path("emulator/seed/grace_hopper.jpg")
CALLER = TraceContext(trace_id="c" * 32, span_id="d" * 16, sampled=True)
SETTINGS = {
    "LIVEPORTRAIT_DEBOUNCE_S": "0.2",
    "LIVEPORTRAIT_PRICE_PER_HOUR_USD": "3.6",
}
PATIENCE_S = 90.0
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
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of somebody sitting very still."""
    target = tmp_path_factory.mktemp("clip") / "clip.mp4"
    still = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-loop", "1", "-i", str(PORTRAIT)]
    size = ["-t", "1", "-r", "15", "-vf", "scale=256:-2", "-pix_fmt", "yuv420p"]
    subprocess.run([*still, *size, str(target)], check=True)
    return target


class App:
    """Saves one avatar; hands out the events of its saves instead of sending them."""

    def __init__(self, database: firestore.Client, bucket: Bucket, avatar_id: str) -> None:
        self.avatar_id = avatar_id
        self._document = database.collection("avatars").document(avatar_id)
        self._base = f"gs://{bucket.name}/avatars/{avatar_id}"

    def save(self, multiplier: object) -> Any:
        """Ask for this multiplier."""
        fields = document(
            avatarImageUrl=f"{self._base}/hero.jpg",
            training__heroVideoUrl=f"{self._base}/clip.mp4",
            training__livePortrait={"drivingMultiplier": multiplier, "sourceMaxDim": 512},
        )
        self._document.set(fields, merge=True)
        return event_data(None, fields, name=name_of(self.avatar_id), seconds=int(time.time()))

    def wait_published(self, multiplier: float) -> None:
        """Wait for its video."""
        give_up_at = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_at:
            live = (self._document.get().to_dict() or {}).get("livePortrait", {})
            params = live.get("params") or {}
            if live.get("state") == "ready" and params.get("drivingMultiplier") == multiplier:
                return
            time.sleep(0.1)
        raise AssertionError(f"{multiplier} not published: {live}")


@pytest.fixture
def app(database: firestore.Client, bucket: Bucket, avatar_id: str, clip: Path) -> App:
    base = f"avatars/{avatar_id}"
    bucket.blob(f"{base}/hero.jpg").upload_from_filename(PORTRAIT, content_type="image/jpeg")
    bucket.blob(f"{base}/clip.mp4").upload_from_filename(clip, content_type="video/mp4")
    return App(database, bucket, avatar_id)


def test_one_save_is_one_trace_and_every_metric_arrives(
    suite: Suite, app: App, tmp_path: Path
) -> None:
    with watching(suite, Dispatch.INLINE, tmp_path) as watched:
        assert watched.send(app.save(0.4), headers={"traceparent": CALLER.traceparent}) == 200
        spans = list(watched.collector.spans)  # sent before the answer
        assert watched.send(app.save("much"), headers={}) == 200
    assert_one_trace(spans, app.avatar_id)
    assert_metrics(watched.collector, watched.line("render ended", app.avatar_id))
    (root,) = (span for span in spans if span.name == "event")
    for message in ("claimed", "published", "render ended"):
        line = watched.line(message, app.avatar_id)
        assert line[f"{SPECIAL}trace"] == f"projects/{watched.project}/traces/{CALLER.trace_id}"
        assert line[f"{SPECIAL}spanId"] == root.span_id
        assert line[f"{SPECIAL}trace_sampled"] is True
        assert line[f"{SPECIAL}labels"]["avatarId"] == line["avatarId"] == app.avatar_id
    assert set(watched.line("published", app.avatar_id)["seconds"]) == set(STAGES)


def test_a_recalled_motion_is_told(suite: Suite, app: App, tmp_path: Path) -> None:
    with watching(suite, Dispatch.INLINE, tmp_path) as watched:
        for multiplier in (0.4, 0.5):
            assert watched.send(app.save(multiplier), headers={}) == 200
        spans = [span for span in watched.collector.spans if span.name == "animate"]
    assert [span.attributes["motion_recalled"] for span in spans] == [False, True]
    cache = f"livePortraitCache/avatars/{app.avatar_id}/motion.npz"
    for message in ("motion kept", "motion recalled"):
        assert watched.line(message, app.avatar_id)["path"] == cache
    stages = [span.name for span in watched.collector.spans if span.name in STAGES]
    assert stages == [*STAGES, *STAGES]


def assert_one_trace(sent: list[SentSpan], avatar_id: str) -> None:
    spans = {span.name: span for span in sent}
    root = spans["event"]
    assert (root.trace_id, root.parent_id) == (CALLER.trace_id, CALLER.span_id)
    assert {span.trace_id for span in sent} == {CALLER.trace_id}
    for name in ("gate", "debounce", "lock", "claim", "download", "animate", "upload", "publish"):
        assert spans[name].parent_id == root.span_id, name
    for name in ("prepare", "motion", "render", "encode"):
        assert spans[name].parent_id == spans["animate"].span_id, name
    for span in sent:
        assert _within(span, root), span.name
        assert not span.is_error
    assert (root.attributes["engine"], root.attributes["frames"]) == ("mesh", 15)
    assert avatar_id not in repr(sent)


def assert_metrics(collector: Collector, ended: dict[str, Any]) -> None:
    assert (ended["outcome"], ended["code"], ended["gpuS"]) == ("published", "", 0.0)
    assert collector.histogram("idle.queue_wait").count == 1
    assert collector.histogram("idle.queue_wait").sum == pytest.approx(ended["waitedS"], abs=0.01)
    for stage in STAGES:
        assert collector.histogram("idle.render.stage", stage=stage).count == 1
    assert collector.histogram("idle.cold_start").count == 1
    assert collector.sum("idle.gpu_seconds") == 0  # there is no GPU here
    assert collector.sum("idle.cost_usd") == pytest.approx(ended["workedS"] * 0.001, rel=0.01)
    assert collector.sum("idle.outcome", outcome="published") == 1
    # Too soon after the first to be sent with its own request: sent at the process's end.
    assert collector.sum("idle.outcome", outcome="refused", code="INVALID_PARAMS") == 1


def test_gate_queue_and_renderer_are_one_trace_and_need_no_collector(
    suite: Suite, app: App, tmp_path: Path
) -> None:
    cloud = f"{CALLER.trace_id}/{int(CALLER.span_id, 16)};o=1"
    with watching(suite, Dispatch.TASKS, tmp_path) as watched:
        collector = watched.collector
        assert watched.send(app.save(0.4), headers={"X-Cloud-Trace-Context": cloud}) == 200
        collector.wait(lambda sent: [span.name for span in sent.spans].count("task") == 2, "tasks")
        collector.wait(lambda sent: "idle.queue_wait" in sent.metrics, "metrics")
        lines = watched.lines(app.avatar_id)
        collector.close()
        assert watched.send(app.save(0.5), headers={"X-Cloud-Trace-Context": cloud}) == 200
        app.wait_published(0.5)
    assert {span.trace_id for span in collector.spans} == {CALLER.trace_id}

    def below(parent_id: str, name: str) -> str:
        (span,) = (s for s in collector.spans if (s.parent_id, s.name) == (parent_id, name))
        return span.span_id

    # The event leaves a look for later to a queue; that look leaves the render to another.
    dispatched = below(below(CALLER.span_id, "event"), "dispatch")
    rendered = below(below(below(dispatched, "task"), "dispatch"), "task")
    assert below(rendered, "publish")
    assert {line["message"] for line in lines} >= {"dispatched", "claimed", "published"}
    trace = f"projects/{watched.project}/traces/{CALLER.trace_id}"
    assert {line[f"{SPECIAL}trace"] for line in lines} == {trace}
    (wait,) = (line["waitedS"] for line in lines if line["message"] == "render ended")
    assert collector.histogram("idle.queue_wait").sum == pytest.approx(wait, abs=0.01)
    assert {line["severity"] for line in watched.lines(app.avatar_id)} == {"INFO"}


def _within(span: SentSpan, whole: SentSpan) -> bool:
    """Whether it lies inside; the stages are placed by their rounded lengths."""
    slack_ns = 20_000_000
    return whole.began_ns - slack_ns <= span.began_ns <= span.ended_ns <= whole.ended_ns + slack_ns
