"""Cloud Tasks' messages, to values and back.

The generated classes underneath the client's proto-plus ones are used, as they carry no types:
this module is the one place that says how they look.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from google.cloud.tasks_v2 import types
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from emulator.tasks.errors import InvalidArgument, Unimplemented
from emulator.tasks.push import status_name
from emulator.tasks.queue import Queue, QueueState, RateLimits, RetryConfig
from emulator.tasks.task import (
    DEFAULT_DEADLINE_S,
    LONGEST_DEADLINE_S,
    SHORTEST_DEADLINE_S,
    Attempt,
    HttpRequest,
    Oidc,
    Task,
)

if TYPE_CHECKING:

    class Message:
        """Any raw message; its fields are what the protocol says."""

        DESCRIPTOR: Any

        def __init__(self, *args: Any, **fields: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...
        @classmethod
        def FromString(cls, wire: bytes) -> Self: ...  # noqa: N802, D102 (protobuf's)
else:
    Message = object

FULL_VIEW = 2
MAX_TASK_BYTES = 1_024 * 1_024
MAX_HEADER_BYTES = 80 * 1_024
MAX_URL_CHARACTERS = 2_083
FARTHEST_SCHEDULE_S = 30 * 86_400.0
_GRPC_NUMBERS = {
    "OK": 0, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5, "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8, "ABORTED": 10, "UNIMPLEMENTED": 12, "INTERNAL": 13, "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}  # fmt: skip
_UNKNOWN = 2


def raw(name: str) -> type[Message]:
    """Return the generated class of a message."""
    return getattr(types, name).pb()


def queue_message(queue: Queue) -> Message:
    """Return a queue as clients see it."""
    limits, retry = queue.rate_limits, queue.retry_config
    return raw("Queue")(
        name=queue.name,
        rate_limits={
            "max_dispatches_per_second": limits.max_dispatches_per_second,
            "max_burst_size": limits.max_burst_size,
            "max_concurrent_dispatches": limits.max_concurrent_dispatches,
        },
        retry_config=_retry_message(retry),
        state=getattr(types.Queue.State, queue.state.value),
        purge_time=None if queue.purged_at is None else _timestamp(queue.purged_at),
    )


def queue_value(message: Message, earlier: Queue | None = None) -> Queue:
    """Return the queue that a client asks for.

    Args:
        message: the whole queue; what is unset or 0 becomes the service's default.
        earlier: the queue that is changed: keeps its state and purge time.

    Raises:
        InvalidArgument: a value is out of range.
        Unimplemented: it overrides its tasks' targets.
    """
    if message.HasField("http_target") or message.HasField("app_engine_routing_override"):
        raise Unimplemented("The emulator has no targets of queues, only those of tasks")
    limits = {
        "max_dispatches_per_second": message.rate_limits.max_dispatches_per_second,
        "max_concurrent_dispatches": message.rate_limits.max_concurrent_dispatches,
    }
    return Queue(
        name=message.name,
        rate_limits=RateLimits(**{name: value for name, value in limits.items() if value}),
        retry_config=_retry_value(message.retry_config),
        state=earlier.state if earlier else QueueState.RUNNING,
        purged_at=earlier.purged_at if earlier else None,
    )


def task_message(task: Task, view: int) -> Message:
    """Return a task as clients see it; its body only in the full view."""
    request = task.request
    message = raw("Task")(
        name=task.name,
        http_request={
            "url": request.url,
            "http_method": getattr(types.HttpMethod, request.method),
            "headers": dict(request.headers),
            "body": request.body if view == FULL_VIEW else b"",
        },
        schedule_time=_timestamp(task.scheduled_at),
        create_time=_timestamp(int(task.created_at)),
        dispatch_deadline=_duration(task.dispatch_deadline_s),
        dispatch_count=len(task.attempts),
        response_count=len(task.answered),
        view=types.Task.View.FULL if view == FULL_VIEW else types.Task.View.BASIC,
        retry_config=None if task.retry_config is None else _retry_message(task.retry_config),
    )
    if request.oidc is not None:
        token = message.http_request.oidc_token
        token.service_account_email = request.oidc.email
        token.audience = request.oidc.audience
    if task.attempts:
        first = task.attempts[0]
        message.first_attempt.dispatch_time.CopyFrom(_timestamp(first.dispatched_at))
        message.last_attempt.CopyFrom(_attempt_message(task.attempts[-1]))
    return message


def task_value(message: Message, queue: str, now: float, time_factor: float) -> Task:
    """Return the task that a client asks for; its name ends in `/` where it has none yet.

    Raises:
        InvalidArgument: a value is out of range, or the task is too large.
        Unimplemented: it is for App Engine, or wants an OAuth token.
    """
    if message.ByteSize() > MAX_TASK_BYTES:
        raise InvalidArgument(
            f"Task size too large: {message.ByteSize()} bytes; accepted: at most {MAX_TASK_BYTES}"
        )
    if not message.HasField("http_request"):
        raise Unimplemented("The emulator takes tasks with an http_request only")
    scheduled_at = max(now, _seconds(message.schedule_time))
    if scheduled_at > now + FARTHEST_SCHEDULE_S:
        raise InvalidArgument("schedule_time must be at most 30 days ahead")
    return Task(
        name=message.name or f"{queue}/tasks/",
        request=_request_value(message.http_request),
        created_at=now,
        scheduled_at=scheduled_at,
        due_at=now + (scheduled_at - now) * time_factor,
        dispatch_deadline_s=_deadline_s(message),
        retry_config=(
            _retry_value(message.retry_config) if message.HasField("retry_config") else None
        ),
    )


def _request_value(message: Message) -> HttpRequest:
    if not message.url.startswith(("http://", "https://")):
        raise InvalidArgument(f'url is "{message.url}"; it must begin with http:// or https://')
    if len(message.url) > MAX_URL_CHARACTERS or not message.url.isascii():
        raise InvalidArgument(f"url must be ASCII of at most {MAX_URL_CHARACTERS} characters")
    if any(character <= " " for character in message.url):
        raise InvalidArgument("url must not contain spaces or control characters")
    if message.HasField("oauth_token"):
        raise Unimplemented("The emulator gives no OAuth tokens, only OIDC ones")
    method = types.HttpMethod(message.http_method or types.HttpMethod.POST).name
    if message.body and method not in ("POST", "PUT", "PATCH"):
        raise InvalidArgument(f"A task of method {method} has no body")
    return HttpRequest(
        url=message.url,
        method=method,
        headers=_checked_headers(message.headers),
        body=message.body,
        oidc=_oidc(message),
    )


def _checked_headers(headers: Any) -> tuple[tuple[str, str], ...]:
    if sum(len(name) + len(value) for name, value in headers.items()) >= MAX_HEADER_BYTES:
        raise InvalidArgument(f"The headers must be smaller than {MAX_HEADER_BYTES} bytes")
    for name, value in headers.items():
        if not (name + value).isascii() or not (name + value).isprintable() or not name:
            raise InvalidArgument(f"The header {name!r} has characters that no header may have")
    return tuple(sorted(headers.items()))


def _oidc(message: Message) -> Oidc | None:
    if not message.HasField("oidc_token"):
        return None
    token = message.oidc_token
    if not token.service_account_email:
        raise InvalidArgument("oidc_token needs a service_account_email")
    return Oidc(email=token.service_account_email, audience=token.audience or message.url)


def _deadline_s(message: Message) -> float:
    if not message.HasField("dispatch_deadline"):
        return DEFAULT_DEADLINE_S
    deadline_s = _seconds(message.dispatch_deadline)
    if not SHORTEST_DEADLINE_S <= deadline_s <= LONGEST_DEADLINE_S:
        raise InvalidArgument(
            f"dispatch_deadline is {deadline_s} s; accepted: {SHORTEST_DEADLINE_S:.0f} s to "
            f"{LONGEST_DEADLINE_S:.0f} s"
        )
    return deadline_s


def _attempt_message(attempt: Attempt) -> Message:
    message = raw("Attempt")(
        schedule_time=_timestamp(attempt.scheduled_at),
        dispatch_time=_timestamp(attempt.dispatched_at),
    )
    if attempt.finished_at is not None:
        name = status_name(attempt)
        number = _GRPC_NUMBERS.get(name, _UNKNOWN)
        if attempt.status is not None:
            message.response_time.CopyFrom(_timestamp(attempt.finished_at))
        detail = attempt.error or f"HTTP status code {attempt.status}"
        message.response_status.CopyFrom(Status(code=number, message=f"{name}({number}): {detail}"))
    return message


def _retry_message(retry: RetryConfig) -> Message:
    return raw("RetryConfig")(
        max_attempts=retry.max_attempts,
        max_retry_duration=_duration(retry.max_retry_duration_s)
        if retry.max_retry_duration_s
        else None,
        min_backoff=_duration(retry.min_backoff_s),
        max_backoff=_duration(retry.max_backoff_s),
        max_doublings=retry.max_doublings,
    )


def _retry_value(message: Message) -> RetryConfig:
    present: dict[str, Callable[[], Any]] = {
        "max_attempts": lambda: message.max_attempts or None,
        "max_retry_duration_s": lambda: _seconds(message.max_retry_duration),
        "min_backoff_s": lambda: _seconds(message.min_backoff) or None,
        "max_backoff_s": lambda: _seconds(message.max_backoff) or None,
        "max_doublings": lambda: message.max_doublings or None,
    }
    values = {name: value for name, read in present.items() if (value := read()) is not None}
    return RetryConfig(**values)


def _timestamp(seconds: float) -> Timestamp:
    microseconds = round(seconds * 1_000_000)
    return Timestamp(seconds=microseconds // 1_000_000, nanos=microseconds % 1_000_000 * 1_000)


def _duration(seconds: float) -> Duration:
    milliseconds = round(seconds * 1_000)
    return Duration(seconds=milliseconds // 1_000, nanos=milliseconds % 1_000 * 1_000_000)


def _seconds(message: Any) -> float:
    return float((message.seconds * 1_000_000_000 + message.nanos) / 1e9)
