"""The app's side of the wires, with the ordinary Google clients: plays the contract's scenarios."""

import copy
import io
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.api_core.exceptions import NotFound
from google.cloud import firestore
from google.cloud.storage import Bucket
from PIL import Image

from emulator.suite import FirestoreBackend, Suite
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.report import Frame
from tests.end_to_end.deployment import Deployment

Document = dict[str, Any]
PATIENCE_S = 90.0
RELAY_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Media:
    """Small real inputs: rendered in a second or two each."""

    portrait: Path
    other_portrait: Path
    clip: Path
    sound: Path  # 0.8 s, the last 0.2 of them silent


@dataclass(kw_only=True)
class Cloud:
    """The stand-in cloud with what is deployed in it, and the clients that an app would hold."""

    suite: Suite
    database: firestore.Client
    bucket: Bucket
    deployment: Deployment
    media: Media

    def avatar(self, name: str) -> "Avatar":
        """A new avatar of this name; ids never repeat."""
        return Avatar(self, f"{name}-{uuid.uuid4().hex[:6]}")

    def settle(self) -> None:
        """Wait until no event and no task is under way."""
        if not self.is_embedded:
            time.sleep(RELAY_S)  # Google's emulator tells of its commits when it gets to it
        self.suite.control.wait_idle(timeout_s=PATIENCE_S)

    @property
    def is_embedded(self) -> bool:
        """Whether Firestore is our own emulator."""
        return self.suite.options.backend is FirestoreBackend.EMBEDDED

    def calls(self) -> Counter[str]:
        """Calls made to the cloud since `clear_calls`, by service and method."""
        if not self.is_embedded:
            pytest.skip("Google's emulator does not count its calls")
        return self.suite.control.calls()


@dataclass
class Avatar:
    """One avatar as the app sees it."""

    cloud: Cloud
    id: str
    states: list[str] = field(default_factory=list)  # every livePortrait.state a listener heard
    _written: Document = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.document = self.cloud.database.collection("avatars").document(self.id)
        self._heard = threading.Event()

    # -- writing -----------------------------------------------------------------------------------

    def upload(self, name: str, source: Path, content_type: str) -> str:
        """Put a file where the app puts it; give its download URL."""
        blob = self.cloud.bucket.blob(f"avatars/{self.id}/{name}")
        token = str(uuid.uuid4())
        blob.metadata = {"firebaseStorageDownloadTokens": token}
        blob.upload_from_filename(str(source), content_type=content_type)
        return self.download_url(blob.name, token)

    def download_url(self, path: str, token: str) -> str:
        """The URL that Firebase's clients make for an object."""
        quoted = urllib.parse.quote(path, safe="")
        base = f"{self.cloud.suite.storage_url}/v0/b/{self.cloud.bucket.name}/o/{quoted}"
        return f"{base}?alt=media&token={token}"

    def create(
        self,
        *,
        portrait: Path | None = None,
        clip: Path | None = None,
        live_portrait: Document | None = None,
        **fields: Any,
    ) -> None:
        """Create the document, upload both media; no render is asked for without a save.

        The document comes first, as the rules want it: uploads without one are a former life's.
        A `portrait` or `clip` of one's own keeps its name; the usual ones are named as in the app.
        """
        self.document.set({"updatedAt": _now_ms()})
        media = self.cloud.media
        video_url = (
            self.upload("heroVideo.mp4", media.clip, "video/mp4")
            if clip is None
            else self.upload(clip.name, clip, "video/mp4")
        )
        image_url = (
            self.upload("hero.jpg", media.portrait, "image/jpeg")
            if portrait is None
            else self.upload(portrait.name, portrait, "image/jpeg")
        )
        training: Document = {
            "heroVideoUrl": video_url,
            "dynamicsEnabled": True,
            "status": "done",
        }
        if live_portrait is not None:
            training["livePortrait"] = live_portrait
        self.set({"nickname": "Grace", "avatarImageUrl": image_url, "training": training, **fields})

    def set(self, document: Document) -> None:
        """Replace the whole document."""
        self.document.set({"updatedAt": _now_ms(), **document})
        self._remember()

    def update(self, fields: Document) -> None:
        """Update field paths, as the app does, with its integer `updatedAt`."""
        self.document.update({"updatedAt": _now_ms(), **fields})
        self._remember()

    def merge(self, document: Document) -> None:
        """Deep-merge a whole model, stale parts included."""
        self.document.set({"updatedAt": _now_ms(), **document}, merge=True)
        self._remember()

    def save(
        self, multiplier: Any = 0.40, *, normalize_lip: Any = True, region: Any = "all"
    ) -> None:
        """Save the details screen: replaces `training.livePortrait` as a whole."""
        values = {
            "drivingMultiplier": multiplier,
            "normalizeLip": normalize_lip,
            "animationRegion": region,
        }
        self.update({"training.livePortrait": values})

    # -- reading -----------------------------------------------------------------------------------

    def read(self) -> Document:
        """The document as it stands; empty when there is none."""
        return self.document.get().to_dict() or {}

    def live(self) -> Document:
        """The pipeline's answer."""
        return self.read().get("livePortrait") or {}

    def listen(self) -> Callable[[], None]:
        """Collect every state that a listening app hears; gives the function that stops it."""

        def heard(snapshots: list[Any], changes: list[Any], read_time: Any) -> None:
            for snapshot in snapshots:
                state = ((snapshot.to_dict() or {}).get("livePortrait") or {}).get("state")
                if state and (not self.states or self.states[-1] != state):
                    self.states.append(state)

        watch = self.document.on_snapshot(heard)
        return lambda: watch.unsubscribe()

    def wait(self, wanted: Callable[[Document], bool], what: str) -> Document:
        """Wait until the answer is as wanted."""
        return awaited(self.live, wanted, f"{self.id}: {what}")

    def wait_state(self, state: str) -> Document:
        """Wait until the answer's state is this one."""
        return self.wait(lambda live: live.get("state") == state, f"state {state}")

    def wait_ready(self, multiplier: float | None = None) -> Document:
        """Wait for `ready`, of this multiplier when one is given, and for everything to settle."""

        def ready(live: Document) -> bool:
            params = live.get("params") or {}
            fits = multiplier is None or params.get("drivingMultiplier") == multiplier
            return live.get("state") == "ready" and fits

        self.wait(ready, f"ready at {multiplier}")
        self.cloud.settle()
        return self.live()

    def ledger(self) -> Document:
        """The server's own record; empty when there is none."""
        path = self.cloud.database.collection("livePortraitJobs").document(self.id)
        return path.get().to_dict() or {}

    def renders(self) -> int:
        """Render starts, as the quota counts them: abandoned and failed ones too."""
        collection = self.cloud.database.collection("livePortraitQuota")
        quota = collection.document(f"avatar:{self.id}").get().to_dict() or {}
        return int(quota.get("starts", 0))

    def output_names(self) -> list[str]:
        """The objects under the server's own folder of this avatar."""
        prefix = f"avatars/{self.id}/livePortrait/"
        return sorted(blob.name for blob in self.cloud.bucket.list_blobs(prefix=prefix))

    def assert_inputs_untouched(self) -> None:
        """Whatever the server did: what the app wrote last stands as written."""
        assert _inputs(self.read()) == self._written

    def _remember(self) -> None:
        self._written = _inputs(self.read())


