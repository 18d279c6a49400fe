"""One avatar as the app's details screen has it: uploads, saves, and what the document says.

Uses Google's ordinary clients; FIRESTORE_EMULATOR_HOST and STORAGE_EMULATOR_HOST point them to the
emulator, a project's credentials to the cloud.
"""

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud import firestore
from google.cloud.storage import Client as StorageClient

KEPT_RESULTS = 3
_TYPES = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
    ".heic": "image/heic", ".avif": "image/avif", ".mp4": "video/mp4", ".mov": "video/quicktime",
    ".webm": "video/webm",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Look:
    """The document, and the latest results seen in it."""

    document: Mapping[str, Any]
    results: tuple[str, ...]  # video URLs, the newest first

    @property
    def live_portrait(self) -> Mapping[str, Any]:
        """What the server shows."""
        value = self.document.get("livePortrait")
        return value if isinstance(value, Mapping) else {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the app has saved."""
        training = self.document.get("training")
        value = training.get("livePortrait") if isinstance(training, Mapping) else None
        return value if isinstance(value, Mapping) else {}

    @property
    def has_portrait(self) -> bool:
        """Whether the avatar has a portrait, brought in whatever tab, or by the app."""
        return bool(self.document.get("avatarImageUrl"))

    @property
    def has_clip(self) -> bool:
        """Whether it has a hero video."""
        training = self.document.get("training")
        return isinstance(training, Mapping) and bool(training.get("heroVideoUrl"))


class AvatarDocument:
    """The document `avatars/{id}`; listens to it until `close`."""

    def __init__(self, avatar_id: str, bucket: str) -> None:
        self._folder = f"avatars/{avatar_id}"
        self._database = firestore.Client()
        self._bucket = StorageClient().bucket(bucket)
        self._document = self._database.document(self._folder)
        self._lock = threading.Lock()
        self._seen: dict[str, Any] = {}
        self._results: tuple[str, ...] = ()
        self._watch = self._document.on_snapshot(self._on_snapshot)

    def close(self) -> None:
        """Stop following."""
        self._watch.unsubscribe()
        self._database.close()

    def _on_snapshot(self, snapshots: list[Any], _changes: list[Any], _time: Any) -> None:
        for snapshot in snapshots:
            fields = snapshot.to_dict() or {}
            with self._lock:
                self._seen = fields
                url = Look(document=fields, results=()).live_portrait.get("idleVideoUrl")
                if url and url not in self._results[:1]:
                    others = tuple(each for each in self._results if each != url)
                    self._results = (url, *others)[:KEPT_RESULTS]

    def look(self) -> Look:
        """Return the latest snapshot."""
        with self._lock:
            return Look(document=self._seen, results=self._results)

    def save_file(self, field: str, path: Path) -> None:
        """Upload a portrait or a hero video under a new name, and write its address."""
        kind = _TYPES.get(path.suffix.lower(), "application/octet-stream")
        blob = self._bucket.blob(f"{self._folder}/{uuid.uuid4().hex}{path.suffix.lower()}")
        blob.upload_from_filename(str(path), content_type=kind)
        address = f"gs://{self._bucket.name}/{blob.name}"
        self._write({field: address})

    def save_settings(self, settings: Mapping[str, Any]) -> None:
        """Write what the controls say, as a whole."""
        self._write({"training.livePortrait": dict(settings)})

    def _write(self, fields: dict[str, Any]) -> None:
        fields["updatedAt"] = int(time.time() * 1000)
        self._document.set({}, merge=True)
        self._document.update(fields)
