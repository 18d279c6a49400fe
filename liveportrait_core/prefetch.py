"""Iterators that work a few items ahead of their consumer, in threads of their own.

So the stages of a render overlap without holding a whole clip. Knows nothing of what the items are.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Full, Queue
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE_S = 0.1  # how soon a worker notices that its consumer has stopped


def prefetch(items: Iterable[Item], *, ahead: int) -> Iterator[Item]:
    """Give the items in order while a thread works out the next ones.

    What `items` raises is raised here, after the items before it. When this iterator is closed or
    dropped, the thread stops after the item it is at, and has ended by then.

    Args:
        items: worked out in the thread.
        ahead: how many finished items wait at most.
    """
    worker = _Worker(items, ahead)
    worker.start()
    try:
        while not isinstance(item := worker.waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        worker.stop.set()
        worker.join()


def map_ahead(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Iterator[Result]:
    """Give the results of the items in order, while some threads work out the next ones.

    What `work` raises is raised here, after the results before it. When this iterator is closed or
    dropped, nothing more is begun, and what had been begun has ended by then.

    Args:
        work: run by several threads at once.
        items: taken in the consumer's thread.
        threads: how many; so many finished results wait at most.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="map-ahead") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()


class _End:
    """The last thing in the queue: nothing more comes, or the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Worker(threading.Thread, Generic[Item]):
    def __init__(self, items: Iterable[Item], ahead: int) -> None:
        super().__init__(name="prefetch", daemon=True)
        self._items = items
        self.waiting: Queue[Item | _End] = Queue(maxsize=ahead)
        self.stop = threading.Event()

    def run(self) -> None:
        try:
            for item in self._items:
                self._hand_over(item)
                if self.stop.is_set():
                    return
        except BaseException as error:  # whatever it is, it belongs to the thread that waits
            self._hand_over(_End(error))
        else:
            self._hand_over(_End())

    def _hand_over(self, item: Item | _End) -> None:
        while not self.stop.is_set():
            try:
                self.waiting.put(item, timeout=_PATIENCE_S)
            except Full:
                continue
            return
