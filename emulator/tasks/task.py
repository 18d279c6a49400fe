"""A task as a value: its request, its attempts, where it stands. Pure.

Times are seconds since the epoch.
"""

from dataclasses import dataclass
from enum import StrEnum

from emulator.tasks.queue import RetryConfig

DEFAULT_DEADLINE_S = 600.0
SHORTEST_DEADLINE_S = 15.0
LONGEST_DEADLINE_S = 1_800.0


class TaskState(StrEnum):
    """Where a task stands."""

    PENDING = "pending"  # under way, or waiting for its next attempt
    DONE = "done"  # answered by 2xx
    DELETED = "deleted"  # by a client, or with its queue
    GIVEN_UP = "given_up"  # out of attempts, or too old


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """Whose identity token the request bears, and for which audience."""

    email: str
    audience: str


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """What is sent."""

    url: str
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    oidc: Oidc | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One dispatch of a task.

    `status` is the answer's, None while it runs or if there was none; `error` then says why.
    """

    scheduled_at: float
    dispatched_at: float
    finished_at: float | None = None
    status: int | None = None
    error: str = ""

    @property
    def has_succeeded(self) -> bool:
        """Whether this answer ends the task."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task.

    `scheduled_at` is when its next attempt is due, as clients are told; `due_at` is the same with
    the suite's time factor applied, when it is really made.
    """

    name: str
    request: HttpRequest
    created_at: float
    scheduled_at: float
    due_at: float
    dispatch_deadline_s: float = DEFAULT_DEADLINE_S
    retry_config: RetryConfig | None = None  # None: the queue's
    state: TaskState = TaskState.PENDING
    attempts: tuple[Attempt, ...] = ()
    ended_at: float | None = None

    @property
    def answered(self) -> tuple[Attempt, ...]:
        """The attempts that were answered, whatever the answer."""
        return tuple(one for one in self.attempts if one.status is not None)
