"""The way out of one queue: a token bucket, a number of places, and whether it is open at all."""

import asyncio
from collections import deque
from collections.abc import Callable

from emulator.tasks.queue import Queue, QueueState


class Bucket:
    """A token bucket. Pure: it is told the time, in seconds.

    Args:
        rate: tokens that come in a second.
        size: the most that it holds; it begins full.
        now: the present time.
    """

    def __init__(self, rate: float, size: float, now: float) -> None:
        self.rate = rate
        self.size = size
        self._tokens = size
        self._counted_at = now

    def wait_s(self, now: float) -> float:
        """Returns the time until there is a token; 0 where there is one."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self.rate)

    def take(self, now: float) -> None:
        """Takes a token."""
        self._fill(now)
        self._tokens -= 1

    def change(self, rate: float, size: float, now: float) -> None:
        """Goes on at another rate and size with what there is."""
        self._fill(now)
        self.rate, self.size = rate, size
        self._tokens = min(self._tokens, size)

    def _fill(self, now: float) -> None:
        self._tokens = min(self.size, self._tokens + (now - self._counted_at) * self.rate)
        self._counted_at = now


class Lane:
    """Lets tasks of a queue out, first come, first served, as its limits say.

    Args:
        queue: tells the queue as it is now.
        clock: seconds, monotonic.
        time_factor: 1 for the real service's rates, less to hurry.
    """

    def __init__(
        self, queue: Callable[[], Queue], clock: Callable[[], float], time_factor: float
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._factor = time_factor
        self._out = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        limits = queue().rate_limits
        self._bucket = Bucket(
            limits.max_dispatches_per_second / time_factor, limits.max_burst_size, clock()
        )

    async def enter(self) -> None:
        """Waits until one more dispatch is allowed, and counts it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self.stir()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn had come in the same moment
                self.leave()
            raise

    def leave(self) -> None:
        """Gives the place back."""
        self._out -= 1
        self.stir()

    def stir(self) -> None:
        """Lets out who may leave now: somebody came or left, or the queue has changed."""
        self.close()
        while self._is_waited_for() and (wait_s := self._wait_s()) is not None:
            if wait_s > 0:
                self._timer = asyncio.get_running_loop().call_later(wait_s, self.stir)
                return
            self._bucket.take(self._clock())
            self._out += 1
            self._line.popleft().set_result(None)

    def close(self) -> None:
        """Looks no more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_waited_for(self) -> bool:
        while self._line and self._line[0].done():  # cancelled
            self._line.popleft()
        return bool(self._line)

    def _wait_s(self) -> float | None:
        """Returns the time until the next dispatch; None where only a change allows one."""
        queue, now = self._queue(), self._clock()
        limits = queue.rate_limits
        if queue.state is QueueState.PAUSED or self._out >= limits.max_concurrent_dispatches:
            return None
        rate = limits.max_dispatches_per_second / self._factor
        if (rate, limits.max_burst_size) != (self._bucket.rate, self._bucket.size):
            self._bucket.change(rate, limits.max_burst_size, now)
        return self._bucket.wait_s(now)
