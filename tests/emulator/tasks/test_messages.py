"""Queues and tasks become messages and come back the same; nothing is kept that cannot be sent."""

import string

from hypothesis import given
from hypothesis import strategies as st

from emulator.tasks.api.messages import (
    FULL_VIEW,
    queue_message,
    queue_value,
    raw,
    task_message,
    task_value,
)
from emulator.tasks.errors import TasksError
from emulator.tasks.queue import UNLIMITED, Queue, QueueState, RateLimits, RetryConfig
from emulator.tasks.task import HttpRequest, Oidc, Task

QUEUE = "projects/p/locations/local/queues/q"
NOW = 1_800_000_000.0
_printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
milliseconds = st.integers(1, 10_000_000).map(lambda value: value / 1_000)


@st.composite
def retries(draw: st.DrawFn) -> RetryConfig:
    shorter, longer = sorted((draw(milliseconds), draw(milliseconds)))
    return RetryConfig(
        max_attempts=draw(st.one_of(st.just(UNLIMITED), st.integers(1, 1_000))),
        max_retry_duration_s=draw(st.one_of(st.just(0.0), milliseconds)),
        min_backoff_s=shorter,
        max_backoff_s=longer,
        max_doublings=draw(st.integers(1, 100)),
    )


queues = st.builds(
    Queue,
    name=st.just(QUEUE),
    rate_limits=st.builds(
        RateLimits,
        max_dispatches_per_second=st.floats(0.001, 500),
        max_concurrent_dispatches=st.integers(1, 5_000),
    ),
    retry_config=retries(),
    state=st.sampled_from(QueueState),
    purged_at=st.none() | st.integers(0, 2_000_000_000).map(float),
)
requests = st.builds(
    HttpRequest,
    url=_printable.map(lambda path: f"http://127.0.0.1/{path}"),
    method=st.sampled_from(("POST", "PUT", "PATCH")),
    headers=st.dictionaries(
        st.text(string.ascii_letters + "-", min_size=1, max_size=12), _printable, max_size=4
    ).map(lambda headers: tuple(sorted(headers.items()))),
    body=st.binary(max_size=100),
    oidc=st.none() | st.builds(Oidc, email=_printable, audience=_printable),
)
tasks = st.builds(
    Task,
    name=st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=50).map(
        lambda name: f"{QUEUE}/tasks/{name}"
    ),
    request=requests,
    created_at=st.just(NOW),
    scheduled_at=st.integers(0, 2_000_000).map(lambda ahead: NOW + ahead),
    due_at=st.just(0.0),
    dispatch_deadline_s=st.integers(15_000, 1_800_000).map(lambda value: value / 1_000),
    retry_config=st.none() | retries(),
)


@given(queue=queues)
def test_a_queue_comes_back_the_same(queue: Queue) -> None:
    assert queue_value(queue_message(queue), queue) == queue


@given(task=tasks, factor=st.sampled_from((1.0, 0.5)))
def test_a_task_comes_back_the_same_and_is_due_by_the_hurried_clock(
    task: Task, factor: float
) -> None:
    found = task_value(task_message(task, FULL_VIEW), QUEUE, NOW, factor)
    ahead = task.scheduled_at - NOW
    assert found.due_at == NOW + ahead * factor
    assert (found.name, found.request) == (task.name, task.request)
    assert (found.scheduled_at, found.retry_config) == (task.scheduled_at, task.retry_config)
    assert found.dispatch_deadline_s == task.dispatch_deadline_s


@given(
    url=st.text(max_size=30),
    headers=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    method=st.integers(0, 7),
    body=st.binary(max_size=5),
)
def test_what_is_kept_can_be_sent(
    url: str, headers: dict[str, str], method: int, body: bytes
) -> None:
    message = raw("Task")(
        http_request={"url": url, "headers": headers, "http_method": method, "body": body}
    )
    try:
        request = task_value(message, QUEUE, NOW, 1.0).request
    except TasksError:
        return
    lines = [request.url, *(f"{name}: {value}" for name, value in request.headers)]
    for line in lines:
        assert line.isascii()
        assert line.isprintable()
