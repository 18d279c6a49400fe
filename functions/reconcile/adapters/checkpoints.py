"""The places that passes have reached: `livePortraitReconcile/{shard}`, which no client may see."""

from collections.abc import Mapping
from typing import Any

from google.cloud import firestore

MARKS = "livePortraitReconcile"


class FirestoreCheckpoints:
    """The checkpoints of all shards' passes."""

    def __init__(self, client: firestore.Client) -> None:
        self._marks = client.collection(MARKS)

    def read(self, name: str) -> Mapping[str, Any] | None:
        """Return the checkpoint of this name; None: no pass is under way."""
        found: Mapping[str, Any] | None = self._marks.document(name).get().to_dict()
        return found

    def keep(self, name: str, mark: Mapping[str, Any]) -> None:
        """Set the checkpoint."""
        self._marks.document(name).set(dict(mark))

    def drop(self, name: str) -> None:
        """Remove the checkpoint: the pass has ended."""
        self._marks.document(name).delete()
