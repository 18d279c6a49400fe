"""The ports of jobs: ledger, media store, task queue, renderer and clock, with the system's clock.

Each has an adapter and, in the tests, a double. `Dependencies` is what one deployment hands to all
of its jobs: ports, settings and rules.
"""

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from functions.domain.job_record import Deletion
from functions.domain.limits.turns import Turns
from functions.domain.snapshot import AvatarSnapshot, Status, TransactionResult
from functions.domain.storage_paths import StoredObject, Upload
from functions.domain.subject import Subject
from functions.domain.task import Task
from functions.domain.transitions.renders import Transitions
from functions.runtime.process_health import ProcessHealth
from functions.settings import Settings
from liveportrait_core import Progress, RenderedVideo, RenderRequest

_PATIENCE_S = 5.0


class RenderLedger(Protocol):
    """Documents and ledgers of all avatars, read together and changed together."""

    def read(self, subject: Subject) -> AvatarSnapshot:
        """Return document and ledger as they are now."""

    def transact(
        self,
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Status]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Status]:
        """Read both, let `decide` say what changes, write it: all or nothing.

        `decide` is called again under contention, and where a commit's answer was lost: it must
        change nothing but what it returns, and its last answer counts. `counting` makes today's
        render starts part of what it sees.
        """

    def turns_of(self, owner: str) -> Turns:
        """Return the turns of an owner's renders, as their ledgers' dispatches state them."""

    def delete_documents(self, deletion: Deletion) -> None:
        """Delete the documents of a collection that were created by the deletion's moment."""


class TaskQueue(Protocol):
    """A queue that hands tasks to a service, each name once."""

    @property
    def name(self) -> str:
        """The name by which a dispatch tells where its task was left."""

    def put(self, task: Task) -> bool:
        """Put a task into this queue, or into the one that it names.

        Return False where a task of this name is there, or was a moment ago.

        Raises:
            RetryLater: the queue did not take it.
        """


class MediaStore(Protocol):
    """The store of portraits, clips and results: objects named by path, guarded by generation."""

    def find(self, path: str) -> StoredObject | None:
        """Return the object at a path; None: there is none."""

    def fetch(self, wanted: StoredObject, to: Path) -> None:
        """Copy the stored bytes of exactly this generation to a local file.

        They are never decompressed, and never more than `wanted.size_bytes` are written.

        Raises:
            ObjectChanged: it is gone, or at another generation.
        """

    def publish(self, upload: Upload, *, replacing: int = 0) -> StoredObject:
        """Create an object, or replace exactly one generation.

        Raises:
            ObjectExists: another object is there.
        """

    def delete(self, path: str, generation: int) -> None:
        """Delete exactly this generation, if it is still there."""

    def delete_prefix(self, deletion: Deletion) -> None:
        """Delete all objects below the deletion's path that were created by its moment."""


class Renderer(Protocol):
    """Portrait and driving clip in, idle video out: `liveportrait_core.renderer.Renderer`."""

    @property
    def device(self) -> str:
        """The device of its networks: `cpu`, `cuda`, `cuda:0`."""

    def render(
        self,
        request: RenderRequest,
        *,
        on_motion: Callable[[bytes], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> RenderedVideo:
        """Render, and call `on_motion` with a clip's motion as soon as it is known.

        What `on_motion` or `on_progress` raises cancels it and propagates; no output file is left
        then.

        Raises:
            MotionUnusable: the request's cached motion cannot be used.
        """


class Ticker(Protocol):
    """A callable that a clock calls at intervals."""

    def stop(self) -> None:
        """Stop calling it."""


class Clock(Protocol):
    """This machine's time, for waits and deadlines; a lease ends by the database's time."""

    def now(self) -> float:
        """Unix time in seconds."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def every(self, seconds: float, action: Callable[[], bool]) -> Ticker:
        """Call it at this interval, on another thread, until it returns False or is stopped."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def every(self, seconds: float, action: Callable[[], bool]) -> Ticker:
        """Call it at this interval, on a thread of its own."""
        return _Thread(seconds, action)


class _Thread:
    """A ticker's thread."""

    def __init__(self, seconds: float, action: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._action = action
        self._stopped = threading.Event()
        # The thread's lines in the log carry the same ids as the caller's.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._tick,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop calling it; wait for a call that has begun, but not for long: it may hang."""
        self._stopped.set()
        self._thread.join(_PATIENCE_S)

    def _tick(self) -> None:
        while not self._stopped.wait(self._seconds):
            if not self._action():
                return


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Everything a job works with."""

    settings: Settings
    transitions: Transitions
    ledger: RenderLedger
    media: MediaStore
    engine: str  # the engine that renders
    engine_version: str  # as documents show it: with the settings that change pixels
    clock: Clock
    renders: TaskQueue | None = None  # for tasks of renders; None: there is no queue
    health: ProcessHealth = field(default_factory=ProcessHealth)
