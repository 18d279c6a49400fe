"""What the queues refuse, as one tree; each class is the gRPC status that clients act on.

TasksError
├── InvalidArgument      the request is malformed
├── NotFound             there is no such queue or task, or it has ended
├── AlreadyExists        a task or queue of this name lives, or has ended a while ago
├── FailedPrecondition   a queue of this name was deleted a while ago
├── Unavailable          a planned fault
└── Unimplemented        the emulator does not speak this part of Cloud Tasks
"""

from typing import ClassVar


class TasksError(Exception):
    """The request was refused."""

    status: ClassVar[str] = "UNKNOWN"
    http_status: ClassVar[int] = 500


class InvalidArgument(TasksError):
    """The request is malformed."""

    status = "INVALID_ARGUMENT"
    http_status = 400


class NotFound(TasksError):
    """There is no such queue or task."""

    status = "NOT_FOUND"
    http_status = 404


class AlreadyExists(TasksError):
    """The name is taken."""

    status = "ALREADY_EXISTS"
    http_status = 409


class FailedPrecondition(TasksError):
    """The request does not fit the state of things."""

    status = "FAILED_PRECONDITION"
    http_status = 400


class Unavailable(TasksError):
    """The service is unavailable."""

    status = "UNAVAILABLE"
    http_status = 503


class Unimplemented(TasksError):
    """The emulator does not speak this part of Cloud Tasks."""

    status = "UNIMPLEMENTED"
    http_status = 501
