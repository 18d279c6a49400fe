"""The function as functions-framework serves it: acknowledgements, health, the start."""

import gzip
import io
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import firebase_admin
import functions_framework
import pytest
from google.cloud import firestore

from emulator.function_process import FunctionNotReady, FunctionProcess, free_port
from emulator.suite import Suite
from functions.settings import Settings, full_engine_version
from liveportrait_core.renderer import open_renderer
from tests.functions.nominal_weights import nominal_weights
from tests.functions.scene import document
from tests.functions.wire import as_json, event_data, name_of
from tests.image.missing import imported_with

HEADERS = {
    "ce-id": "event-1",
    "ce-source": "//firestore.googleapis.com/projects/demo/databases/(default)",
    "ce-type": "google.cloud.firestore.document.v1.written",
    "ce-specversion": "1.0",
    "ce-time": "2026-11-20T08:00:00Z",
}
MODULES = {  # of requirements whose module is named otherwise
    "google-cloud-firestore": "google.cloud.firestore",
    "google-cloud-storage": "google.cloud.storage",
    "google-cloud-tasks": "google.cloud.tasks_v2",
    "google-events": "google.events.cloud.firestore",
    "opentelemetry-api": "opentelemetry.trace",
    "opentelemetry-sdk": "opentelemetry.sdk",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry.exporter.otlp.proto.http",
}
PROTOBUF = {**HEADERS, "content-type": "application/protobuf"}


@pytest.fixture
def client(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    settings = {
        **suite.environment,
        "LIVEPORTRAIT_BUCKET": suite.options.bucket,
        "LIVEPORTRAIT_ENGINE": "mesh",
        "LIVEPORTRAIT_DEBOUNCE_S": "0",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]
        "on_avatar_written", "functions/main.py", "cloudevent"
    )
    suite.control.clear_calls()
    yield app.test_client()
    for made in list(firebase_admin._apps.values()):
        firebase_admin.delete_app(made)


def post(client: Any, message: Any) -> Any:
    return client.post("/", data=message.SerializeToString(), headers=PROTOBUF)


def test_an_unrelated_write_is_acknowledged_without_a_single_call(
    client: Any, suite: Suite
) -> None:
    before = document()
    for number in range(50):
        answer = post(client, event_data(before, {**before, "visits": number}))
        assert answer.status_code == 200
    assert suite.control.calls() == Counter()
    assert not firebase_admin._apps  # not even the clients are made


def test_json_events_are_served_too(client: Any) -> None:
    before = document()
    data = json.dumps(as_json(event_data(before, {**before, "nickname": "B"})))
    answer = client.post("/", data=data, headers={**HEADERS, "content-type": "application/json"})
    assert answer.status_code == 200


LITERAL = {"training.livePortrait": {"drivingMultiplier": 0.7}}  # what a merging `set` makes


def packed(body: bytes) -> bytes:
    """The same bytes in every process of a test run: they name the tests."""
    return gzip.compress(body, mtime=0)


