"""A task of the queue: claim → fetch → render → upload → finish, under a lease.

Whoever is killed leaves a lease that runs out, and a task that the queue delivers again: then
another process begins anew. Runs in the function's renderer, beside the renders of avatars.
"""

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from liveportrait_core.errors import DeviceLost
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Progress
from web.cloud.files import BucketFiles
from web.cloud.store import Claim, FirestoreJobStore
from web.errors import NotFound
from web.generation import Generation, State
from web.jobs.rendering import Canceled, failed, render, with_progress
from web.jobs.transitions import given_back

_LOG = logging.getLogger("web")
_BEAT_S = 2.0  # at most: how soon a cancellation is noticed


class GenerationRenderer:
    """Renders generations of a project, one at a time."""

    def __init__(
        self, store: FirestoreJobStore, files: BucketFiles, *, lease_s: float, deadline_s: float
    ) -> None:
        """Keep the parts.

        Args:
            store: of the documents.
            files: of the bucket.
            lease_s: after so long without a sign of life a renderer is taken for dead.
            deadline_s: after so long a render fails.
        """
        self._store = store
        self._files = files
        self._lease_s = lease_s
        self._deadline_s = deadline_s

    def handle(self, generation_id: str, renderer: Renderer) -> Generation | None:
        """Render one and return how it ended; None: nothing was left to do, or the lease was lost.

        Raises:
            Leased: another process renders it.
            DeviceLost: this process is of no more use; the generation is queued again.
        """
        claim = self._store.claim(generation_id, uuid4().hex, lease_s=self._lease_s)
        if claim is None:
            return None
        try:
            with (
                tempfile.TemporaryDirectory(prefix="generation-") as name,
                self._watched(claim) as watch,
            ):
                ended = self._ended(claim.generation, renderer, Path(name), watch)
        except DeviceLost:
            self._store.renew(claim, lambda each: given_back(each, time.time()), lease_s=0)
            raise
        if ended is None:
            return None
        return self._store.renew(claim, lambda _: ended, lease_s=self._lease_s)

    def _ended(
        self, generation: Generation, renderer: Renderer, folder: Path, watch: "_Watch"
    ) -> Generation | None:
        try:
            for name in generation.inputs.values():
                self._files.download(generation.folder, name, folder / name)
            ended = render(
                renderer,
                generation,
                folder,
                watch.on_progress,
                method_limit_s=self._deadline_s,
            )
            if ended.state is State.READY:
                self._upload(ended, folder)
        except Canceled:
            if watch.is_lost:
                return None
            ended = replace(generation, state=State.CANCELED)
            if watch.is_late:
                words = f"it took longer than {self._deadline_s:g} s"
                ended = failed(generation, "RENDER_TIMEOUT", words, retryable=True)
        except NotFound as error:
            ended = failed(generation, "INPUT_NOT_FOUND", str(error), retryable=False)
        return replace(ended, finished_at=time.time())

    def _upload(self, ended: Generation, folder: Path) -> None:
        for name in ended.file_names.values():
            self._files.upload(ended.folder, folder / name)

    @contextmanager
    def _watched(self, claim: Claim) -> Iterator["_Watch"]:
        watch = _Watch(
            lambda how: self._store.renew(claim, how, lease_s=self._lease_s),
            lease_s=self._lease_s,
            deadline_s=self._deadline_s,
        )
        watch.start()
        try:
            yield watch
        finally:
            watch.stop()


class _Watch:
    """Renews the lease, tells the progress, and notices a cancellation, in a thread."""

    def __init__(
        self,
        renew: Callable[[Callable[[Generation], Generation]], Generation | None],
        *,
        lease_s: float,
        deadline_s: float,
    ) -> None:
        self._renew = renew
        self._lease_s = lease_s
        self._deadline = time.monotonic() + deadline_s
        self._renewed_at = time.monotonic()
        self._progress: Progress | None = None
        self._is_canceled = False
        self._taken = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="generation-lease", daemon=True)

    @property
    def is_lost(self) -> bool:
        """Whether the lease may be another's."""
        return self._taken or time.monotonic() - self._renewed_at > self._lease_s

    @property
    def is_late(self) -> bool:
        """Whether the time of the task is over."""
        return time.monotonic() > self._deadline

    def on_progress(self, progress: Progress) -> None:
        """Take note; raise where the render must stop."""
        self._progress = progress
        if self._is_canceled or self.is_lost or self.is_late:
            raise Canceled

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def _advanced(self, generation: Generation) -> Generation:
        progress = self._progress
        return generation if progress is None else with_progress(generation, progress)

    def _run(self) -> None:
        while not self._stopping.wait(min(_BEAT_S, self._lease_s / 4)):
            asked_at = time.monotonic()
            try:
                now = self._renew(self._advanced)
            except Exception:  # tried again until the lease has run out
                _LOG.warning("lease not renewed", exc_info=True)
                continue
            if now is None:
                self._taken = True
                return
            self._renewed_at = asked_at
            self._is_canceled = now.cancel_requested
