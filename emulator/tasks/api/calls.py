"""The methods of the service: request messages in, response messages out, without any transport."""

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.faults import FaultKind, FaultPlan
from emulator.tasks.api.messages import (
    Message,
    queue_message,
    queue_value,
    raw,
    task_message,
    task_value,
)
from emulator.tasks.errors import InvalidArgument, Unavailable
from emulator.tasks.names import check_location, check_queue, check_task, fault_path, queue_of
from emulator.tasks.queue import Queue, QueueState
from emulator.tasks.runner import Runner
from emulator.tasks.store import TaskStore
from emulator.tasks.task import Task

_LARGEST_QUEUE_PAGE = 9_800
_LARGEST_TASK_PAGE = 1_000
_Named = TypeVar("_Named", Queue, Task)

Call = Callable[[Message], Coroutine[Any, Any, "Message | Empty"]]


class Calls:
    """The methods, on a store and the runner of its tasks."""

    def __init__(
        self, store: TaskStore, runner: Runner, faults: FaultPlan, time_factor: float
    ) -> None:
        self._store = store
        self._runner = runner
        self._faults = faults
        self._factor = time_factor

    def table(self) -> dict[str, Call]:
        """Return every method by its name."""
        return {
            "CreateQueue": self._create_queue,
            "CreateTask": self._create_task,
            "DeleteQueue": self._delete_queue,
            "DeleteTask": self._delete_task,
            "GetQueue": self._get_queue,
            "GetTask": self._get_task,
            "ListQueues": self._list_queues,
            "ListTasks": self._list_tasks,
            "PauseQueue": self._pause_queue,
            "PurgeQueue": self._purge_queue,
            "ResumeQueue": self._resume_queue,
            "RunTask": self._run_task,
            "UpdateQueue": self._update_queue,
        }

    async def _create_queue(self, request: Message) -> Message:
        location = check_location(request.parent)
        name = check_queue(request.queue.name)
        if not name.startswith(f"{location}/queues/"):
            raise InvalidArgument(f'The queue "{name}" is not in the location "{location}"')
        return queue_message(self._store.add_queue(queue_value(request.queue)))

    async def _update_queue(self, request: Message) -> Message:
        """Change a queue, or add it where there is none."""
        name = check_queue(request.queue.name)
        earlier = {one.name: one for one in self._store.queues()}.get(name)
        if earlier is None:
            return queue_message(self._store.add_queue(queue_value(request.queue)))
        wanted = request.queue
        if request.update_mask.paths:
            wanted = queue_message(earlier)
            _merge(request.update_mask, request.queue, wanted)
        changed = self._store.replace_queue(queue_value(wanted, earlier))
        self._runner.update(name)
        return queue_message(changed)

    async def _get_queue(self, request: Message) -> Message:
        return queue_message(self._store.queue(check_queue(request.name)))

    async def _list_queues(self, request: Message) -> Message:
        if request.filter:
            raise InvalidArgument("The emulator lists queues without a filter only")
        queues = self._store.queues(check_location(request.parent))
        found, token = _page(queues, request, _LARGEST_QUEUE_PAGE)
        return raw("ListQueuesResponse")(
            queues=[queue_message(one) for one in found], next_page_token=token
        )

    async def _delete_queue(self, request: Message) -> Empty:
        name = check_queue(request.name)
        self._forget(self._store.tasks(name))
        self._store.delete_queue(name)
        return Empty()

    async def _purge_queue(self, request: Message) -> Message:
        name = check_queue(request.name)
        self._forget(self._store.tasks(name))
        return queue_message(self._store.purge_queue(name))

    async def _pause_queue(self, request: Message) -> Message:
        return queue_message(
            self._store.set_queue_state(check_queue(request.name), QueueState.PAUSED)
        )

    async def _resume_queue(self, request: Message) -> Message:
        name = check_queue(request.name)
        queue = self._store.set_queue_state(name, QueueState.RUNNING)
        self._runner.update(name)
        return queue_message(queue)

    async def _create_task(self, request: Message) -> Message:
        queue = check_queue(request.parent)
        name = request.task.name
        if name and queue_of(check_task(name)) != queue:
            raise InvalidArgument(f'The task "{name}" is not in the queue "{queue}"')
        path = fault_path(name or f"{queue}/tasks/")
        if self._faults.take(FaultKind.FAIL_TASK_CREATION, path):
            raise Unavailable("refused on purpose")
        asked = task_value(request.task, queue, time.time(), self._factor)
        task = self._store.add_task(asked)
        self._runner.start(task.name)
        if self._faults.take(FaultKind.LOSE_TASK_CREATION_ANSWER, path):
            raise Unavailable("the task was created; its answer is lost on purpose")
        return task_message(task, request.response_view)

    async def _get_task(self, request: Message) -> Message:
        return task_message(self._store.task(check_task(request.name)), request.response_view)

    async def _list_tasks(self, request: Message) -> Message:
        tasks = self._store.tasks(check_queue(request.parent))
        found, token = _page(tasks, request, _LARGEST_TASK_PAGE)
        return raw("ListTasksResponse")(
            tasks=[task_message(one, request.response_view) for one in found],
            next_page_token=token,
        )

    async def _delete_task(self, request: Message) -> Empty:
        name = check_task(request.name)
        self._store.delete_task(name)
        self._runner.forget(name)
        return Empty()

    async def _run_task(self, request: Message) -> Message:
        name = check_task(request.name)
        self._store.task(name)
        self._runner.run_now(name)
        return task_message(self._store.task(name), request.response_view)

    def _forget(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._runner.forget(task.name)


def _merge(mask: FieldMask, source: Message, target: Message) -> None:
    allowed = raw("Queue").DESCRIPTOR.fields_by_name
    for path in mask.paths:
        if path.partition(".")[0] not in allowed:
            raise InvalidArgument(f'update_mask has "{path}", which no queue has')
    mask.MergeMessage(source, target, replace_message_field=True)


def _page(found: Sequence[_Named], request: Message, largest: int) -> tuple[Sequence[_Named], str]:
    """Return one page of a list sorted by name, and the token of the next: the page's last name."""
    if request.page_size < 0:
        raise InvalidArgument(f"page_size is {request.page_size}; accepted: 0 (largest) or more")
    size = min(request.page_size or largest, largest)
    left = [one for one in found if one.name > request.page_token]
    return left[:size], left[size - 1].name if len(left) > size else ""
