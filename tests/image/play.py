"""One save and one generation through gate, API, queue and renderer, each of its image.

Plays the app with the ordinary Google clients. Knows the contract, nothing of how the image came.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from google.cloud import firestore
from google.cloud.storage import Client as StorageClient

from emulator.suite import Suite, SuiteOptions
from tests.image.replay import Root
from tests.image.started import Footprint, StartedRole, image_environment

PATIENCE_S = 1800.0  # LivePortrait on a busy CPU, with an attempt that ran out of time
ACCOUNT = "idle-tasks@demo-avatar.iam.gserviceaccount.com"
SEED = Path("emulator/seed")


class PlayFailed(Exception):
    """The save did not become a video."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of it."""

    health: Mapping[str, Mapping[str, Any]]  # by role
    footprints: Mapping[str, Footprint]
    live: Mapping[str, Any]  # the avatar's `livePortrait` in the end
    video: bytes
    seconds: float  # from the save to ready
    generation: Mapping[str, Any]  # what was asked of the API, in the end


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image, and what it is started with."""

    root: Root
    command: tuple[str, ...]


def play(images: Mapping[str, Image], engine: str, version: str, logs: Path) -> Played:
    """Start all roles, save once, ask the API once, and wait for both videos.

    Args:
        images: by role.
        engine: LIVEPORTRAIT_ENGINE of both.
        version: LIVEPORTRAIT_ENGINE_VERSION of both.
        logs: a folder for what they say.

    Raises:
        NotStarted: a role is not ready.
        PlayFailed: another state than ready in the end.
    """
    # On a CPU the networks take seconds a frame: as few frames as a clip may have.
    length = ("--seconds", "1") if engine == "mesh" else ("--seconds", "0.7", "--fps", "15")
    clip = _clip(images["renderer"].root, logs / "clip.mp4", length)
    # The queue's patience with a renderer shrinks with it, and the networks need all of that.
    hurry = 0.1 if engine == "mesh" else 1.0
    with Suite(SuiteOptions(time_factor=hurry)) as suite, ExitStack() as stack:
        common = {
            **suite.environment,
            "LIVEPORTRAIT_BUCKET": suite.options.bucket,
            "LIVEPORTRAIT_ENGINE": engine,
            "LIVEPORTRAIT_ENGINE_VERSION": version,
            "LIVEPORTRAIT_PRECISION": "fp32",
            "LIVEPORTRAIT_DEBOUNCE_S": "1",
            "LIVEPORTRAIT_DEADLINE_S": "590",
            "LIVEPORTRAIT_TASKS_QUEUE": suite.options.queue_name,
            "LIVEPORTRAIT_TASKS_SERVICE_ACCOUNT": ACCOUNT,
        }
        settings: dict[str, str] = {**common, "LIVEPORTRAIT_ROLE": "renderer"}
        image = images["renderer"]
        renderer = StartedRole(image.root, image.command, settings, logs / "renderer.log")
        settings["LIVEPORTRAIT_RENDERER_URL"] = renderer.url
        stack.enter_context(renderer)
        settings = {**settings, "LIVEPORTRAIT_ROLE": "gate"}
        image = images["gate"]
        gate = stack.enter_context(
            StartedRole(image.root, image.command, settings, logs / "gate.log")
        )
        gate_health, gate_footprint = gate.await_ready()
        health, renderer_footprint = renderer.await_ready()
        key, folder = uuid.uuid4().hex, f"{tempfile.gettempdir()}/avatar-web-{uuid.uuid4().hex}"
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        settings = {
            **suite.environment,
            "AVATAR_WEB_KEYS": hashlib.sha256(key.encode()).hexdigest(),
            "AVATAR_WEB_QUEUE": suite.options.queue_name,
            "AVATAR_WEB_RENDERER_URL": renderer.url,
            "AVATAR_WEB_SERVICE_ACCOUNT": ACCOUNT,
            "AVATAR_WEB_BUCKET": suite.options.bucket,
            "AVATAR_WEB_DATA": folder,
        }
        image = images["api"]
        api = stack.enter_context(
            StartedRole(image.root, image.command, settings, logs / "api.log")
        )
        api_health, api_footprint = api.await_ready()
        suite.connect("idle-avatar-written", "avatars/{avatarId}", [gate.url])
        began = time.monotonic()
        live = _saved(suite, clip)
        seconds = time.monotonic() - began
        with urllib.request.urlopen(live["idleVideoUrl"], timeout=30) as answer:
            video = answer.read()
        generation = _generated(api.url, key, clip)
        return Played(
            health={"gate": gate_health, "renderer": health, "api": api_health},
            footprints={
                "gate": _with_mapped(gate_footprint, gate.footprint()),
                "renderer": _with_mapped(renderer_footprint, renderer.footprint()),
                "api": _with_mapped(api_footprint, api.footprint()),
            },
            live=live,
            video=video,
            seconds=seconds,
            generation=generation,
        )


def _generated(url: str, key: str, clip: Path) -> Mapping[str, Any]:
    """Ask the API for a video, and wait for it."""
    request = {"input": {"portrait": {"upload": "me"}, "driving": {"upload": "clip"}}}
    with (SEED / "astronaut.png").open("rb") as portrait, clip.open("rb") as driving:
        answer = httpx.post(
            f"{url}/v1/generations",
            data={"request": json.dumps(request)},
            files={"me": portrait, "clip": driving},
            headers={"Authorization": f"Bearer {key}", "Prefer": "wait=600"},
            timeout=PATIENCE_S,
        )
    told: Mapping[str, Any] = answer.json()
    if told.get("status") != "ready":
        raise PlayFailed(f"the API made no video: {answer.status_code}, {told}")
    return told


def _with_mapped(ready: Footprint, later: Footprint) -> Footprint:
    """As it was when ready, but with every file that has been used since."""
    return Footprint(
        ready_after_s=ready.ready_after_s,
        memory_bytes=ready.memory_bytes,
        mapped=ready.mapped | later.mapped,
    )


def _clip(root: Root, clip: Path, length: tuple[str, ...]) -> Path:
    """A driving clip, made by the image's own command line."""
    portrait = str((SEED / "astronaut.png").resolve())
    made = ["idle", portrait, "-o", str(clip), "--seed", "3", *length]
    done = subprocess.run(
        ["python", "-m", "liveportrait_core", *made],
        cwd=root.place("."),
        env=image_environment(root),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PlayFailed(f"the image's command line made no clip: {done.stderr}")
    return clip


def _saved(suite: Suite, clip: Path) -> Mapping[str, Any]:
    with _environment(suite.environment):
        avatar_id = f"image-{uuid.uuid4().hex[:6]}"
        storage, database = StorageClient(), firestore.Client()
        bucket = storage.bucket(suite.options.bucket)
        names = {"hero.jpg": SEED / "grace_hopper.jpg", "heroVideo.mp4": clip}
        for name, file in names.items():
            bucket.blob(f"avatars/{avatar_id}/{name}").upload_from_filename(str(file))
        base = f"gs://{bucket.name}/avatars/{avatar_id}"
        document = database.collection("avatars").document(avatar_id)
        document.set(
            {
                "avatarImageUrl": f"{base}/hero.jpg",
                "training": {
                    "heroVideoUrl": f"{base}/heroVideo.mp4",
                    "dynamicsEnabled": True,
                    "livePortrait": {"drivingMultiplier": 0.4},
                },
            }
        )
        try:
            return _awaited(lambda: (document.get().to_dict() or {}).get("livePortrait") or {})
        finally:
            storage.close()
            database.close()


def _awaited(look: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    give_up_at = time.monotonic() + PATIENCE_S
    live: Mapping[str, Any] = {}
    while time.monotonic() < give_up_at and live.get("state") not in ("ready", "failed", "blocked"):
        time.sleep(0.1)
        live = look()
    if live.get("state") != "ready":
        raise PlayFailed(f"no video within {PATIENCE_S:.0f} s; the document says {live}")
    return live


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Google's clients find the emulators by the environment alone."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