def test_a_compressed_event_is_read(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    before = document()
    message = event_data(before, {**before, **LITERAL})
    body = message.SerializeToString()
    forms = {
        "application/protobuf": body,
        "application/json": json.dumps(as_json(message)).encode(),
    }
    for kind, plain in forms.items():
        for encoding, sent in (
            ("gzip", packed(plain)),
            ("X-GZip", packed(plain[:9]) + packed(plain[9:])),
            ("identity", plain),
        ):
            headers = {**HEADERS, "content-type": kind, "content-encoding": encoding}
            assert client.post("/", data=sent, headers=headers).status_code == 200
            line = json.loads(capsys.readouterr().err.splitlines()[-1])
            assert line["message"] == "fields named like paths"  # it was read


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b"no gzip at all", 400),
        ("gzip", packed(b"x" * 1000)[:-1], 400),
        ("gzip", packed(b"x") + b"more", 400),
        ("gzip", packed(bytes(33 << 20)), 413),
        ("gzip", packed(packed(b"x")), 200),  # unpacked once: garbage, told
        ("gzip, gzip", packed(packed(b"x")), 415),
        ("br", b"x", 415),
        ("deflate", b"x", 415),
    ],
)
def test_a_compressed_request_is_bounded(
    client: Any, encoding: str, body: bytes, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = {**PROTOBUF, "content-encoding": encoding}
    answer = client.post("/", data=body, headers=headers)
    assert answer.status_code == status
    assert status != 415 or answer.headers["Accept-Encoding"] == "gzip"
    assert status == 413 or json.loads(capsys.readouterr().err.splitlines()[-1])["reason"]


def test_a_body_in_chunks_is_bounded_too(client: Any) -> None:
    for size, status in ((33 << 20, 413), (1 << 20, 200)):
        chunked = {"wsgi.input": io.BytesIO(bytes(size)), "wsgi.input_terminated": True}
        answer = client.post("/", headers=PROTOBUF, environ_overrides=chunked)
        assert answer.status_code == status


def test_a_dotted_key_of_a_merging_set_is_named_in_the_log(
    client: Any, suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    before = document()
    assert post(client, event_data(before, {**before, **LITERAL})).status_code == 200
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["severity"], line["avatarId"]) == ("WARNING", "ava")
    assert line["fields"] == ["`training.livePortrait`"]
    assert "update" in line["reason"]
    assert suite.control.calls() == Counter()


def test_what_cannot_be_read_is_acknowledged_and_logged(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client.post("/", data=b"garbage", headers=PROTOBUF).status_code == 200
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["severity"], line["eventId"]) == ("WARNING", "event-1")


def test_what_a_redelivery_can_cure_answers_503_without_a_traceback(
    client: Any,
    suite: Suite,
    database: firestore.Client,
    avatar_id: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = f"gs://{suite.options.bucket}/avatars/{avatar_id}"
    fields = document(avatarImageUrl=f"{base}/a.jpg", training__heroVideoUrl=f"{base}/b.mp4")
    database.collection("avatars").document(avatar_id).set(fields)
    answer = post(client, event_data(None, fields, name=name_of(avatar_id)))
    assert answer.status_code == 503
    shown = database.collection("avatars").document(avatar_id).get().to_dict()
    assert shown is not None
    assert shown["livePortrait"]["error"]["code"] == "HERO_IMAGE_NOT_FOUND"
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["severity"] for line in lines} == {"INFO"}


def test_health_names_the_engine_once_it_is_open_and_is_answered_at_once_before(
    client: Any, suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json == {"status": "opening", "reason": "opening and warming up; ask again"}
    give_up_at = time.monotonic() + 60
    while answer.status_code != 200 and time.monotonic() < give_up_at:
        time.sleep(0.02)
        answer = client.get("/health")
    assert answer.status_code == 200
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["started", "renderer open", "ready"]
    assert lines[2]["results"] == suite.storage_url
    assert answer.json["engine"] == "mesh"
    assert answer.json["engineVersion"] == lines[1]["engineVersion"]
    renderer = open_renderer("mesh", Path("weights"))
    # What documents show: the settings that change pixels are folded in.
    shown = full_engine_version(renderer.engine_version, max_seconds=Settings.max_seconds)
    assert answer.json["engineVersion"] == shown != renderer.engine_version
    assert answer.json["reason"]
    assert client.get("/").status_code == 405


def test_what_is_not_right_is_told_to_probes_and_keeps_events_for_later(
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    avatar_id: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LIVEPORTRAIT_ENGINE", "liveportrait")
    monkeypatch.setenv("LIVEPORTRAIT_WEIGHTS", str(nominal_weights(tmp_path)))
    monkeypatch.setenv("LIVEPORTRAIT_DEVICE", "cuda")
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]
        "on_avatar_written", "functions/main.py", "cloudevent"
    )
    broken = app.test_client()
    answer = post(broken, event_data(None, document(), name=name_of(avatar_id)))
    assert answer.status_code == 503
    health = broken.get("/health")
    assert health.status_code == 503
    assert health.json["status"] == "unavailable"
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[:1] == "{"]
    refused = next(line for line in told if line["message"] == "not ready")
    assert refused["severity"] == "ERROR"
    assert refused["reason"] == health.json["reason"] != ""


