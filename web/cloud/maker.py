"""Assemble the cloud's maker for a process of the API."""

import logging
import os
import threading
import time
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.storage import Client as StorageClient

from web.cloud.files import BucketFiles
from web.cloud.messages import FirestoreMessages
from web.cloud.queue import GenerationQueue
from web.cloud.store import FirestoreJobStore
from web.generation import Generation
from web.jobs.ports import Jobs, MethodEstimate, RendererHealth
from web.settings import CloudSettings

_LOG = logging.getLogger("web")
_PUT_AGAIN_EVERY_S = 60.0


def cloud_jobs(settings: CloudSettings, *, cache: Path, max_queued: int) -> Jobs:
    """Return the project's queue; Google's environment variables name project and emulators."""
    emulated = "STORAGE_EMULATOR_HOST" in os.environ
    storage = StorageClient(credentials=AnonymousCredentials()) if emulated else StorageClient()
    client = firestore.Client()
    queue = GenerationQueue(settings, emulator=os.environ.get("CLOUD_TASKS_EMULATOR_HOST"))
    store = FirestoreJobStore(client, max_queued=max_queued, on_added=queue.put)
    return Jobs(
        store=store,
        queue=store,
        messages=FirestoreMessages(client),
        files=BucketFiles(storage.bucket(settings.bucket), cache),
        rendering=QueuedRendering(store, queue),
        look_every_s=2.0,
    )


class QueuedRendering:
    """Renders nothing here; puts into the queue again what may have been lost on the way."""

    def __init__(self, store: FirestoreJobStore, queue: GenerationQueue) -> None:
        self._store = store
        self._queue = queue
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-queue", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def health(self) -> RendererHealth:
        """Tell what rendered last; renderers come and go."""
        latest = self._store.latest()
        return RendererHealth(
            status="ready",
            engine=None if latest is None else latest.engine,
            engine_version=None if latest is None else latest.engine_version,
            reason="rendered by the service behind the queue",
        )

    def require_able(self, generation: Generation) -> None:
        """Refuse nothing: what the renderers can do is known where they are."""

    def method_cost(self, generation: Generation, seconds: float) -> MethodEstimate | None:
        """Tell nothing: the methods are where the renderers are."""
        return None

    def put_again(self, now: float) -> None:
        """Put into the queue what has waited for a minute; a task that is there stays alone."""
        for generation in self._store.queued_before(now - _PUT_AGAIN_EVERY_S):
            self._queue.put(generation)

    def _run(self) -> None:
        while not self._stopping.wait(_PUT_AGAIN_EVERY_S):
            try:
                self.put_again(time.time())
            except Exception:  # the next round tries again
                _LOG.exception("queued generations were not looked through")
