"""Working ahead in a thread: order, errors, bounds, and an end that leaves no thread behind."""

import threading
import time
from collections.abc import Iterator

import pytest

from liveportrait_core.prefetch import prefetch


def workers() -> int:
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


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
