"""Cases about Cloud Tasks; Google has no emulator of it, so they run against this one alone."""

import time
from collections.abc import Callable
from typing import Any

from google.cloud.tasks_v2 import Queue, Task
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from tests.emulator.conformance.table import ABSENT, Place, case
from tests.emulator.function_double import Answer

LOCATION = "projects/demo-avatar/locations/local"


def tasks(name: str, expected: Any) -> Callable[[Callable[[Place], Any]], Callable[[Place], Any]]:
    """A case of Cloud Tasks."""
    return case(name, expected, official=ABSENT, clients="tasks")


def queue(at: Place, **fields: Any) -> str:
    """Create a queue of the case's own that retries quickly, and return its name."""
    name = f"{LOCATION}/queues/{at.room}"
    at.queues.create_queue(parent=LOCATION, queue=Queue({"name": name, **fields}))
    return name


def add(at: Place, queue: str, name: str = "", **fields: Any) -> str:
    """Add a task for the target, and return its name."""
    full = {"name": f"{queue}/tasks/{name}"} if name else {}
    request = {"url": f"{at.target.url}/work", **fields.pop("http_request", {})}
    task = Task({**full, "http_request": request, **fields})
    return at.queues.create_task(parent=queue, task=task).name


def pushed(at: Place, count: int) -> list[dict[str, str]]:
    """Wait for a number of requests; return their `x-cloudtasks-task…` headers."""
    while len(at.target.received) < count:
        time.sleep(0.002)
    prefix = "x-cloudtasks-task"
    return [
        {name.removeprefix(prefix): value for name, value in one.headers.items() if prefix in name}
        for one in at.target.received
    ]


@tasks("a task is pushed with its name and counts", ["one", "0", "0"])
def _(at: Place) -> Any:
    add(at, queue(at), "one")
    (headers,) = pushed(at, 1)
    return [headers["name"], headers["retrycount"], headers["executioncount"]]


@tasks("a task that failed comes again and says why", ["1", "0", "503", "UNAVAILABLE"])
def _(at: Place) -> Any:
    at.target.answers.append(Answer(status=503))
    add(at, queue(at))
    again = pushed(at, 2)[1]
    counts = [again["retrycount"], again["executioncount"]]
    return [*counts, again["previousresponse"], again["retryreason"]]


@tasks("an answer that is no 5xx counts as an execution", "1")
def _(at: Place) -> Any:
    at.target.answers.append(Answer(status=404))
    add(at, queue(at))
    return pushed(at, 2)[1]["executioncount"]


@tasks("a name is taken once, while its task lives", "AlreadyExists")
def _(at: Place) -> Any:
    mine = queue(at)
    at.queues.pause_queue(name=mine)
    add(at, mine, "once")
    return add(at, mine, "once")


@tasks("and after it has ended", "AlreadyExists")
def _(at: Place) -> Any:
    mine = queue(at)
    add(at, mine, "once")
    pushed(at, 1)
    return add(at, mine, "once")


@tasks("a deleted task's name is taken too", "AlreadyExists")
def _(at: Place) -> Any:
    mine = queue(at)
    at.queues.pause_queue(name=mine)
    at.queues.delete_task(name=add(at, mine, "once"))
    return add(at, mine, "once")


@tasks("a paused queue takes tasks and pushes none; resumed it does", (0, 1))
def _(at: Place) -> Any:
    mine = queue(at)
    at.queues.pause_queue(name=mine)
    add(at, mine)
    time.sleep(0.05)
    before = len(at.target.received)
    at.queues.resume_queue(name=mine)
    return before, len(pushed(at, 1))


@tasks("running a task pushes it although its queue is paused", 1)
def _(at: Place) -> Any:
    mine = queue(at)
    at.queues.pause_queue(name=mine)
    at.queues.run_task(name=add(at, mine))
    return len(pushed(at, 1))


@tasks("purging empties a queue", 0)
def _(at: Place) -> Any:
    mine = queue(at)
    at.queues.pause_queue(name=mine)
    add(at, mine)
    at.queues.purge_queue(name=mine)
    return len(list(at.queues.list_tasks(parent=mine)))


@tasks("a list shows no bodies, the full view does", (b"", b"abc"))
def _(at: Place) -> Any:
    mine = queue(at)
    at.queues.pause_queue(name=mine)
    add(at, mine, http_request={"body": b"abc"})
    (basic,) = at.queues.list_tasks(parent=mine)
    (full,) = at.queues.list_tasks(request={"parent": mine, "response_view": Task.View.FULL})
    at.queues.purge_queue(name=mine)
    return basic.http_request.body, full.http_request.body


@tasks("an update changes what its mask names", (4, 7))
def _(at: Place) -> Any:
    mine = queue(at, retry_config={"max_attempts": 7})
    changed = at.queues.update_queue(
        queue=Queue({"name": mine, "rate_limits": {"max_concurrent_dispatches": 4}}),
        update_mask=FieldMask(paths=["rate_limits.max_concurrent_dispatches"]),
    )
    return changed.rate_limits.max_concurrent_dispatches, changed.retry_config.max_attempts


@tasks("a deadline below 15 s is refused", "InvalidArgument")
def _(at: Place) -> Any:
    return add(at, queue(at), dispatch_deadline=Duration(seconds=14))


@tasks("a task above 1 MiB is refused", "InvalidArgument")
def _(at: Place) -> Any:
    return add(at, queue(at), http_request={"body": b"x" * 1024 * 1024})


@tasks("a task for a queue that is not there is refused", "NotFound")
def _(at: Place) -> Any:
    return add(at, f"{LOCATION}/queues/nowhere")


@tasks("a deleted queue's name rests", "FailedPrecondition")
def _(at: Place) -> Any:
    at.queues.delete_queue(name=queue(at))
    return queue(at)
