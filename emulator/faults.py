"""Failures planned on purpose, and the count of calls.

A plan is consulted by the servers at the moment a fault could strike; it knows no protocol and does
nothing by itself. Faults of one kind strike in the order in which they were planned.
"""

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum


class FaultKind(StrEnum):
    """What may go wrong; the place that consults the plan gives it its meaning."""

    FAIL_UPLOAD = "fail_upload"  # answer `status`, store nothing
    LOSE_UPLOAD_ANSWER = "lose_upload_answer"  # store the object, then answer `status`
    FAIL_DOWNLOAD = "fail_download"  # answer `status`
    DELAY_DOWNLOAD = "delay_download"  # wait `seconds` before the first byte
    DROP_DOWNLOAD = "drop_download"  # close the connection after `after_bytes` bytes
    ABORT_COMMIT = "abort_commit"  # answer ABORTED, write nothing
    LOSE_COMMIT_ANSWER = "lose_commit_answer"  # write, then answer UNAVAILABLE
    DUPLICATE_EVENT = "duplicate_event"  # deliver the event twice, under one id
    HOLD_EVENT = "hold_event"  # keep the event back until it is released
    DELAY_EVENT = "delay_event"  # wait `seconds` before the first attempt
    SWAP_EVENT = "swap_event"  # deliver the event after the one that follows it
    DROP_EVENT = "drop_event"  # never deliver the event
    FAIL_TASK_CREATION = "fail_task_creation"  # answer UNAVAILABLE, keep no task
    LOSE_TASK_CREATION_ANSWER = "lose_task_creation_answer"  # keep it, then answer UNAVAILABLE
    DUPLICATE_TASK = "duplicate_task"  # push the task twice at the same time
    DROP_TASK = "drop_task"  # lose one push on its way to the target; the queue retries
    LOSE_TASK_ANSWER = "lose_task_answer"  # push it, then lose the answer; the queue retries


STORAGE_FAULTS = frozenset(
    {
        FaultKind.FAIL_UPLOAD,
        FaultKind.LOSE_UPLOAD_ANSWER,
        FaultKind.FAIL_DOWNLOAD,
        FaultKind.DELAY_DOWNLOAD,
        FaultKind.DROP_DOWNLOAD,
    }
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One planned failure.

    `times` strikes are left; `prefix` restricts it to paths (object names, documents relative to
    their database, tasks as `QUEUE/TASK`) that begin so. `status` is an HTTP status, used by the
    storage faults.
    """

    kind: FaultKind
    times: int = 1
    prefix: str = ""
    status: int = 503
    seconds: float = 0.0
    after_bytes: int = 0

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"{self.kind}: times is {self.times}; accepted: 1 or more")
        if not 400 <= self.status <= 599:
            raise ValueError(f"{self.kind}: status is {self.status}; accepted: 400 to 599")
        if self.seconds < 0 or self.after_bytes < 0:
            raise ValueError(f"{self.kind}: seconds and after_bytes must not be negative")


class FaultPlan:
    """The faults still to strike, and how often each method was called."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.calls: Counter[str] = Counter()

    def plan(self, fault: Fault) -> None:
        """Adds a fault behind those already planned."""
        self._faults.append(fault)

    def take(self, kind: FaultKind, path: str = "") -> Fault | None:
        """Returns the fault that strikes now, and uses up one of its times."""
        for index, fault in enumerate(self._faults):
            if fault.kind is kind and path.startswith(fault.prefix):
                if fault.times == 1:
                    del self._faults[index]
                else:
                    self._faults[index] = replace(fault, times=fault.times - 1)
                return fault
        return None

    def planned(self) -> tuple[Fault, ...]:
        """Returns the faults that have not struck yet."""
        return tuple(self._faults)

    def count(self, method: str) -> None:
        """Counts one call, such as `firestore.Commit` or `storage.objects.get`."""
        self.calls[method] += 1

    def clear(self) -> None:
        """Forgets planned faults and counted calls."""
        self._faults.clear()
        self.calls.clear()
