"""Back-off, token bucket, names and their retention, without a transport."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.tasks.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from emulator.tasks.names import check_queue, check_task, fault_path, queue_of
from emulator.tasks.queue import UNLIMITED, Queue, RateLimits, RetryConfig
from emulator.tasks.rate_limiter import Slowdown, TokenBucket
from emulator.tasks.store import QUEUE_NAME_RETENTION_S, TASK_NAME_RETENTION_S, TaskStore
from emulator.tasks.task import HttpRequest, Task, TaskState

QUEUE = "projects/p/locations/local/queues/q"
retries = st.builds(
    RetryConfig,
    max_attempts=st.one_of(st.just(UNLIMITED), st.integers(1, 1_000)),
    max_retry_duration_s=st.floats(0, 1e6),
    min_backoff_s=st.floats(0.001, 100),
    max_backoff_s=st.floats(100, 1e5),
    max_doublings=st.integers(0, 2_000),
)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def task(name: str = f"{QUEUE}/tasks/one") -> Task:
    return Task(
        name=name,
        request=HttpRequest(url="http://127.0.0.1/"),
        created_at=0.0,
        scheduled_at=0.0,
        due_at=0.0,
    )


def test_the_documented_example_of_a_back_off() -> None:
    retry = RetryConfig(min_backoff_s=10, max_backoff_s=300, max_doublings=3)
    pauses = [retry.backoff_s(failures) for failures in range(1, 9)]
    assert pauses == [10, 20, 40, 80, 160, 240, 300, 300]


@given(retry=retries, failures=st.integers(1, 3_000))
def test_a_back_off_never_shrinks_and_keeps_its_bounds(retry: RetryConfig, failures: int) -> None:
    pause, following = retry.backoff_s(failures), retry.backoff_s(failures + 1)
    assert retry.min_backoff_s <= pause <= following <= retry.max_backoff_s


@given(retry=retries, failures=st.integers(1, 60))
def test_a_back_off_doubles_first_and_then_grows_evenly(retry: RetryConfig, failures: int) -> None:
    pause, following = retry.backoff_s(failures), retry.backoff_s(failures + 1)
    if following == retry.max_backoff_s:
        return
    if failures <= retry.max_doublings:
        assert following == pytest.approx(2 * pause)
    else:
        step = retry.min_backoff_s * 2**retry.max_doublings
        assert following - pause == pytest.approx(step)


@given(retry=retries, attempts=st.integers(1, 2_000), since_s=st.floats(0, 2e6))
def test_both_limits_must_be_reached(retry: RetryConfig, attempts: int, since_s: float) -> None:
    spent = retry.is_spent(attempts, since_s)
    if retry.max_attempts == UNLIMITED and retry.max_retry_duration_s == 0:
        assert not spent
    elif retry.max_attempts == UNLIMITED:
        assert spent == (since_s >= retry.max_retry_duration_s)
    else:
        assert spent == (attempts >= retry.max_attempts and since_s >= retry.max_retry_duration_s)


@given(
    rate=st.floats(0.1, 500),
    size=st.integers(1, 100),
    pauses=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_a_bucket_never_gives_more_than_its_rate_and_burst(
    rate: float, size: int, pauses: list[float]
) -> None:
    bucket, now, taken = TokenBucket(rate, size, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        if bucket.wait_s(now) == 0:
            bucket.take(now)
            taken += 1
    assert taken <= size + rate * now + 1e-6


@given(rate=st.floats(0.1, 500), size=st.integers(1, 100))
def test_after_the_wait_there_is_a_token(rate: float, size: int) -> None:
    bucket = TokenBucket(rate, size, 0.0)
    for _ in range(size):
        assert bucket.wait_s(0.0) == 0
        bucket.take(0.0)
    wait_s = bucket.wait_s(0.0)
    assert wait_s == pytest.approx(1 / rate)
    assert bucket.wait_s(wait_s) == pytest.approx(0, abs=1e-9)


def test_a_queue_slows_down_on_429_and_503_and_recovers_gradually() -> None:
    slowdown, rates = Slowdown(), []
    for status in (200, 503, 429, None, 500):
        slowdown.note(status, None, 0.0)
        rates.append(slowdown.rate(100))
    assert rates == [100, 50, 25, 25, 25]
    for _ in range(20):
        slowdown.note(503, None, 0.0)
    assert slowdown.rate(100) == pytest.approx(0.1)
    assert slowdown.rate(0.05) == 0.05  # a queue that is slower anyway stays as it is
    recovering = []
    while slowdown.rate(100) < 100:
        slowdown.note(200, None, 0.0)
        recovering.append(slowdown.rate(100))
    assert 15 < len(recovering) < 40
    assert recovering == sorted(recovering)


def test_retry_after_holds_a_queue_back() -> None:
    slowdown = Slowdown()
    slowdown.note(503, 30.0, 100.0)
    assert slowdown.wait_s(110.0) == 20
    slowdown.note(429, 5.0, 112.0)
    assert slowdown.wait_s(112.0) == 18  # the later moment counts
    slowdown.note(200, 50.0, 112.0)  # nothing was refused
    assert slowdown.wait_s(130.0) == 0


def test_a_slower_bucket_keeps_no_more_than_it_holds() -> None:
    bucket = TokenBucket(100, 20, 0.0)
    bucket.change(1, 10, 0.0)
    for _ in range(10):
        bucket.take(0.0)
    assert bucket.wait_s(0.0) == pytest.approx(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"max_attempts": -2},
        {"min_backoff_s": 2, "max_backoff_s": 1},
        {"min_backoff_s": -1},
        {"max_retry_duration_s": -1},
        {"max_doublings": -1},
    ],
)
def test_retries_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong)).removesuffix("_s")):
        RetryConfig(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_dispatches_per_second": 501},
        {"max_dispatches_per_second": -1},
        {"max_concurrent_dispatches": 5_001},
        {"max_concurrent_dispatches": 0},
    ],
)
def test_limits_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="accepted"):
        RateLimits(**wrong)


def test_the_parts_of_a_name() -> None:
    name = f"{QUEUE}/tasks/a-b_C9"
    assert check_task(name) == name
    assert queue_of(name) == QUEUE == check_queue(QUEUE)
    assert fault_path(name) == "q/a-b_C9"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "q/tasks/t",
        f"{QUEUE}/tasks/",
        f"{QUEUE}/tasks/a b",
        f"{QUEUE}/tasks/{'a' * 501}",
        f"{QUEUE}/tasks/ä",
        f"{QUEUE}/tasks/a/b",
        f"{QUEUE}/tasks/a\n",
    ],
)
def test_malformed_names_are_refused_with_the_form(name: str) -> None:
    with pytest.raises(InvalidArgument, match="TASK_ID"):
        check_task(name)


@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_a_name_is_free_again_after_a_day(factor: float) -> None:
    clock = Clock()
    store = TaskStore(clock, factor)
    store.add_queue(Queue(name=QUEUE))
    store.add_task(task())
    with pytest.raises(AlreadyExists):
        store.add_task(task())
    store.end(task().name, TaskState.DONE)
    clock.now += 0.99 * TASK_NAME_RETENTION_S * factor
    with pytest.raises(AlreadyExists, match="too recently"):
        store.add_task(task())
    clock.now += 0.02 * TASK_NAME_RETENTION_S * factor
    assert store.add_task(task()) == store.find(task().name)


def test_a_deleted_queue_s_name_rests_for_three_days() -> None:
    clock = Clock()
    store = TaskStore(clock)
    store.add_queue(Queue(name=QUEUE))
    store.add_task(task())
    store.delete_queue(QUEUE)
    assert [one.state for one in store.history()] == [TaskState.DELETED]
    with pytest.raises(NotFound):
        store.task(task().name)
    with pytest.raises(FailedPrecondition):
        store.add_queue(Queue(name=QUEUE))
    clock.now += QUEUE_NAME_RETENTION_S
    assert store.add_queue(Queue(name=QUEUE)).name == QUEUE
