"""The dispatch limits of one queue: a token bucket, a number of concurrent dispatches, pausing."""

import asyncio
from collections import deque
from collections.abc import Callable

from emulator.tasks.queue import Queue, QueueState

_OVERLOADED = (429, 503)
_LEAST_RATE = 0.1  # a second: an overloaded target is tried again at least every ten seconds
_LEAST_SHARE = 2.0**-14
_RECOVERY = 1.4


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


class Slowdown:
    """What a queue makes of targets that are overloaded. Pure: callers pass the time, in seconds.

    Google says that 429 and 503 slow a queue down, that `Retry-After` is considered, and that the
    rate ramps up gradually afterwards; the figures are ours.
    """

    def __init__(self) -> None:
        self._share = 1.0  # of the queue's own rate
        self._not_before = 0.0

    def note(self, status: int | None, retry_after_s: float | None, now: float) -> None:
        """Count an answer of a target; None: there was none."""
        if status in _OVERLOADED:
            self._share = max(_LEAST_SHARE, self._share / 2)
            self._not_before = max(self._not_before, now + (retry_after_s or 0.0))
        elif status is not None and 200 <= status < 300:
            self._share = min(1.0, self._share * _RECOVERY)

    def rate(self, full: float) -> float:
        """Return the dispatches a second of a queue that admits so many."""
        return max(full * self._share, min(full, _LEAST_RATE))

    def wait_s(self, now: float) -> float:
        """Return the seconds for which nothing is dispatched."""
        return max(0.0, self._not_before - now)


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
        self._slowdown = Slowdown()
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

    def note(self, status: int, retry_after_s: float | None) -> None:
        """Count an answer of a target."""
        after_s = None if retry_after_s is None else retry_after_s * self._factor
        self._slowdown.note(status, after_s, self._clock())

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
        full = limits.max_dispatches_per_second
        slowed = self._slowdown.rate(full)
        rate, size = slowed / self._factor, max(1.0, limits.max_burst_size * slowed / full)
        if (rate, size) != (self._bucket.rate, self._bucket.size):
            self._bucket.change(rate, size, now)
        return max(self._bucket.wait_s(now), self._slowdown.wait_s(now))
