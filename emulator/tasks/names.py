"""Names of locations, queues and tasks: their form, and what is part of what. Pure."""

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
    """Returns a location's name; raises InvalidArgument where it is none."""
    return _checked("Location", name, _LOCATION, _LOCATION_FORM)


def check_queue(name: str) -> str:
    """Returns a queue's name; raises InvalidArgument where it is none."""
    return _checked("Queue", name, _QUEUE, _QUEUE_FORM)


def check_task(name: str) -> str:
    """Returns a task's name; raises InvalidArgument where it is none."""
    return _checked("Task", name, _TASK, _TASK_FORM)


def location_of(queue: str) -> str:
    """Returns the name of the location in which a queue lies."""
    return queue.rpartition("/queues/")[0]


def queue_of(task: str) -> str:
    """Returns the name of the queue in which a task lies."""
    return task.rpartition("/tasks/")[0]


def short_name(name: str) -> str:
    """Returns the last part of a name, the id."""
    return name.rpartition("/")[2]


def fault_path(task: str) -> str:
    """Returns `QUEUE_ID/TASK_ID`, by which planned faults are restricted."""
    return f"{short_name(queue_of(task))}/{short_name(task)}"


def _checked(kind: str, name: str, pattern: str, form: str) -> str:
    if not re.fullmatch(pattern, name):
        raise InvalidArgument(f'{kind} name must be formatted: "{form}"; it is "{name}"')
    return name
