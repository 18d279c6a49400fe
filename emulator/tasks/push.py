"""The headers of a task's HTTP request. Pure but for the token's time."""

from emulator.tasks.identity import Identity
from emulator.tasks.names import queue_of, short_name
from emulator.tasks.task import Attempt, Task

_COMPUTED = frozenset({"host", "content-length", "user-agent", "connection", "transfer-encoding"})
_RESERVED = ("x-google-", "x-appengine-", "x-cloudtasks-")
_REASONS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def status_name(attempt: Attempt) -> str:
    """Return the name of the gRPC status of an attempt's result."""
    if attempt.status is None:
        return attempt.error.partition(":")[0]
    if attempt.has_succeeded:
        return "OK"
    return _REASONS.get(attempt.status, "UNKNOWN")


def push_headers(task: Task, identity: Identity) -> list[tuple[str, str]]:
    """Return the headers of a task's next attempt: the client's and the service's own."""
    request = task.request
    kept = [
        (name, value)
        for name, value in request.headers
        if name.lower() not in _COMPUTED and not name.lower().startswith(_RESERVED)
    ]
    if request.body and not any(name.lower() == "content-type" for name, _ in kept):
        kept.append(("Content-Type", "application/octet-stream"))
    if request.oidc is not None:
        kept = [(name, value) for name, value in kept if name.lower() != "authorization"]
        kept.append(("Authorization", f"Bearer {identity.token(request.oidc)}"))
    return [("User-Agent", "Google-Cloud-Tasks"), *kept, *_own_headers(task)]


def _own_headers(task: Task) -> list[tuple[str, str]]:
    # An execution is an attempt with any response but 5xx.
    executed = [one for one in task.answered if (one.status or 0) < 500]
    own = [
        ("X-CloudTasks-QueueName", short_name(queue_of(task.name))),
        ("X-CloudTasks-TaskName", short_name(task.name)),
        ("X-CloudTasks-TaskRetryCount", str(len(task.attempts))),
        ("X-CloudTasks-TaskExecutionCount", str(len(executed))),
        ("X-CloudTasks-TaskETA", f"{task.scheduled_at:.6f}"),
    ]
    if task.answered:
        own.append(("X-CloudTasks-TaskPreviousResponse", str(task.answered[-1].status)))
    if task.attempts:
        own.append(("X-CloudTasks-TaskRetryReason", status_name(task.attempts[-1])))
    return own
