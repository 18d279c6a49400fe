"""A render in progress: how far it is, and how it is cancelled.

The render runs in its own thread, so that its caller is told the progress several times a second
whatever native code is running, and can cancel it at once. Knows stages and counts;
knows nothing of pictures.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

from liveportrait_core.errors import Cancelled
from liveportrait_core.report import Progress, Stage, StageSeconds

_TICK_S = 0.2
# Where each stage begins in the whole, from renders measured with both engines.
_BEGINS_AT = {
    Stage.PREPARE: 0.0,
    Stage.MOTION: 0.05,
    Stage.SPEECH: 0.25,
    Stage.RENDER: 0.25,
    Stage.ENCODE: 0.25,
}
_ENDS_AT = {
    Stage.PREPARE: 0.05,
    Stage.MOTION: 0.25,
    Stage.SPEECH: 0.25,
    Stage.RENDER: 1.0,
    Stage.ENCODE: 1.0,
}
_DRAWING_SHARE = 0.9
# Before this much of it is done, the pace of drawing says little about the rest.
_TELLING_SHARE = 0.05

Result = TypeVar("Result")


class Encoding(Protocol):
    """Where drawn frames go."""

    @property
    def frames_encoded(self) -> int:
        """Frames that have left it."""

    @property
    def seconds_per_frame(self) -> float:
        """How long it makes a frame wait."""


class EncodingProgress:
    """Frames that are drawn and, some way behind because the encoder looks ahead, encoded."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count to `total`."""
        self.drawn = 0
        self._total = total
        self._encoder: Encoding | None = None
        self._clock = clock
        self._first_drawn_at = 0.0

    def count(self, encoder: Encoding) -> None:
        """Count a frame that is drawn and given to the encoder."""
        self._encoder = encoder
        self.drawn += 1
        if self.drawn == 1:
            self._first_drawn_at = self._clock()

    def done(self) -> float:
        """Return share of the work that is done, 0..1."""
        encoded = self._encoder.frames_encoded if self._encoder else 0
        return (_DRAWING_SHARE * self.drawn + (1 - _DRAWING_SHARE) * encoded) / self._total

    def remaining_s(self) -> float | None:
        """Return the seconds left by the pace so far, without the first frame, which warms up."""
        if self._encoder is None or self.drawn < max(3, _TELLING_SHARE * self._total):
            return None
        pace_s = (self._clock() - self._first_drawn_at) / (self.drawn - 1)
        waiting = self.drawn - self._encoder.frames_encoded
        return (self._total - self.drawn) * pace_s + waiting * self._encoder.seconds_per_frame


class Killable(Protocol):
    """Something that blocks its thread until another thread kills it."""

    def kill(self) -> None:
        """End it at once; more than once does no harm."""


class RenderProgress:
    """Written by the worker's thread, read by the caller's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._killables: list[Killable] = []
        self._entered: list[tuple[Stage, float]] = []
        self._done: Callable[[], float] = _nothing_done
        self._remaining_s: Callable[[], float | None] = _unknown
        self._highest = 0.0
        self._callbacks: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def enter(
        self,
        stage: Stage,
        done: Callable[[], float] | None = None,
        remaining_s: Callable[[], float | None] | None = None,
    ) -> None:
        """Begin a stage.

        Args:
            stage: the next one, in the order of `Stage`.
            done: gives the share of it that is done, 0..1; None: the stage before goes on counting
                (ENCODE is the end of the work that RENDER began; nothing counts in PREPARE).
            remaining_s: gives the seconds to the end of the whole, once they can be told.

        Raises:
            Cancelled: the caller has cancelled.
        """
        self.check()
        with self._lock:
            self._entered.append((stage, time.monotonic()))
            if done is not None:
                self._done = done
                self._remaining_s = remaining_s or _unknown

    def check(self) -> None:
        """Stop the worker if the render was cancelled.

        Raises:
            Cancelled: the caller has cancelled.
        """
        if self._is_cancelled:
            raise Cancelled

    def post_callback(self, callback: Callable[[], None]) -> None:
        """Queue a callback for the caller's thread; the worker goes on."""
        self._callbacks.put(callback)

    def run_callbacks(self) -> None:
        """Run the queued callbacks, on the caller's thread."""
        while True:
            try:
                callback = self._callbacks.get_nowait()
            except Empty:
                return
            callback()

    @contextmanager
    def register_child(self, child: Killable) -> Iterator[None]:
        """Kill this child when the render is cancelled inside the context."""
        with self._lock:
            self._killables.append(child)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._killables.remove(child)

    def cancel(self) -> None:
        """Kill the children; the worker ends at its next check."""
        with self._lock:
            self._is_cancelled = True
            killables = tuple(self._killables)
        for child in killables:
            child.kill()

    def now(self) -> Progress:
        """Return how far it is; the fraction never falls."""
        with self._lock:
            if not self._entered:
                return Progress(stage=Stage.PREPARE, fraction=0.0, eta_s=None)
            stage, _ = self._entered[-1]
            done = min(max(self._done(), 0.0), 1.0)
            begin, end = _BEGINS_AT[stage], _ENDS_AT[stage]
            self._highest = max(self._highest, begin + (end - begin) * done)
            return Progress(stage=stage, fraction=self._highest, eta_s=self._remaining_s())

    def stage_seconds(self) -> tuple[StageSeconds, ...]:
        """Return how long each stage took, the last one until now."""
        ends = [began for _, began in self._entered[1:]] + [time.monotonic()]
        return tuple(
            StageSeconds(stage=stage, seconds=round(end - began, 3))
            for (stage, began), end in zip(self._entered, ends, strict=True)
        )


def _nothing_done() -> float:
    return 0.0


def _unknown() -> None:
    return None


def run_watched(
    work: Callable[[], Result],
    progress: RenderProgress,
    on_progress: Callable[[Progress], None] | None,
) -> Result:
    """Run `work` in a thread and tell `on_progress`, on the caller's thread, how far it is.

    The callbacks that the work leaves are done there too, before `on_progress`. What these or
    `on_progress` raise (or Ctrl-C) cancels the work and propagates once its thread has ended; what
    `work` raises propagates too.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="render") as pool:
        future = pool.submit(work)
        try:
            while not wait([future], timeout=_TICK_S).done:
                progress.run_callbacks()
                if on_progress is not None:
                    on_progress(progress.now())
            progress.run_callbacks()
        except BaseException:
            progress.cancel()
            raise
        return future.result()
