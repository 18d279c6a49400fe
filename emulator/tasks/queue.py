"""A queue as a value: its limits, its retries, its state. Pure.

All times are the real service's, in seconds; callers apply the suite's time factor.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from emulator.tasks.errors import InvalidArgument

UNLIMITED = -1
RETENTION_S = 31 * 86_400.0
"""The age at which a task is deleted in any state."""
_MOST_PER_SECOND = 500.0
_MOST_AT_ONCE = 5_000
_SMALLEST_BURST = 10


class QueueState(StrEnum):
    """Whether a queue dispatches."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"  # takes tasks, but dispatches none


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """How fast a queue dispatches at most.

    Raises:
        InvalidArgument: a limit is out of the range that the service accepts.
    """

    max_dispatches_per_second: float = _MOST_PER_SECOND
    max_concurrent_dispatches: int = 1_000

    def __post_init__(self) -> None:
        if not 0 < self.max_dispatches_per_second <= _MOST_PER_SECOND:
            raise InvalidArgument(
                f"max_dispatches_per_second is {self.max_dispatches_per_second}; "
                f"accepted: above 0, at most {_MOST_PER_SECOND}"
            )
        if not 0 < self.max_concurrent_dispatches <= _MOST_AT_ONCE:
            raise InvalidArgument(
                f"max_concurrent_dispatches is {self.max_concurrent_dispatches}; "
                f"accepted: 1 to {_MOST_AT_ONCE}"
            )

    @property
    def max_burst_size(self) -> int:
        """The token bucket's size: 100 at the highest rate, as the service shows it."""
        return max(_SMALLEST_BURST, int(self.max_dispatches_per_second / 5))


@dataclass(frozen=True, kw_only=True)
class RetryConfig:
    """When a failed task is retried. `max_retry_duration_s` 0 is no limit.

    Raises:
        InvalidArgument: a value is out of the range that the service accepts.
    """

    max_attempts: int = 100
    max_retry_duration_s: float = 0.0
    min_backoff_s: float = 0.1
    max_backoff_s: float = 3_600.0
    max_doublings: int = 16

    def __post_init__(self) -> None:
        if self.max_attempts < 1 and self.max_attempts != UNLIMITED:
            raise InvalidArgument(f"max_attempts is {self.max_attempts}; accepted: -1, or above 0")
        if self.max_retry_duration_s < 0:
            raise InvalidArgument("max_retry_duration must not be negative")
        if not 0 <= self.min_backoff_s <= self.max_backoff_s:
            raise InvalidArgument(
                f"min_backoff is {self.min_backoff_s} s and max_backoff {self.max_backoff_s} s; "
                "accepted: neither negative, the smaller one first"
            )
        if self.max_doublings < 0:
            raise InvalidArgument(f"max_doublings is {self.max_doublings}; accepted: 0 or more")

    def backoff_s(self, failures: int) -> float:
        """Return the pause after a number of failed attempts.

        It begins at `min_backoff`, doubles `max_doublings` times, then grows by the last doubled
        value, and never exceeds `max_backoff`: 10, 20, 40, 80, 160, 240, 300, 300 s for 10 s, 300 s
        and 3.
        """
        doublings = min(failures - 1, self.max_doublings)
        steps = max(1, failures - self.max_doublings)
        if doublings >= 64:  # beyond any max_backoff; 2.0 ** 1024 would be an error
            return self.max_backoff_s if self.min_backoff_s else 0.0
        return min(self.max_backoff_s, self.min_backoff_s * 2.0**doublings * steps)

    def is_spent(self, attempts: int, since_first_s: float) -> bool:
        """Return whether no further attempt is made.

        Args:
            attempts: how many were made; at least one.
            since_first_s: the time since the first one.

        Where both limits are set, both must be reached: that is how the service counts.
        """
        if self.max_attempts == UNLIMITED:
            return self.max_retry_duration_s > 0 and since_first_s >= self.max_retry_duration_s
        return attempts >= self.max_attempts and since_first_s >= self.max_retry_duration_s


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue; times are seconds since the epoch."""

    name: str
    rate_limits: RateLimits = field(default_factory=RateLimits)
    retry_config: RetryConfig = field(default_factory=RetryConfig)
    state: QueueState = QueueState.RUNNING
    purged_at: float | None = None
