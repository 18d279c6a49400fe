"""Working ahead in threads: order, errors, bounds, and an end that leaves no thread behind."""

import threading
import time
from collections.abc import Iterator

import pytest

from liveportrait_core.prefetch import map_ahead, prefetch


def workers() -> int:
    names = [thread.name for thread in threading.enumerate()]
    return sum(name == "prefetch" or name.startswith("map-ahead") for name in names)


def test_items_come_in_order_and_the_thread_ends() -> None:
    assert list(prefetch(range(100), ahead=3)) == list(range(100))
    assert workers() == 0


def test_what_the_source_raises_comes_after_its_items() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise OSError("the clip ends here")

    items = prefetch(source(), ahead=2)
    assert next(items) == 1
    with pytest.raises(OSError, match="the clip ends here"):
        next(items)
    assert workers() == 0


def test_no_more_items_wait_than_allowed() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for item in range(1000):
            made.append(item)
            yield item

    items = prefetch(source(), ahead=4)
    assert next(items) == 0
    deadline = time.monotonic() + 5
    while len(made) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    # One was taken, four wait, one is in the worker's hands.
    assert len(made) == 6
    items.close()  # type: ignore[attr-defined]  # a generator
    assert workers() == 0
    assert len(made) == 6


def test_a_source_that_was_left_early_is_closed() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = prefetch(source(), ahead=1)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert closed.wait(5)


def test_nothing_runs_before_the_first_item_is_asked_for() -> None:
    prefetch(iter([1]), ahead=1)
    assert workers() == 0


def test_results_come_in_the_order_of_the_items_and_two_are_worked_out_at_once() -> None:
    both = threading.Barrier(2)

    def work(item: int) -> int:
        both.wait(5)  # broken where one thread does all
        time.sleep(0.02 * (item % 2 == 0))  # the later one of a pair is ready first
        return item * item

    assert list(map_ahead(work, range(8), threads=2)) == [item * item for item in range(8)]
    assert workers() == 0


def test_what_the_work_raises_comes_after_the_results_before_it() -> None:
    results = map_ahead(lambda item: 6 // (2 - item), range(9), threads=2)
    assert [next(results), next(results)] == [3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert workers() == 0


def test_results_that_nobody_wants_any_more_are_not_begun() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return item

    results = map_ahead(work, range(1000), threads=2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]  # a generator
    assert workers() == 0
    assert len(begun) <= 3  # one was taken, two wait
