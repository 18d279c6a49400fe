"""Planned faults (fault injection), and the count of calls.

The servers consult the plan where a fault may occur. Faults of one kind occur in the order in which
they were planned.
"""

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum


class FaultKind(StrEnum):
    """The kinds of faults."""

    FAIL_UPLOAD = "fail_upload"  # respond with `status`, store nothing
    LOSE_UPLOAD_ANSWER = "lose_upload_answer"  # store the object, respond with `status`
    FAIL_DOWNLOAD = "fail_download"  # respond with `status`
    DELAY_DOWNLOAD = "delay_download"  # wait `seconds` before the first byte
    DROP_DOWNLOAD = "drop_download"  # close the connection after `after_bytes` bytes
    ABORT_COMMIT = "abort_commit"  # respond with ABORTED, write nothing
    LOSE_COMMIT_ANSWER = "lose_commit_answer"  # write, respond with UNAVAILABLE
    DUPLICATE_EVENT = "duplicate_event"  # deliver the event twice, under one id
    HOLD_EVENT = "hold_event"  # keep the event back until it is released
    DELAY_EVENT = "delay_event"  # wait `seconds` before the first attempt
    SWAP_EVENT = "swap_event"  # deliver the event after the one that follows it
    DROP_EVENT = "drop_event"  # never deliver the event
    FAIL_TASK_CREATION = "fail_task_creation"  # respond with UNAVAILABLE, add no task
    LOSE_TASK_CREATION_ANSWER = "lose_task_creation_answer"  # add it, respond UNAVAILABLE
    DUPLICATE_TASK = "duplicate_task"  # push the task twice at the same time
    DROP_TASK = "drop_task"  # lose one push on its way to the target; the queue retries
    LOSE_TASK_ANSWER = "lose_task_answer"  # push it, lose the response; the queue retries


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

    It occurs `times` times, on paths (object names, documents relative to their database, tasks as
    `QUEUE/TASK`) that begin with `prefix`. `status` is an HTTP status, used by the storage faults.
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
    """The planned faults, and how often each method was called."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.calls: Counter[str] = Counter()

    def plan(self, fault: Fault) -> None:
        """Add a fault behind those already planned."""
        self._faults.append(fault)

    def take(self, kind: FaultKind, path: str = "") -> Fault | None:
        """Return the fault that occurs now, and count it down; None where there is none."""
        for index, fault in enumerate(self._faults):
            if fault.kind is kind and path.startswith(fault.prefix):
                if fault.times == 1:
                    del self._faults[index]
                else:
                    self._faults[index] = replace(fault, times=fault.times - 1)
                return fault
        return None

    def planned(self) -> tuple[Fault, ...]:
        """Return the faults that have not occurred yet."""
        return tuple(self._faults)

    def count(self, method: str) -> None:
        """Count one call, such as `firestore.Commit` or `storage.objects.get`."""
        self.calls[method] += 1

    def clear(self) -> None:
        """Delete planned faults and count."""
        self._faults.clear()
        self.calls.clear()
