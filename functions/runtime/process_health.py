"""Whether this process may take on work: it ends when it is told to, or is of no more use.

What is in work asks `ending` and stops; what must be done at once, although the work may be stuck
in a download or in native code, is left with `at_end`. Does not know what work there is.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from functions.observability import log

_MOST_INTERNAL = 2  # unforeseen failures in a row: more likely the process's fault than theirs


class ProcessHealth:
    """The state of one process, shared by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ending = ""
        self._internal = 0
        self._acts: list[Callable[[], object]] = []
        self.terminate: Callable[[], object] = lambda: None
        """Ends the process, once its answers are sent; set by the entry point."""

    @property
    def ending(self) -> str:
        """Why the process ends; "": it does not."""
        return self._ending

    def tell_end(self, reason: str) -> None:
        """Note that the process is being ended, and do what is left for that; once."""
        with self._lock:
            if self._ending:
                return
            self._ending, acts = reason, tuple(self._acts)
        log.warning("process ends", reason=reason)
        for act in acts:
            try:
                act()
            except Exception as fault:  # of any kind: the others must be done too
                log.fault("not done at the end of the process", fault)

    def end(self, reason: str) -> None:
        """End the process: what it does from now on cannot be relied on."""
        self.tell_end(reason)
        self.terminate()

    @contextmanager
    def at_end(self, act: Callable[[], object]) -> Iterator[None]:
        """Have this done should the process be ended inside the context."""
        with self._lock:
            self._acts.append(act)
        try:
            yield
        finally:
            with self._lock:
                self._acts.remove(act)

    def count(self, *, internal: bool) -> None:
        """Count an attempt that has ended; end the process after several unforeseen failures."""
        self._internal = self._internal + 1 if internal else 0
        if self._internal >= _MOST_INTERNAL:
            self.end(f"{self._internal} unforeseen failures in a row")