def _inputs(document: Document) -> Document:
    """The document without what the server owns."""
    rest = copy.deepcopy(document)
    rest.pop("livePortrait", None)
    live_portrait = (rest.get("training") or {}).get("livePortrait")
    if isinstance(live_portrait, dict):
        live_portrait.pop("idleVideoUrl", None)
    return rest


def _now_ms() -> int:
    return int(time.time() * 1000)


@dataclass
class Talk:
    """One talk of an avatar as the app sees it."""

    avatar: Avatar
    id: str = "hello"

    def __post_init__(self) -> None:
        self.document = self.avatar.document.collection("talks").document(self.id)

    def upload(self, sound: Path) -> str:
        """Put a sound where the app puts it; give its path."""
        self.avatar.upload(sound.name, sound, "audio/wav")
        return f"gs://{self.avatar.cloud.bucket.name}/avatars/{self.avatar.id}/{sound.name}"

    def say(self, sound: Path | None = None, **request: Any) -> None:
        """Upload a sound, by default the usual one, and ask for it to be said."""
        url = self.upload(sound or self.avatar.cloud.media.sound)
        self.ask(audioUrl=url, **request)

    def ask(self, **request: Any) -> None:
        """Replace the request."""
        self.document.set({"request": request}, merge=["request"])

    def live(self) -> Document:
        """The pipeline's answer."""
        return (self.document.get().to_dict() or {}).get("talk") or {}

    def wait_state(self, state: str) -> Document:
        """Wait until the answer's state is this one."""
        return awaited(self.live, lambda live: live.get("state") == state, f"{self.id}: {state}")

    def wait_ready(self, strength: float | None = None) -> Document:
        """Wait for `ready`, of this strength when one is given, and for everything to settle."""

        def ready(live: Document) -> bool:
            fits = strength is None or (live.get("params") or {}).get("strength") == strength
            return live.get("state") == "ready" and fits

        awaited(self.live, ready, f"{self.id}: ready at {strength}")
        self.avatar.cloud.settle()
        return self.live()

    def ledger(self) -> Document:
        """The server's own record; empty when there is none."""
        jobs = self.avatar.cloud.database.collection("livePortraitTalkJobs")
        return jobs.document(f"{self.avatar.id}:{self.id}").get().to_dict() or {}

    def output_names(self) -> list[str]:
        """The objects under the server's own folder of this talk."""
        prefix = f"avatars/{self.avatar.id}/livePortrait/talks/{self.id}/"
        return sorted(blob.name for blob in self.avatar.cloud.bucket.list_blobs(prefix=prefix))


def awaited(
    live: Callable[[], Document], wanted: Callable[[Document], bool], what: str
) -> Document:
    """Wait until an answer is as wanted."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        found = live()
        if wanted(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_S} s: {what}; last: {found}")


def exists(avatar: Avatar) -> bool:
    """Whether the avatar's document exists."""
    try:
        return bool(avatar.document.get().exists)
    except NotFound:
        return False


def play(url: str) -> tuple[bytes, str]:
    """Fetch a URL as a player does, without credentials: body and content type."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read(), answer.headers["content-type"]


def frames_at(url: str, portrait: Path, folder: Path) -> list[Frame]:
    """The frames of this portrait's finished video, which must hold section 6 of the contract."""
    video = folder / f"{uuid.uuid4().hex}.mp4"
    video.write_bytes(play(url)[0])
    done = command_line("inspect", video, "--portrait", portrait)
    assert done.returncode == 0, done.stdout + done.stderr
    with FrameReader(probe(video, 60), max_side_px=None) as reader:
        return list(reader)


def picture_at(url: str) -> Frame:
    """A finished poster."""
    return np.asarray(Image.open(io.BytesIO(play(url)[0])).convert("RGB"))


def command_line(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the renderer's command line."""
    command = [sys.executable, "-m", "liveportrait_core", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
