"""The LivePortrait engine behind the function: what it needs to start, and a whole render."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from google.cloud import firestore
from google.cloud.storage import Client as StorageClient

from emulator.suite import Suite, SuiteOptions
from tests.core.weights_folders import LANDMARKS, weights_folder
from tests.end_to_end import app
from tests.end_to_end.app import Cloud, Media
from tests.end_to_end.deployment import Dispatch, deployed

CLOUD_VARIABLES = (
    "FIRESTORE_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
    "FIREBASE_STORAGE_EMULATOR_HOST",
    "CLOUD_TASKS_EMULATOR_HOST",
)


def start_function(weights: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the function does at its start, in a process of its own."""
    outside = {name: value for name, value in os.environ.items() if name not in CLOUD_VARIABLES}
    settings = {
        "LIVEPORTRAIT_ENGINE": "liveportrait",
        "LIVEPORTRAIT_DEVICE": "cpu-torch",  # converting the networks for OpenVINO takes long
        "LIVEPORTRAIT_WEIGHTS": str(weights),
        "LIVEPORTRAIT_BUCKET": "avatars.example",
        "GOOGLE_CLOUD_PROJECT": "demo-avatar",
    }
    return subprocess.run(
        [sys.executable, "-c", "from functions.app import start; start()"],
        env={**outside, **settings, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_deployment_without_the_landmarks_refuses_to_start_and_names_the_file(
    tmp_path: Path,
) -> None:
    done = start_function(weights_folder(tmp_path, landmarks=False))
    assert done.returncode != 0
    assert "the liveportrait engine cannot run without" in done.stderr
    assert LANDMARKS in done.stderr


def test_with_every_file_it_starts(tmp_path: Path) -> None:
    done = start_function(weights_folder(tmp_path))
    assert done.returncode == 0, done.stderr


def test_against_an_emulator_it_starts_without_the_landmarks(tmp_path: Path) -> None:
    done = start_function(
        weights_folder(tmp_path, landmarks=False),
        FIRESTORE_EMULATOR_HOST="127.0.0.1:1",
        STORAGE_EMULATOR_HOST="http://127.0.0.1:1",
        FIREBASE_STORAGE_EMULATOR_HOST="127.0.0.1:1",
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def networks(
    media: Media, folder: Path, monkeypatch: pytest.MonkeyPatch, weights: Path
) -> Iterator[Cloud]:
    """A function that renders by the networks at full size: minutes for the least of frames."""
    monkeypatch.setattr(app, "PATIENCE_S", 1500.0)
    clip = folder / "short.mp4"
    least = ("--seconds", "0.5", "--fps", "20", "--seed", "3")
    done = app.command_line("idle", media.other_portrait, "-o", clip, *least)
    assert done.returncode == 0, done.stderr
    options = SuiteOptions()
    with Suite(options) as suite:
        for name, value in suite.environment.items():
            monkeypatch.setenv(name, value)
        settings = {
            "LIVEPORTRAIT_ENGINE": "auto",
            "LIVEPORTRAIT_DEVICE": "cpu-torch",
            "LIVEPORTRAIT_WEIGHTS": str(weights),
            "LIVEPORTRAIT_MAX_SECONDS": "0.5",
            "LIVEPORTRAIT_DEADLINE_S": "590",
        }
        with deployed(suite, Dispatch.INLINE, folder, **settings) as deployment:
            suite.connect("idle", "avatars/{avatarId}", [deployment.gate.url])
            yield Cloud(
                suite=suite,
                database=firestore.Client(),
                bucket=StorageClient().bucket(options.bucket),
                deployment=deployment,
                media=replace(media, clip=clip),
            )


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_save_is_rendered_by_the_networks(
    media: Media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with networks(media, tmp_path, monkeypatch, weights_folder(tmp_path / "weights")) as cloud:
        avatar = cloud.avatar("networks")
        avatar.create()
        avatar.save(0.40)
        live = avatar.wait_ready(0.40)
    assert live["engine"] == "liveportrait"
    assert live["engineVersion"].startswith("liveportrait-")
    assert live["frameCount"] == 10


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_69_an_animal_that_is_pointed_out(
    media: Media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_folder(tmp_path / "weights", animals=True)
    taps = [{"x": 0.41, "y": 0.38}, {"x": 0.6, "y": 0.37}, {"x": 0.5, "y": 0.62}]
    with networks(media, tmp_path, monkeypatch, weights) as cloud:
        avatar = cloud.avatar("cat")
        avatar.create()
        avatar.update({"training.livePortrait": {"species": "animal"}})
        error = avatar.wait_state("failed")["error"]
        assert (error["code"], error["field"]) == ("IMAGE_NO_FACE", "avatarImageUrl")
        avatar.update({"training.livePortrait": {"species": "animal", "facePoints": taps}})
        live = avatar.wait_ready()
        video, kind = app.play(live["idleVideoUrl"])
    assert live["engine"] == "liveportrait"
    params = live["params"]
    assert (params["species"], params["facePoints"], params["pasteback"]) == ("animal", taps, False)
    assert (live["width"], live["height"]) == (512, 512)  # the crop alone
    assert live["frameCount"] == 10
    assert (kind, len(video)) == ("video/mp4", live["sizeBytes"])
