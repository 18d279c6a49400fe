"""The places that passes have reached: `livePortraitReconcile/{shard}`, which no client may see."""

from collections.abc import Mapping
from typing import Any

from google.cloud import firestore

CHECKPOINTS = "livePortraitReconcile"


class FirestoreCheckpoints:
    """The checkpoints of all shards' passes."""

    def __init__(self, client: firestore.Client) -> None:
        self._checkpoints = client.collection(CHECKPOINTS)

    def read(self, name: str) -> Mapping[str, Any] | None:
        """Return the checkpoint of this name; None: no pass is under way."""
        found: Mapping[str, Any] | None = self._checkpoints.document(name).get().to_dict()
        return found

    def keep(self, name: str, checkpoint: Mapping[str, Any]) -> None:
        """Set the checkpoint."""
        self._checkpoints.document(name).set(dict(checkpoint))

    def drop(self, name: str) -> None:
        """Remove the checkpoint: the pass has ended."""
        self._checkpoints.document(name).delete()
