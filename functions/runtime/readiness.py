"""Open something slow once, in the background; report its state, or wait for it.

A probe is answered at once, an event waits. After a failure a later request tries again: a driver
may start after the process. Does not know what is opened.
"""

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Generic, TypeVar

from functions.errors import RetryLater
from functions.observability import log
from liveportrait_core import RenderError

_AGAIN_AFTER_S = 5.0  # opening takes seconds of every core: not at every probe

Opened = TypeVar("Opened")


class Stage(StrEnum):
    """The state of the opening."""

    OPENING = "opening"
    READY = "ready"
    UNAVAILABLE = "unavailable"


class Readiness(Generic[Opened]):
    """Something that is opened once, by a thread of its own."""

    def __init__(
        self, open_: Callable[[], Opened], *, again_after_s: float = _AGAIN_AFTER_S
    ) -> None:
        """Store the callable; open nothing yet.

        Args:
            open_: is called in a thread, after a failure again.
            again_after_s: time after a failure before the next try.
        """
        self._open = open_
        self._again_after_s = again_after_s
        self._turn = threading.Condition()
        self._is_opening = False
        self._opened: list[Opened] = []  # empty or one item: what is opened may itself be None
        self._reason = ""
        self._failed_at = -float("inf")

    def begin(self) -> None:
        """Begin to open it, unless that has begun, or has just failed.

        Call only after the server has forked: neither threads nor CUDA nor gRPC survive that.
        """
        with self._turn:
            failed_lately = time.monotonic() - self._failed_at < self._again_after_s
            if self._opened or self._is_opening or failed_lately:
                return
            self._is_opening = True
        threading.Thread(target=self._run, name="opening", daemon=True).start()

    def look(self) -> tuple[Stage, str]:
        """Return the state and its reason; begin where that is due."""
        self.begin()
        with self._turn:
            if self._opened:
                return Stage.READY, ""
            if self._reason:
                return Stage.UNAVAILABLE, self._reason
            return Stage.OPENING, "opening and warming up; ask again"

    def wait(self) -> Opened:
        """Wait, and return what was opened.

        Raises:
            RetryLater: it could not be opened; `look` returns the reason.
        """
        self.begin()
        with self._turn:
            self._turn.wait_for(lambda: not self._is_opening)
            if not self._opened:
                raise RetryLater(f"not ready: {self._reason}")
            return self._opened[0]

    def _run(self) -> None:
        opened: list[Opened] = []
        reason = ""
        try:
            opened.append(self._open())
        except RenderError as fault:
            reason = str(fault)
            log.error("not ready", reason=reason)
        except Exception as fault:  # of any type: probes and events must be told the reason
            reason = f"{type(fault).__name__}: {fault}"
            log.fault("not ready", fault)
        with self._turn:
            self._is_opening, self._opened, self._reason = False, opened, reason
            self._failed_at = -float("inf") if opened else time.monotonic()
            self._turn.notify_all()
