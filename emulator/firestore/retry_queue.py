"""The queue in which aborted transactions wait for their retry.

Clients that retry an aborted transaction do not back off. Without a queue, many clients on one
document would abort each other until their attempts run out. Knows names and transaction ids, no
documents.
"""

import asyncio
from dataclasses import dataclass

RETRY_TIMEOUT_S = 5.0
"""How long an entry is kept for a client that does not come back."""


@dataclass(kw_only=True)
class _Entry:
    names: frozenset[str]
    until: float | None = None  # set when its turn comes


class RetryQueue:
    """Entries in order of arrival; entries without a common name are independent."""

    def __init__(self, timeout_s: float = RETRY_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._entries: dict[bytes, _Entry] = {}
        self._waiting: set[asyncio.Event] = set()

    async def wait(self, transaction: bytes, names: frozenset[str]) -> None:
        """Add an entry; return when no earlier entry shares a name with it."""
        entry = self._entries[transaction] = _Entry(names=names)
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            while (blocker := self._blocker(transaction)) is not None:
                changed.clear()
                until = blocker.until or loop.time() + self._timeout_s
                try:
                    async with asyncio.timeout_at(until):
                        await changed.wait()
                except TimeoutError:
                    self._expire(loop.time())
        except asyncio.CancelledError:
            self.leave(transaction)
            raise
        finally:
            self._waiting.discard(changed)
        entry.until = loop.time() + self._timeout_s

    def extend(self, transaction: bytes, names: frozenset[str]) -> None:
        """Add names to an entry without waiting: waiting while holding a turn could deadlock."""
        self._entries[transaction].names |= names

    def contains(self, transaction: bytes) -> bool:
        """Return whether a transaction has an entry."""
        return transaction in self._entries

    def leave(self, transaction: bytes) -> None:
        """Remove an entry, if there is one."""
        if self._entries.pop(transaction, None) is not None:
            for changed in self._waiting:
                changed.set()

    def is_blocked(self, names: frozenset[str], transaction: bytes) -> bool:
        """Return whether an earlier entry, whose turn it is, has one of the names."""
        now = asyncio.get_running_loop().time()
        for other, entry in self._entries.items():
            if other == transaction:
                return False
            has_turn = entry.until is not None and entry.until > now
            if has_turn and not names.isdisjoint(entry.names):
                return True
        return False

    def clear(self) -> None:
        """Remove all entries."""
        for transaction in tuple(self._entries):
            self.leave(transaction)

    def _blocker(self, transaction: bytes) -> _Entry | None:
        own = self._entries.get(transaction)
        for other, entry in self._entries.items():
            if own is None or other == transaction:
                return None
            if not entry.names.isdisjoint(own.names):
                return entry
        return None

    def _expire(self, now: float) -> None:
        for transaction, entry in tuple(self._entries.items()):
            if entry.until is not None and entry.until <= now:
                self.leave(transaction)
