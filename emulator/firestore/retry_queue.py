"""The line in which transactions that lost wait for their next try.

A client that begins an aborted transaction again expects to keep its place, so it does not back
off. Without a line, many clients on one document would abort each other until their attempts run
out. Knows names and transaction ids, nothing of documents.
"""

import asyncio
from dataclasses import dataclass

PATIENCE_S = 5.0
"""How long a place is kept for a client that does not come back."""


@dataclass(kw_only=True)
class _Place:
    names: frozenset[str]
    until: float | None = None  # set when its turn has come


class WaitingLine:
    """Places in the order in which they were taken; those without a common name do not meet."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._places: dict[bytes, _Place] = {}
        self._waiting: set[asyncio.Event] = set()

    async def wait(self, transaction: bytes, names: frozenset[str]) -> None:
        """Takes a place and returns when nobody before it wants one of the same names."""
        place = self._places[transaction] = _Place(names=names)
        loop = asyncio.get_running_loop()
        left = asyncio.Event()
        self._waiting.add(left)
        try:
            while (blocker := self._blocker(transaction)) is not None:
                left.clear()
                until = blocker.until or loop.time() + self._patience_s
                try:
                    async with asyncio.timeout_at(until):
                        await left.wait()
                except TimeoutError:
                    self._expire(loop.time())
        except asyncio.CancelledError:
            self.leave(transaction)
            raise
        finally:
            self._waiting.discard(left)
        place.until = loop.time() + self._patience_s

    def extend(self, transaction: bytes, names: frozenset[str]) -> None:
        """Adds names to a place without waiting: who has a turn and waits might block a circle."""
        self._places[transaction].names |= names

    def holds(self, transaction: bytes) -> bool:
        """Says whether a transaction has a place."""
        return transaction in self._places

    def leave(self, transaction: bytes) -> None:
        """Gives a place up; without one, nothing happens."""
        if self._places.pop(transaction, None) is not None:
            for left in self._waiting:
                left.set()

    def is_taken(self, names: frozenset[str], transaction: bytes) -> bool:
        """Says whether one that comes first, and whose turn it is, wants one of the names."""
        now = asyncio.get_running_loop().time()
        for other, place in self._places.items():
            if other == transaction:
                return False
            has_turn = place.until is not None and place.until > now
            if has_turn and not names.isdisjoint(place.names):
                return True
        return False

    def clear(self) -> None:
        """Gives all places up."""
        for transaction in tuple(self._places):
            self.leave(transaction)

    def _blocker(self, transaction: bytes) -> _Place | None:
        own = self._places.get(transaction)
        for other, place in self._places.items():
            if own is None or other == transaction:
                return None
            if not place.names.isdisjoint(own.names):
                return place
        return None

    def _expire(self, now: float) -> None:
        for transaction, place in tuple(self._places.items()):
            if place.until is not None and place.until <= now:
                self.leave(transaction)
