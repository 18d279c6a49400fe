"""One render at a time in a process: an avatar's, a generation's, or a deployment's check."""

from typing import Protocol

from functions.errors import Postponed

_WAIT_S = 60.0


class RenderLock(Protocol):
    """Admit one render at a time into a process: `threading.Lock`."""

    def acquire(self, *, timeout: float) -> bool:
        """Take it within so many seconds; False: another render held it all the time."""

    def release(self) -> None:
        """Give it back."""


def take(lock: RenderLock) -> None:
    """Wait for the lock, and take it; the caller releases it.

    Raises:
        Postponed: another render held it all the time.
    """
    if not lock.acquire(timeout=_WAIT_S):
        raise Postponed(f"another render held this instance for {_WAIT_S:.0f} s")
