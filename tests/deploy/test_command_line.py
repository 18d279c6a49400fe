"""`python -m deploy`, as typed."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from deploy.__main__ import main
from tests.deploy.example_plans import ROOT
from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.processes import FakeGcloud

TOLD = ("--project", "my-app-1234", "--region", "europe-west4", "--bucket", "my-app.appspot.com")


def deploy(*words: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy", *words],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )


def test_plan_and_dry_runs_print_and_start_nothing(fake_gcloud: FakeGcloud) -> None:
    printed = deploy("plan", *TOLD, path=fake_gcloud.path)
    assert printed.returncode == 0, printed.stderr
    assert "gcloud run deploy idle-gate --image=europe-west4-docker.pkg.dev/" in printed.stdout
    assert "FIRESTORE_LOCATION=$(gcloud firestore databases describe" in printed.stdout
    assert deploy("apply", "--dry-run", *TOLD, path=fake_gcloud.path).stdout == printed.stdout
    removed = deploy("remove", "--dry-run", *TOLD, path=fake_gcloud.path)
    assert "gcloud run services delete idle-gate" in removed.stdout
    assert (fake_gcloud.read_count, fake_gcloud.changes) == (0, [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (TOLD[:4], "the following arguments are required: --bucket"),
        ((*TOLD[:3], "us-west1", *TOLD[4:]), "deploy: region is 'us-west1'"),
        ((*TOLD, "--env", "DEBUG"), "deploy: env is 'DEBUG'; accepted: NAME=VALUE"),
        ((*TOLD, "--gpu", "h100"), "invalid choice: 'h100'"),
    ],
)
def test_a_wrong_option_ends_with_2(words: tuple[str, ...], said: str) -> None:
    ended = deploy("plan", *words)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stdout == ""


def options_told() -> set[str]:
    """What README.md and docs/run give to DEPLOY_ARGS, but for `make firebase-codebase`."""
    pages = (ROOT / "README.md", *(ROOT / "docs/run").glob("*.md"))
    text = "\n".join(page.read_text("utf-8") for page in pages)
    quoted = re.findall(r"DEPLOY_ARGS='([^']*)'", text)
    found = {*quoted, *re.findall(r"DEPLOY_ARGS=(--[\w-]+)", text)}
    return {told for told in found if told.strip("… ") and "--project-number" not in told}


@pytest.mark.parametrize("told", sorted(options_told()))
def test_what_the_pages_give_to_deploy_args_is_taken(
    told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told.replace("…the usual options…", "").replace("DIGEST", "0" * 64)
    verbs = {"--only": "rollback", "--region-only": "remove"}
    verb = next((verbs[word] for word in text.split() if word in verbs), "apply")
    assert main([verb, *TOLD, "--dry-run", *text.split()]) == 0
    assert capsys.readouterr().out.startswith("#!/usr/bin/env bash")


def test_what_stops_a_run_is_said_without_a_traceback(fake_gcloud: FakeGcloud) -> None:
    fake_gcloud.cloud.database = None
    ended = deploy("apply", *TOLD, path=fake_gcloud.path)
    assert ended.returncode == 1
    assert "Stopped at project my-app-1234 has no Firestore database" in ended.stderr
    assert "the same command again looks at everything and goes on here" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "made     APIs" in ended.stdout


def test_an_interrupted_run_says_that_it_can_go_on(fake_gcloud: FakeGcloud) -> None:
    came, released = threading.Event(), threading.Event()

    def fault(number: int, words: Arguments) -> str | None:
        came.set()
        released.wait(3)
        return None

    fake_gcloud.fault = fault
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", "apply", *TOLD],
        cwd=ROOT,
        env={**os.environ, "PATH": fake_gcloud.path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert came.wait(30)
        process.send_signal(signal.SIGINT)
        said = process.stderr.readline() + process.stderr.readline() if process.stderr else ""
        released.set()
        assert "Interrupted" in said
        assert process.wait(30) == 130


def test_without_gcloud_it_says_so(fake_gcloud: FakeGcloud) -> None:
    (fake_gcloud.folder / "gcloud").unlink()
    ended = deploy("apply", *TOLD, path=str(fake_gcloud.folder))
    assert ended.returncode == 1
    assert "gcloud is not on the PATH; accepted: the Google Cloud CLI and curl" in ended.stderr