def test_who_starts_it_hears_at_once_that_it_does_not_get_ready(tmp_path: Path) -> None:
    settings = {
        "LIVEPORTRAIT_BUCKET": "demo",
        "LIVEPORTRAIT_WEIGHTS": str(nominal_weights(tmp_path)),
        "LIVEPORTRAIT_DEVICE": "cuda",
    }
    with pytest.raises(FunctionNotReady, match=r'(?s)the end of .*"message": "not ready"'):
        FunctionProcess(settings, tmp_path / "log").start()


START = [sys.executable, "-m", "functions_framework", "--source", "functions/main.py"]
START += ["--target", "on_avatar_written", "--signature-type", "cloudevent", "--port", "0"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"LIVEPORTRAIT_BUCKET": "demo"}, "liveportrait engine cannot run"),
        ({"LIVEPORTRAIT_BUCKET": "demo", "LIVEPORTRAIT_KEEP": "few"}, "LIVEPORTRAIT_KEEP is 'few'"),
    ],
)
def test_a_wrong_start_stops_with_one_clear_line(settings: dict[str, str], words: str) -> None:
    bare = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LIVEPORTRAIT_") and not name.endswith("EMULATOR_HOST")
    }
    done = subprocess.run(
        START, env={**bare, **settings}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The function cannot start: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def environment(suite: Suite, tmp_path: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("LIVEPORTRAIT_")},
        **suite.environment,
        "LIVEPORTRAIT_BUCKET": suite.options.bucket,
    }


def lines_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def test_the_worker_opens_everything_without_being_asked(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    port = free_port()
    command = [*START[:-1], str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command,
            env={**environment, "LIVEPORTRAIT_ENGINE": "mesh"},
            stdout=out,
            stderr=out,
        )
    try:
        give_up_at = time.monotonic() + 60
        while "ready" not in (seen := [line["message"] for line in lines_of(log)]):
            assert time.monotonic() < give_up_at, log.read_text()
            time.sleep(0.05)
        assert seen == ["started", "renderer open", "ready"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            assert json.load(answer)["status"] == "ready"
    finally:
        server.terminate()
        server.wait(20)


GATE = """
import functions.main
import functions.reconcile.__main__
instance = functions.main.start()
instance.readiness.wait()
"""


@pytest.mark.parametrize("told", [False, True])
def test_a_gate_imports_what_its_image_has(
    environment: dict[str, str], suite: Suite, tmp_path: Path, told: bool
) -> None:
    """Told the engine's version or not, and reconcile in its role: each in locks/gate.txt."""
    settings = {
        "LIVEPORTRAIT_ROLE": "gate",
        "LIVEPORTRAIT_ENGINE": "liveportrait",
        "LIVEPORTRAIT_WEIGHTS": str(nominal_weights(tmp_path)),
        "LIVEPORTRAIT_PRECISION": "fp16",
        "LIVEPORTRAIT_TASKS_QUEUE": suite.options.queue_name,
        "LIVEPORTRAIT_RENDERER_URL": "http://127.0.0.1:1",
        "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": "idle-tasks@demo-avatar.iam.gserviceaccount.com",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
    }
    if told:
        settings["LIVEPORTRAIT_ENGINE_VERSION"] = "liveportrait-3-0a1b2c3d"
        settings["LIVEPORTRAIT_WEIGHTS"] = "/nowhere"
    imported, said = imported_with("gate", GATE, {**environment, **settings})
    assert "numpy" not in imported
    lines = [json.loads(line)["message"] for line in said]
    assert lines == ["started", "telemetry exported", "ready"]
    for line in Path("requirements-gate.txt").read_text().splitlines():
        name = line.partition("#")[0].strip()
        used = MODULES.get(name, name.replace("-", "_"))
        assert not name or used in imported, f"a gate does not import {used}: leave {name} out"
