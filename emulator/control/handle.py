"""The Python handle on a running cloud: look into it, plan what goes wrong.

May be used from any thread but the cloud's own; everything happens on the cloud's event loop.
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
    """The handle. Every method may be called from any thread but the loop's own."""

    def __init__(self, cloud: Cloud, loop: asyncio.AbstractEventLoop) -> None:
        self._cloud = cloud
        self._loop = loop

    def events(self) -> tuple[CloudEvent, ...]:
        """Returns all events since the last reset, oldest first."""
        return self._call(self._cloud.dispatcher.events)

    def deliveries(self) -> tuple[Delivery, ...]:
        """Returns all deliveries since the last reset, oldest first."""
        return self._call(self._cloud.dispatcher.deliveries)

    def dead_letters(self) -> tuple[Delivery, ...]:
        """Returns the deliveries that were given up."""
        return tuple(one for one in self.deliveries() if one.outcome is Outcome.DEAD)

    def tasks(self) -> tuple[Task, ...]:
        """Returns all tasks since the last reset, oldest first, with their attempts."""
        return self._call(self._cloud.tasks.tasks)

    def queues(self) -> tuple[Queue, ...]:
        """Returns the queues."""
        return self._call(self._cloud.tasks.queues)

    def pause_queue(self, name: str) -> None:
        """Has a queue, given by its full name, keep its tasks back."""
        self._call(lambda: self._cloud.tasks.pause(name))

    def resume_queue(self, name: str) -> None:
        """Has a queue push its tasks again."""
        self._call(lambda: self._cloud.tasks.resume(name))

    def wait_idle(self, timeout_s: float = 30.0) -> None:
        """Waits until no event or task is pending and no request runs.

        Held events do not count, nor do the tasks of paused queues.

        Raises:
            TimeoutError: it is not so in time; the message names what is pending.
        """
        give_up_at = time.monotonic() + timeout_s
        while not self._call(self._cloud.is_idle):
            if time.monotonic() > give_up_at:
                events = [one for one in self.deliveries() if one.outcome is Outcome.PENDING]
                tasks = [one for one in self.tasks() if one.state is TaskState.PENDING]
                raise TimeoutError(f"not idle after {timeout_s} s; pending: {[*events, *tasks]}")
            time.sleep(_POLL_S)

    def calls(self) -> "Counter[str]":
        """Returns how often each method was called, such as `firestore.Commit`."""
        return self._call(lambda: Counter(self._cloud.faults.calls))

    def clear_calls(self) -> None:
        """Begins counting anew."""
        self._call(self._cloud.faults.calls.clear)

    def plan(self, fault: Fault) -> None:
        """Plans a fault."""
        self._call(lambda: self._cloud.plan(fault))

    def planned(self) -> tuple[Fault, ...]:
        """Returns the faults that have not struck yet."""
        return self._call(self._cloud.faults.planned)

    def duplicate_next_event(self, prefix: str = "") -> None:
        """Has the next event delivered twice at the same time, under one id."""
        self.plan(Fault(kind=FaultKind.DUPLICATE_EVENT, prefix=prefix))

    def drop_events(self, times: int = 1, prefix: str = "") -> None:
        """Has the next events lost."""
        self.plan(Fault(kind=FaultKind.DROP_EVENT, times=times, prefix=prefix))

    def hold_events(self, times: int = 1, prefix: str = "") -> None:
        """Has the next events kept back until `release_events`."""
        self.plan(Fault(kind=FaultKind.HOLD_EVENT, times=times, prefix=prefix))

    def delay_events(self, seconds: float, times: int = 1, prefix: str = "") -> None:
        """Has the next events wait before they are sent."""
        self.plan(Fault(kind=FaultKind.DELAY_EVENT, times=times, seconds=seconds, prefix=prefix))

    def swap_next_events(self, prefix: str = "") -> None:
        """Has the next event sent after the one that follows it."""
        self.plan(Fault(kind=FaultKind.SWAP_EVENT, prefix=prefix))

    def release_events(self, *, reverse: bool = False) -> int:
        """Sends what was kept back, in order or in reverse; returns how many events."""
        return self._call(lambda: self._cloud.dispatcher.release(reverse=reverse))

    def fail_uploads(self, times: int = 1, status: int = 503, prefix: str = "") -> None:
        """Has the next uploads refused; nothing is stored."""
        self.plan(Fault(kind=FaultKind.FAIL_UPLOAD, times=times, status=status, prefix=prefix))

    def lose_upload_answers(self, times: int = 1, status: int = 503, prefix: str = "") -> None:
        """Has the next uploads stored, but answered by an error."""
        self.plan(
            Fault(kind=FaultKind.LOSE_UPLOAD_ANSWER, times=times, status=status, prefix=prefix)
        )

    def fail_downloads(self, times: int = 1, status: int = 503, prefix: str = "") -> None:
        """Has the next downloads refused."""
        self.plan(Fault(kind=FaultKind.FAIL_DOWNLOAD, times=times, status=status, prefix=prefix))

    def delay_downloads(self, seconds: float, times: int = 1, prefix: str = "") -> None:
        """Has the next downloads wait before their first byte."""
        self.plan(Fault(kind=FaultKind.DELAY_DOWNLOAD, times=times, seconds=seconds, prefix=prefix))

    def drop_downloads(self, after_bytes: int, times: int = 1, prefix: str = "") -> None:
        """Has the next downloads end after some bytes, the connection closed."""
        self.plan(
            Fault(kind=FaultKind.DROP_DOWNLOAD, times=times, after_bytes=after_bytes, prefix=prefix)
        )

    def abort_commits(self, times: int = 1, prefix: str = "") -> None:
        """Has the next commits answered ABORTED; nothing is written."""
        self.plan(Fault(kind=FaultKind.ABORT_COMMIT, times=times, prefix=prefix))

    def lose_commit_answers(self, times: int = 1, prefix: str = "") -> None:
        """Has the next commits written, but answered UNAVAILABLE."""
        self.plan(Fault(kind=FaultKind.LOSE_COMMIT_ANSWER, times=times, prefix=prefix))

    def fail_task_creations(self, times: int = 1, prefix: str = "") -> None:
        """Has the next tasks refused with UNAVAILABLE; none is kept."""
        self.plan(Fault(kind=FaultKind.FAIL_TASK_CREATION, times=times, prefix=prefix))

    def lose_task_creation_answers(self, times: int = 1, prefix: str = "") -> None:
        """Has the next tasks kept, but answered UNAVAILABLE."""
        self.plan(Fault(kind=FaultKind.LOSE_TASK_CREATION_ANSWER, times=times, prefix=prefix))

    def duplicate_tasks(self, times: int = 1, prefix: str = "") -> None:
        """Has the next tasks pushed twice at the same time."""
        self.plan(Fault(kind=FaultKind.DUPLICATE_TASK, times=times, prefix=prefix))

    def drop_tasks(self, times: int = 1, prefix: str = "") -> None:
        """Has the next pushes lost on their way; the queue repeats them."""
        self.plan(Fault(kind=FaultKind.DROP_TASK, times=times, prefix=prefix))

    def lose_task_answers(self, times: int = 1, prefix: str = "") -> None:
        """Has the answers to the next pushes lost; the queue repeats them."""
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
        """Adds a trigger on the default database, or replaces the one of the same name.

        Raises:
            ValueError: the pattern, a target or the concurrency has another form than accepted.
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
        """Removes a trigger; what it has sent already stays on its way.

        Raises:
            KeyError: there is no trigger of this name.
        """
        self._call(lambda: self._cloud.dispatcher.disconnect(name))

    def seed(self, folder: Path) -> Seeded:
        """Writes what a folder holds, as `emulator.seeding` says.

        Raises:
            ValueError: the folder is malformed.
        """
        return self._call(lambda: self._cloud.seed(folder))

    def export(self, folder: Path) -> None:
        """Writes all data into a folder, for another start's `--import`.

        Raises:
            ValueError: the folder holds something else.
        """
        self._call(lambda: self._cloud.export(folder))

    def reset(self) -> None:
        """Forgets data, events, tasks, counts and planned faults; triggers and buckets stay."""
        self._cloud.forget_official()
        self._call(self._cloud.reset)

    def _call(self, function: Callable[[], _Result]) -> _Result:
        async def run() -> _Result:
            return function()

        return self._run(run())

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_TIMEOUT_S)
