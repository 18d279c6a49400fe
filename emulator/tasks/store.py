"""The store of queues and tasks, and of the names that are taken.

Knows no message of the service and never waits. Ended tasks are kept as long as their names.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace

from emulator.tasks.errors import AlreadyExists, FailedPrecondition, NotFound
from emulator.tasks.names import location_of, queue_of, short_name
from emulator.tasks.queue import Queue, QueueState
from emulator.tasks.task import Attempt, Task, TaskState

TASK_NAME_RETENTION_S = 24 * 3_600.0
"""How long the name of an ended task is reserved: the service says up to 24 hours."""
QUEUE_NAME_RETENTION_S = 3 * 86_400.0


class TaskStore:
    """Queues and tasks.

    Args:
        clock: seconds since the epoch.
        time_factor: 1 for the real service's times, less to shorten them.
    """

    def __init__(self, clock: Callable[[], float], time_factor: float = 1.0) -> None:
        self._clock = clock
        self._factor = time_factor
        self._queues: dict[str, Queue] = {}
        self._deleted_queues: dict[str, float] = {}
        self._tasks: dict[str, Task] = {}
        self._ended: dict[str, Task] = {}  # in the order in which they ended

    def add_queue(self, queue: Queue) -> Queue:
        """Add a queue.

        Raises:
            AlreadyExists: there is one of this name.
            FailedPrecondition: one of this name was deleted less than three days ago.
        """
        if queue.name in self._queues:
            raise AlreadyExists(f'Queue "{queue.name}" already exists')
        deleted_at = self._deleted_queues.get(queue.name)
        if deleted_at is not None:
            if self._clock() < deleted_at + QUEUE_NAME_RETENTION_S * self._factor:
                raise FailedPrecondition(
                    f'The queue "{queue.name}" cannot be created because a queue with this name '
                    "existed too recently"
                )
            del self._deleted_queues[queue.name]
        self._queues[queue.name] = queue
        return queue

    def queue(self, name: str) -> Queue:
        """Return a queue; raise NotFound where there is none."""
        try:
            return self._queues[name]
        except KeyError:
            raise NotFound(f'Queue "{name}" does not exist') from None

    def queues(self, location: str | None = None) -> tuple[Queue, ...]:
        """Return the queues, of one location or all, by name."""
        found = [one for one in self._queues.values() if location in (None, location_of(one.name))]
        return tuple(sorted(found, key=lambda one: one.name))

    def replace_queue(self, queue: Queue) -> Queue:
        """Replace the queue of the same name; raise NotFound without one."""
        self.queue(queue.name)
        self._queues[queue.name] = queue
        return queue

    def set_queue_state(self, name: str, state: QueueState) -> Queue:
        """Pause or resume a queue."""
        return self.replace_queue(replace(self.queue(name), state=state))

    def purge_queue(self, name: str) -> Queue:
        """Delete all tasks of a queue."""
        queue = self.replace_queue(replace(self.queue(name), purged_at=self._clock()))
        self._delete_tasks(name)
        return queue

    def delete_queue(self, name: str) -> None:
        """Delete a queue and its tasks."""
        self.queue(name)
        self._delete_tasks(name)
        del self._queues[name]
        self._deleted_queues[name] = self._clock()

    def add_task(self, task: Task) -> Task:
        """Add a task; generate an id where it has none (`…/tasks/`).

        Raises:
            NotFound: there is no such queue.
            AlreadyExists: a task of this name exists, or has ended less than a day ago.
        """
        self.queue(queue_of(task.name))
        if not short_name(task.name):
            task = replace(task, name=f"{task.name}{uuid.uuid4().int % 10**20}")
        self._drop_expired()
        if task.name in self._tasks:
            raise AlreadyExists(f'A task with the name "{task.name}" already exists')
        if task.name in self._ended:
            raise AlreadyExists(
                f'The task cannot be created because a task with the name "{task.name}" existed '
                "too recently"
            )
        self._tasks[task.name] = task
        return task

    def find(self, name: str) -> Task | None:
        """Return a task that has not ended."""
        return self._tasks.get(name)

    def task(self, name: str) -> Task:
        """Return a task that has not ended; raise NotFound where there is none."""
        self.queue(queue_of(name))
        task = self._tasks.get(name)
        if task is None:
            has_been = " any more: it was executed or deleted" if name in self._ended else ""
            raise NotFound(f'The task "{name}" does not exist{has_been}')
        return task

    def tasks(self, queue: str) -> tuple[Task, ...]:
        """Return a queue's tasks that have not ended, by name; raise NotFound without one."""
        self.queue(queue)
        found = [one for one in self._tasks.values() if queue_of(one.name) == queue]
        return tuple(sorted(found, key=lambda one: one.name))

    def history(self) -> tuple[Task, ...]:
        """Return all tasks, with ended ones whose names are still taken."""
        both = (*self._ended.values(), *self._tasks.values())
        return tuple(sorted(both, key=lambda one: one.created_at))

    def delete_task(self, name: str) -> None:
        """Delete a task; raise NotFound where it has ended."""
        self.task(name)
        self.end(name, TaskState.DELETED)

    def reschedule(self, name: str, due_at: float) -> Task:
        """Set when a task is due next."""
        self._tasks[name] = replace(self.task(name), scheduled_at=due_at, due_at=due_at)
        return self._tasks[name]

    def begin_attempt(self, name: str) -> int:
        """Add an attempt and return its number."""
        task = self.task(name)
        attempt = Attempt(scheduled_at=task.scheduled_at, dispatched_at=self._clock())
        self._tasks[name] = replace(task, attempts=(*task.attempts, attempt))
        return len(task.attempts)

    def end_attempt(self, name: str, number: int, status: int | None, error: str) -> Task | None:
        """Record the result of an attempt; return the task, or None where it has ended."""
        place = self._tasks if name in self._tasks else self._ended
        if name not in place:
            return None
        attempts = list(place[name].attempts)
        attempts[number] = replace(
            attempts[number], finished_at=self._clock(), status=status, error=error
        )
        place[name] = replace(place[name], attempts=tuple(attempts))
        return self._tasks.get(name)

    def end(self, name: str, state: TaskState) -> None:
        """End a task; its name stays reserved for a day."""
        task = self._tasks.pop(name)
        self._ended[name] = replace(task, state=state, ended_at=self._clock())

    def clear(self) -> None:
        """Delete all queues, tasks and reserved names."""
        self._queues.clear()
        self._deleted_queues.clear()
        self._tasks.clear()
        self._ended.clear()

    def _delete_tasks(self, queue: str) -> None:
        for task in self.tasks(queue):
            self.end(task.name, TaskState.DELETED)

    def _drop_expired(self) -> None:
        oldest = self._clock() - TASK_NAME_RETENTION_S * self._factor
        for name, task in list(self._ended.items()):
            if task.ended_at is None or task.ended_at > oldest:
                return
            del self._ended[name]
