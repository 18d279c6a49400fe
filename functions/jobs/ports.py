"""What the story needs of the world: five ports, each with an adapter and a double.

`Dependencies` is what one deployment hands to all of its work: ports, settings and rules.
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
        """Document and ledger as they are."""

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
        """The turns of an owner's renders, as their ledgers' dispatches have them."""

    def delete_documents(self, deletion: Deletion) -> None:
        """Delete the documents of a collection below the avatars', as far as created by then."""


class TaskQueue(Protocol):
    """A queue that hands tasks to a service, each name once."""

    @property
    def name(self) -> str:
        """The name by which a dispatch tells where its task was left."""

    def put(self, task: Task) -> bool:
        """Leave a task there, or in the queue that it names.

        False: a task of this name is there, or was a moment ago.

        Raises:
            RetryLater: the queue did not take it.
        """


class MediaStore(Protocol):
    """Where portraits, clips and results are kept: objects named by path, guarded by generation."""

    def find(self, path: str) -> StoredObject | None:
        """What stands at a path."""

    def fetch(self, wanted: StoredObject, to: Path) -> None:
        """Copy the stored bytes of exactly this generation to a local file.

        They are never unpacked, and never more than `wanted.size_bytes` are written. Raises
        `ObjectChanged` where it is gone or another generation stands there.
        """

    def publish(self, upload: Upload, *, replacing: int = 0) -> StoredObject:
        """Create an object (or replace exactly a generation), or raise `ObjectExists`."""

    def delete(self, path: str, generation: int) -> None:
        """Delete exactly this generation, if it is still there."""

    def delete_prefix(self, deletion: Deletion) -> None:
        """Delete everything whose path begins so, as far as it was created by then."""


class Renderer(Protocol):
    """Portrait and driving clip in, idle video out: `liveportrait_core.renderer.Renderer`."""

    @property
    def device(self) -> str:
        """Where its networks are: `cpu`, `cuda`, `cuda:0`."""

    def render(
        self,
        request: RenderRequest,
        *,
        on_motion: Callable[[bytes], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> RenderedVideo:
        """Render, and give a clip's motion away as soon as it is known.

        What `on_motion` or `on_progress` raises cancels it and propagates; no output file is left
        then. `MotionUnusable` where the request's cached motion is.
        """


class Ticker(Protocol):
    """What a clock calls again and again."""

    def stop(self) -> None:
        """Call it no more."""


class Clock(Protocol):
    """This machine's time: for waiting and for deadlines; when a lease ends the ledger says."""

    def now(self) -> float:
        """Unix time in seconds."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def every(self, seconds: float, action: Callable[[], bool]) -> Ticker:
        """Call it after each such time, beside the caller, until it says False or is stopped."""


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
        """Call it after each such time, on a thread of its own."""
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
        """Call it no more, and wait for a call that has begun, but not for one that hangs."""
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
    engine: str  # that renders
    engine_version: str  # as documents show it: with the settings that change pixels
    clock: Clock
    renders: TaskQueue | None = None  # where tasks of renders are left; None: they are not
    health: ProcessHealth = field(default_factory=ProcessHealth)
