"""The gate as Firebase functions: the folder as it is written, and as Firebase's runtime serves it.

`make test-firebase` installs firebase_functions; without it the last two tests are left out.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Client as StorageClient

from deploy.errors import InvalidSetting
from deploy.firebase import codebase
from emulator.function_process import free_port
from emulator.suite import Suite, SuiteOptions
from functions.settings import from_environment
from tests.deploy.example_plans import ROOT, SMALLEST, USUAL
from tests.deploy.fake_cloud.processes import FakeGcloud
from tests.deploy.test_command_line import TOLD, deploy
from tests.functions.scene import AVATAR, document

RESERVED = ("X_GOOGLE_", "FIREBASE_", "EXT_", "GOOGLE_CLOUD_PROJECT", "PORT", "K_")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A written codebase."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("functions", "liveportrait_core", "locks", "requirements-firebase.txt"):
        (root / name).symlink_to(ROOT / name)
    return root / codebase.write(USUAL, root, project_number="123") / "codebase"


def variables(folder: Path) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in (folder / ".env").read_text("utf-8").splitlines())
    return {name: json.loads(value) for name, value in pairs}


def test_its_variables_are_the_gates_and_firebase_takes_them(folder: Path) -> None:
    told = variables(folder)
    assert not [name for name in told if name.startswith(RESERVED)]
    settings = from_environment(told)
    assert settings.engine_version == USUAL.engine_version
    assert settings.route is not None
    assert settings.route.renderer_url == "https://idle-renderer-123.europe-west4.run.app"
    assert settings.route.looks is None  # it waits for the debounce itself
    options = json.loads((folder / "options.json").read_text("utf-8"))["options"]
    assert settings.deadline_s < options["timeout_sec"] <= 540
    assert int(told["THREADS"]) >= options["concurrency"]


def test_it_has_the_gates_code_and_packages_and_nothing_else(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        ".env", "functions", "liveportrait_core", "main.py", "options.json", "requirements.txt",
    }  # fmt: skip
    assert not [*folder.rglob("__pycache__"), *folder.rglob("*.rules")]
    packages = (folder / "requirements.txt").read_text("utf-8").splitlines()
    names = {line.partition("==")[0] for line in packages}
    assert {"firebase-functions", "firebase-admin", "functions-framework"} <= names
    assert not names & {"numpy", "torch", "mediapipe", "opencv-python-headless"}
    assert all("==" in line for line in packages)
    firebase = json.loads((folder.parent / "firebase.json").read_text("utf-8"))
    assert firebase["functions"][0]["source"] == folder.name


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (SMALLEST, "--single has no gate"),
        (
            replace(USUAL, environment=(("LIVEPORTRAIT_DEADLINE_S", "590"),)),
            "LIVEPORTRAIT_DEADLINE_S is '590'; accepted for a Firebase function.* at most 510",
        ),
    ],
)
def test_what_a_function_cannot_be_is_refused(settings: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=words):
        codebase.write(settings, tmp_path, project_number="1")
    assert not [*tmp_path.iterdir()]


def test_the_command_asks_for_the_projects_number_and_nothing_else(
    fake_gcloud: FakeGcloud,
) -> None:
    written = deploy("codebase", *TOLD, path=fake_gcloud.path)
    assert written.returncode == 0, written.stderr
    assert "out/deploy/my-app-1234/firebase: there, make" in written.stdout
    assert (fake_gcloud.read_count, fake_gcloud.changes) == (1, [])
    assert deploy("codebase", *TOLD, "--project-number", "7", path="").returncode == 0
    told = variables(ROOT / "out/deploy/my-app-1234/firebase/codebase")
    assert told["LIVEPORTRAIT_RENDERER_URL"] == "https://idle-renderer-7.europe-west4.run.app"


DISCOVERY = """
from firebase_functions.private.serving import functions_as_yaml, get_functions
print(functions_as_yaml(get_functions()))
"""


@pytest.mark.firebase
def test_firebase_finds_both_functions(folder: Path) -> None:
    """As `firebase deploy` reads them, without the variables of a deployment."""
    pytest.importorskip("firebase_functions")
    done = subprocess.run(
        [sys.executable, "-c", DISCOVERY], cwd=folder, env=without_tree(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    endpoints = yaml.safe_load(done.stdout)["endpoints"]
    patterns = {
        name: each["eventTrigger"]["eventFilterPathPatterns"] for name, each in endpoints.items()
    }
    assert patterns == {
        "on_avatar_written": {"document": "avatars/{avatarId}"},
        "on_talk_written": {"document": "avatars/{avatarId}/talks/{talkId}"},
    }
    for each in endpoints.values():
        assert each["eventTrigger"]["retry"] is True
        assert each["eventTrigger"]["eventType"] == "google.cloud.firestore.document.v1.written"
        account = "idle-gate@my-app-1234.iam.gserviceaccount.com"
        assert each["serviceAccountEmail"] == account
        assert each["ingressSettings"] == "ALLOW_INTERNAL_ONLY"
        assert (each["timeoutSeconds"], each["concurrency"]) == (540, 80)


@pytest.mark.firebase
@pytest.mark.parametrize("target", ["on_avatar_written", "on_talk_written"])
def test_an_event_becomes_a_task(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Served by functions-framework from the folder alone, as Firebase's runtime does."""
    pytest.importorskip("firebase_functions")
    url, log = f"http://127.0.0.1:{free_port()}", tmp_path / "log"
    with Suite(SuiteOptions(time_factor=0.1)) as suite:
        told = {
            **variables(folder),
            **suite.environment,
            "LIVEPORTRAIT_BUCKET": suite.options.bucket,
            "LIVEPORTRAIT_TASKS_QUEUE": suite.options.queue_name,
            "LIVEPORTRAIT_DEBOUNCE_S": "0",
            "FUNCTION_TARGET": target,
            "FUNCTION_SIGNATURE_TYPE": "cloudevent",
            "PORT": url.rpartition(":")[2],
        }
        for name, value in suite.environment.items():
            monkeypatch.setenv(name, value)
        suite.control.pause_queue(suite.options.queue_name)
        with log.open("wb") as out:
            server = subprocess.Popen(
                [sys.executable, "-m", "functions_framework"],
                cwd=folder, env={**without_tree(), **told}, stdout=out, stderr=out,
            )  # fmt: skip
        try:
            suite.connect("avatars", "avatars/{avatarId}", [url])
            save(suite)
            give_up_at = time.monotonic() + 60
            while not (tasks := suite.control.tasks()):
                assert time.monotonic() < give_up_at, log.read_text()
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
        finally:
            server.terminate()
            server.wait(20)
    assert len(tasks) == 1
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    started = next(line for line in lines if line["message"] == "started")
    assert started["role"] == "gate"
    assert started["engineVersion"].startswith("liveportrait-3-")


def save(suite: Suite) -> None:
    """Save an avatar that asks for a render, with one field that the client library cannot read."""
    bucket = StorageClient(credentials=AnonymousCredentials()).bucket(suite.options.bucket)
    for name in ("hero.jpg", "heroVideo.mp4"):
        bucket.blob(f"avatars/{AVATAR}/{name}").upload_from_string(b"x")
    database = firestore.Client()
    abroad = firestore.Client(project="elsewhere").document("a/b")
    fields = document()
    fields["avatarImageUrl"] = f"gs://{bucket.name}/avatars/{AVATAR}/hero.jpg"
    fields["training"]["heroVideoUrl"] = f"gs://{bucket.name}/avatars/{AVATAR}/heroVideo.mp4"
    database.collection("avatars").document(AVATAR).set({**fields, "friend": abroad})


def without_tree() -> dict[str, str]:
    """The environment without this tree on the path: the folder's own code is to be served."""
    added = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [str(Path(path).resolve()) for path in added if path and Path(path).resolve() != ROOT]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(kept)}
