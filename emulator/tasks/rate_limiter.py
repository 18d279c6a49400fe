"""The dispatch limits of one queue: a token bucket, a number of concurrent dispatches, pausing."""

import asyncio
from collections import deque
from collections.abc import Callable

from emulator.tasks.queue import Queue, QueueState


class TokenBucket:
    """A token bucket; begins full. Pure: callers pass the time, in seconds.

    Args:
        rate: tokens a second.
        size: the most tokens that it holds.
        now: the present time.
    """

    def __init__(self, rate: float, size: float, now: float) -> None:
        self.rate = rate
        self.size = size
        self._tokens = size
        self._counted_at = now

    def wait_s(self, now: float) -> float:
        """Return the seconds until there is a token; 0 where there is one."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self.rate)

    def take(self, now: float) -> None:
        """Take a token."""
        self._fill(now)
        self._tokens -= 1

    def change(self, rate: float, size: float, now: float) -> None:
        """Change rate and size; keep the present tokens, up to the new size."""
        self._fill(now)
        self.rate, self.size = rate, size
        self._tokens = min(self._tokens, size)

    def _fill(self, now: float) -> None:
        self._tokens = min(self.size, self._tokens + (now - self._counted_at) * self.rate)
        self._counted_at = now


class RateLimiter:
    """Admits dispatches of a queue within its limits, first come, first served.

    Args:
        queue: returns the queue as it is now.
        clock: seconds, monotonic.
        time_factor: 1 for the real service's rates, less for faster ones.
    """

    def __init__(
        self, queue: Callable[[], Queue], clock: Callable[[], float], time_factor: float
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._factor = time_factor
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        limits = queue().rate_limits
        self._bucket = TokenBucket(
            limits.max_dispatches_per_second / time_factor, limits.max_burst_size, clock()
        )

    async def acquire(self) -> None:
        """Wait until one more dispatch is allowed, and count it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self.update()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn had come in the same moment
                self.release()
            raise

    def release(self) -> None:
        """End a dispatch that `acquire` admitted."""
        self._running -= 1
        self.update()

    def update(self) -> None:
        """Admit waiting dispatches after an arrival, an end, or a change of the queue."""
        self.close()
        while self._has_waiting() and (wait_s := self._wait_s()) is not None:
            if wait_s > 0:
                self._timer = asyncio.get_running_loop().call_later(wait_s, self.update)
                return
            self._bucket.take(self._clock())
            self._running += 1
            self._waiting.popleft().set_result(None)

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _has_waiting(self) -> bool:
        while self._waiting and self._waiting[0].done():  # cancelled
            self._waiting.popleft()
        return bool(self._waiting)

    def _wait_s(self) -> float | None:
        """Return the time until the next dispatch; None where only a change allows one."""
        queue, now = self._queue(), self._clock()
        limits = queue.rate_limits
        if queue.state is QueueState.PAUSED or self._running >= limits.max_concurrent_dispatches:
            return None
        rate = limits.max_dispatches_per_second / self._factor
        if (rate, limits.max_burst_size) != (self._bucket.rate, self._bucket.size):
            self._bucket.change(rate, limits.max_burst_size, now)
        return self._bucket.wait_s(now)
