"""Names of locations, queues and tasks. Pure."""

import re

from emulator.tasks.errors import InvalidArgument

_PROJECT = r"projects/[A-Za-z0-9.:-]+"
_LOCATION = rf"{_PROJECT}/locations/[A-Za-z0-9-]+"
_QUEUE = rf"{_LOCATION}/queues/[A-Za-z0-9-]{{1,100}}"
_TASK = rf"{_QUEUE}/tasks/[A-Za-z0-9_-]{{1,500}}"

_LOCATION_FORM = "projects/PROJECT_ID/locations/LOCATION_ID"
_QUEUE_FORM = f"{_LOCATION_FORM}/queues/QUEUE_ID"
_TASK_FORM = f"{_QUEUE_FORM}/tasks/TASK_ID"


def check_location(name: str) -> str:
    """Return a location's name; raise InvalidArgument where it has another form."""
    return _checked("Location", name, _LOCATION, _LOCATION_FORM)


def check_queue(name: str) -> str:
    """Return a queue's name; raise InvalidArgument where it has another form."""
    return _checked("Queue", name, _QUEUE, _QUEUE_FORM)


def check_task(name: str) -> str:
    """Return a task's name; raise InvalidArgument where it has another form."""
    return _checked("Task", name, _TASK, _TASK_FORM)


def location_of(queue: str) -> str:
    """Return the name of a queue's location."""
    return queue.rpartition("/queues/")[0]


def queue_of(task: str) -> str:
    """Return the name of a task's queue."""
    return task.rpartition("/tasks/")[0]


def short_name(name: str) -> str:
    """Return the last part of a name, the id."""
    return name.rpartition("/")[2]


def fault_path(task: str) -> str:
    """Return `QUEUE_ID/TASK_ID`, the path that planned faults match."""
    return f"{short_name(queue_of(task))}/{short_name(task)}"


def _checked(kind: str, name: str, pattern: str, form: str) -> str:
    if not re.fullmatch(pattern, name):
        raise InvalidArgument(f'{kind} name must be formatted: "{form}"; it is "{name}"')
    return name
