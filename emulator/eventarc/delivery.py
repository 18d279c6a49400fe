"""The delivery of an event: its attempts and its outcome. Plain values."""

from dataclasses import dataclass
from enum import StrEnum

ACKNOWLEDGED = frozenset({102, 200, 201, 202, 204})
"""The only statuses that end an event's delivery."""


class Outcome(StrEnum):
    """The outcome of a delivery so far."""

    HELD = "held"  # kept back on purpose
    PENDING = "pending"  # under way, or waiting for its next attempt
    ACKNOWLEDGED = "acknowledged"
    DROPPED = "dropped"  # never sent, on purpose
    DEAD = "dead"  # given up after the retention time


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One request: when it began (seconds since the epoch), its target and its result.

    `status` is the response's, None while it runs or without one; `error` then says why.
    """

    target: str
    started_at: float
    finished_at: float | None = None
    status: int | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The delivery of one event to one trigger's function."""

    event_id: str
    trigger: str
    document: str
    created_at: float
    outcome: Outcome
    attempts: tuple[Attempt, ...] = ()
