"""The Python handle on a running emulator: inspect it, plan faults.

Everything runs on the emulator's event loop.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from emulator.control.cloud import Cloud
from emulator.eventarc.delivery import Delivery, Outcome
from emulator.eventarc.trigger import CloudEvent, EventType, Trigger
from emulator.faults import Fault, FaultKind
from emulator.seeding import Seeded
from emulator.tasks.queue import Queue
from emulator.tasks.task import Task, TaskState

_Result = TypeVar("_Result")
_POLL_S = 0.005
_CALL_TIMEOUT_S = 10.0


class Control:
    """The handle. Call its methods from any thread except the loop's own."""

    def __init__(self, cloud: Cloud, loop: asyncio.AbstractEventLoop) -> None:
        self._cloud = cloud
        self._loop = loop

    def events(self) -> tuple[CloudEvent, ...]:
        """Return all events since the last reset, oldest first."""
        return self._call(self._cloud.dispatcher.events)

    def deliveries(self) -> tuple[Delivery, ...]:
        """Return all deliveries since the last reset, oldest first."""
        return self._call(self._cloud.dispatcher.deliveries)

    def dead_letters(self) -> tuple[Delivery, ...]:
        """Return the deliveries that failed for good."""
        return tuple(one for one in self.deliveries() if one.outcome is Outcome.DEAD)

    def tasks(self) -> tuple[Task, ...]:
        """Return all tasks since the last reset, oldest first, with their attempts."""
        return self._call(self._cloud.tasks.tasks)

    def queues(self) -> tuple[Queue, ...]:
        """Return the queues."""
        return self._call(self._cloud.tasks.queues)

    def pause_queue(self, name: str) -> None:
        """Pause a queue, given by its full name."""
        self._call(lambda: self._cloud.tasks.pause(name))

    def resume_queue(self, name: str) -> None:
        """Resume a queue, given by its full name."""
        self._call(lambda: self._cloud.tasks.resume(name))

    def wait_idle(self, timeout_s: float = 30.0) -> None:
        """Wait until no event or task is pending and no request runs.

        Held events do not count, nor do the tasks of paused queues.

        Raises:
            TimeoutError: something is still pending; the message names it.
        """
        give_up_at = time.monotonic() + timeout_s
        while not self._call(self._cloud.is_idle):
            if time.monotonic() > give_up_at:
                events = [one for one in self.deliveries() if one.outcome is Outcome.PENDING]
                tasks = [one for one in self.tasks() if one.state is TaskState.PENDING]
                raise TimeoutError(f"not idle after {timeout_s} s; pending: {[*events, *tasks]}")
            time.sleep(_POLL_S)

    def calls(self) -> "Counter[str]":
        """Return how often each method was called, such as `firestore.Commit`."""
        return self._call(lambda: Counter(self._cloud.faults.calls))

    def clear_calls(self) -> None:
        """Reset the count of calls."""
        self._call(self._cloud.faults.calls.clear)

    def plan(self, fault: Fault) -> None:
        """Plan a fault."""
        self._call(lambda: self._cloud.plan(fault))

    def planned(self) -> tuple[Fault, ...]:
        """Return the faults that have not occurred yet."""
        return self._call(self._cloud.faults.planned)

    def duplicate_next_event(self, prefix: str = "") -> None:
        """Deliver the next event twice at the same time, under one id."""
        self.plan(Fault(kind=FaultKind.DUPLICATE_EVENT, prefix=prefix))

    def drop_events(self, times: int = 1, prefix: str = "") -> None:
        """Lose the next events."""
        self.plan(Fault(kind=FaultKind.DROP_EVENT, times=times, prefix=prefix))

    def hold_events(self, times: int = 1, prefix: str = "") -> None:
        """Hold the next events until `release_events`."""
        self.plan(Fault(kind=FaultKind.HOLD_EVENT, times=times, prefix=prefix))

    def delay_events(self, seconds: float, times: int = 1, prefix: str = "") -> None:
        """Delay the next events."""
        self.plan(Fault(kind=FaultKind.DELAY_EVENT, times=times, seconds=seconds, prefix=prefix))

    def swap_next_events(self, prefix: str = "") -> None:
        """Send the next event after the one that follows it."""
        self.plan(Fault(kind=FaultKind.SWAP_EVENT, prefix=prefix))

    def release_events(self, *, reverse: bool = False) -> int:
        """Send the held events, in order or in reverse; return their number."""
        return self._call(lambda: self._cloud.dispatcher.release(reverse=reverse))

    def fail_uploads(self, times: int = 1, status: int = 503, prefix: str = "") -> None:
        """Refuse the next uploads; store nothing."""
        self.plan(Fault(kind=FaultKind.FAIL_UPLOAD, times=times, status=status, prefix=prefix))

    def lose_upload_answers(self, times: int = 1, status: int = 503, prefix: str = "") -> None:
        """Store the next uploads, but respond with an error."""
        self.plan(
            Fault(kind=FaultKind.LOSE_UPLOAD_ANSWER, times=times, status=status, prefix=prefix)
        )

    def fail_downloads(self, times: int = 1, status: int = 503, prefix: str = "") -> None:
        """Refuse the next downloads."""
        self.plan(Fault(kind=FaultKind.FAIL_DOWNLOAD, times=times, status=status, prefix=prefix))

    def delay_downloads(self, seconds: float, times: int = 1, prefix: str = "") -> None:
        """Delay the first byte of the next downloads."""
        self.plan(Fault(kind=FaultKind.DELAY_DOWNLOAD, times=times, seconds=seconds, prefix=prefix))

    def drop_downloads(self, after_bytes: int, times: int = 1, prefix: str = "") -> None:
        """Close the connection of the next downloads after some bytes."""
        self.plan(
            Fault(kind=FaultKind.DROP_DOWNLOAD, times=times, after_bytes=after_bytes, prefix=prefix)
        )

    def abort_commits(self, times: int = 1, prefix: str = "") -> None:
        """Respond to the next commits with ABORTED; write nothing."""
        self.plan(Fault(kind=FaultKind.ABORT_COMMIT, times=times, prefix=prefix))

    def lose_commit_answers(self, times: int = 1, prefix: str = "") -> None:
        """Write the next commits, but respond with UNAVAILABLE."""
        self.plan(Fault(kind=FaultKind.LOSE_COMMIT_ANSWER, times=times, prefix=prefix))

    def fail_task_creations(self, times: int = 1, prefix: str = "") -> None:
        """Refuse the next tasks with UNAVAILABLE."""
        self.plan(Fault(kind=FaultKind.FAIL_TASK_CREATION, times=times, prefix=prefix))

    def lose_task_creation_answers(self, times: int = 1, prefix: str = "") -> None:
        """Create the next tasks, but respond with UNAVAILABLE."""
        self.plan(Fault(kind=FaultKind.LOSE_TASK_CREATION_ANSWER, times=times, prefix=prefix))

    def duplicate_tasks(self, times: int = 1, prefix: str = "") -> None:
        """Push the next tasks twice at the same time."""
        self.plan(Fault(kind=FaultKind.DUPLICATE_TASK, times=times, prefix=prefix))

    def drop_tasks(self, times: int = 1, prefix: str = "") -> None:
        """Lose the next pushes; the queue retries them."""
        self.plan(Fault(kind=FaultKind.DROP_TASK, times=times, prefix=prefix))

    def lose_task_answers(self, times: int = 1, prefix: str = "") -> None:
        """Lose the responses to the next pushes; the queue retries them."""
        self.plan(Fault(kind=FaultKind.LOSE_TASK_ANSWER, times=times, prefix=prefix))

    def connect(
        self,
        name: str,
        document_pattern: str,
        targets: Sequence[str],
        *,
        event_type: EventType = EventType.WRITTEN,
        concurrency: int | None = None,
    ) -> None:
        """Add a trigger on the default database, or replace the one of the same name.

        Raises:
            ValueError: the pattern, a target or the concurrency is not accepted.
        """
        trigger = Trigger(
            name=name,
            document_pattern=document_pattern,
            targets=tuple(targets),
            database=self._cloud.database,
            event_type=event_type,
            concurrency=concurrency,
        )
        self._run(self._cloud.connect(trigger))

    def disconnect(self, name: str) -> None:
        """Remove a trigger; deliveries under way continue.

        Raises:
            KeyError: there is no trigger of this name.
        """
        self._call(lambda: self._cloud.dispatcher.disconnect(name))

    def seed(self, folder: Path) -> Seeded:
        """Load a folder, as `emulator.seeding` says.

        Raises:
            ValueError: the folder is malformed.
        """
        return self._call(lambda: self._cloud.seed(folder))

    def export(self, folder: Path) -> None:
        """Write all data to a folder, for `--import`.

        Raises:
            ValueError: the folder contains something else.
        """
        self._call(lambda: self._cloud.export(folder))

    def reset(self) -> None:
        """Delete data, events, tasks, counts and planned faults; triggers and buckets stay."""
        self._cloud.clear_official()
        self._call(self._cloud.reset)

    def _call(self, function: Callable[[], _Result]) -> _Result:
        async def run() -> _Result:
            return function()

        return self._run(run())

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_TIMEOUT_S)
