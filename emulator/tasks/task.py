"""A task as a value: its request, its attempts, its state. Pure.

Times are seconds since the epoch.
"""

from dataclasses import dataclass
from enum import StrEnum

from emulator.tasks.queue import RetryConfig

DEFAULT_DEADLINE_S = 600.0
SHORTEST_DEADLINE_S = 15.0
LONGEST_DEADLINE_S = 1_800.0


class TaskState(StrEnum):
    """The state of a task."""

    PENDING = "pending"  # under way, or waiting for its next attempt
    DONE = "done"  # the response was 2xx
    DELETED = "deleted"  # by a client, or with its queue
    GIVEN_UP = "given_up"  # out of attempts, or too old


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """The account and the audience of the request's identity token."""

    email: str
    audience: str


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """The request to the target."""

    url: str
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    oidc: Oidc | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One dispatch of a task.

    `status` is the response's, None while it runs or without one; `error` then says why.
    """

    scheduled_at: float
    dispatched_at: float
    finished_at: float | None = None
    status: int | None = None
    error: str = ""

    @property
    def has_succeeded(self) -> bool:
        """Whether this response ends the task."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task.

    `scheduled_at` is when its next attempt is due, as clients see it; `due_at` is the same with the
    suite's time factor applied.
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
        """The attempts with a response, of any status."""
        return tuple(one for one in self.attempts if one.status is not None)
