"""The app in the demo: uploads, saves, listens, and prints a progress line.

Uses the ordinary Google clients, like any client of the function.
"""

import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.cloud import firestore
from google.cloud.storage import Client as StorageClient

RENDER_TIMEOUT_S = 1500.0  # three attempts of the contract's deadline
FINAL_STATES = ("ready", "failed", "blocked", "disabled")


class NoOutcome(Exception):
    """There was no final state in time after a save."""


WORDS = {
    "": "saved; the function has not answered yet",
    "queued": "queued: the function waits a moment for the next slider move",
    "rendering": "rendering",
    "ready": "ready",
    "failed": "failed",
    "blocked": "blocked: an input is missing",
    "disabled": "disabled",
}


class ProgressLine:
    """A progress line: redrawn on a terminal, printed on change elsewhere."""

    def __init__(self) -> None:
        self._tty = sys.stdout.isatty()
        self._last = ""
        self._started = time.monotonic()

    def show(self, live_portrait: Mapping[str, Any]) -> None:
        """Print the state of the document."""
        words = WORDS[live_portrait.get("state", "")]
        elapsed_s = time.monotonic() - self._started
        eta_s = live_portrait.get("etaSeconds")
        if words == "rendering" and eta_s:
            words += f", about {eta_s} s to go when last heard"
        line = f"    {elapsed_s:5.1f} s  {words}"
        if self._tty:
            print(f"\r\033[K{line}", end="", flush=True)
        elif words != self._last:
            print(line, flush=True)
        self._last = words

    def end(self) -> None:
        """End the line."""
        if self._tty:
            print()


class App:
    """The Flutter app's part: uploads, saves, listens, plays."""

    def __init__(self, storage_url: str, bucket: str, avatar_id: str) -> None:
        self._storage_url = storage_url
        self._folder = f"avatars/{avatar_id}"
        self._database = firestore.Client()
        self._bucket = StorageClient().bucket(bucket)
        self.document = self._database.document(self._folder)
        self._changed = threading.Condition()
        self._live_portrait: dict[str, Any] = {}
        self._watch = self.document.on_snapshot(self._on_snapshot)

    def close(self) -> None:
        """Stop listening."""
        self._watch.unsubscribe()
        self._database.close()

    def _on_snapshot(self, snapshots: list[Any], changes: list[Any], read_time: Any) -> None:
        with self._changed:
            for snapshot in snapshots:
                self._live_portrait = (snapshot.to_dict() or {}).get("livePortrait") or {}
            self._changed.notify_all()

    def upload(self, name: str, source: Path, content_type: str) -> str:
        """Upload a file as the app does; return its download URL."""
        blob = self._bucket.blob(f"{self._folder}/{name}")
        token = str(uuid.uuid4())
        blob.metadata = {"firebaseStorageDownloadTokens": token}
        blob.upload_from_filename(str(source), content_type=content_type)
        path = urllib.parse.quote(blob.name, safe="")
        return f"{self._storage_url}/v0/b/{blob.bucket.name}/o/{path}?alt=media&token={token}"

    def follow(self, *, not_url: str | None = None) -> dict[str, Any]:
        """Wait for the final state after the latest save, by listening.

        Args:
            not_url: the video that was ready before the save; its `ready` is ignored.

        Raises:
            NoOutcome: there is none in time.
        """
        line = ProgressLine()
        give_up_at = time.monotonic() + RENDER_TIMEOUT_S
        while time.monotonic() < give_up_at:
            with self._changed:
                self._changed.wait(timeout=0.25)
                seen = dict(self._live_portrait)
            if seen.get("state") == "ready" and seen.get("idleVideoUrl") == not_url:
                seen = {}  # still the state of the previous save
            line.show(seen)
            if seen.get("state") in FINAL_STATES:
                line.end()
                return seen
        line.end()
        raise NoOutcome(f"no outcome within {RENDER_TIMEOUT_S:.0f} s; see the function's log")
