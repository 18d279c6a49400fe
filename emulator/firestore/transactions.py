"""Transactions: what each has read, and whether that is still current when it commits.

Optimistic concurrency: nothing is locked; a transaction whose reads are stale is ABORTED, and the
client begins it again. The retry waits in a queue and takes precedence over others, so that many
clients on one document all succeed. Knows the store, no transport.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from emulator.faults import FaultKind, FaultPlan
from emulator.firestore.documents.document import StoredDocument
from emulator.firestore.documents.writes import target_name
from emulator.firestore.errors import Aborted, InvalidArgument, Unavailable
from emulator.firestore.messages import MICROSECONDS, Write
from emulator.firestore.paths import document_path
from emulator.firestore.queries.query import CompiledQuery
from emulator.firestore.retry_queue import RetryQueue
from emulator.firestore.store import CommitOutcome, DocumentStore

LIFETIME_US = 270 * MICROSECONDS
"""The longest life of a transaction, as in production."""

_GONE = "The referenced transaction has expired or is no longer valid."
_CONTENTION = (
    "Aborted due to cross-transaction contention. This occurs when multiple transactions attempt "
    "to access the same data, requiring Firestore to abort at least one in order to enforce "
    "serializability."
)


@dataclass(kw_only=True)
class Transaction:
    """One transaction in progress. `read_time` is that of its first read; all others follow it."""

    began: int
    read_only: bool
    is_retry: bool  # an earlier attempt was aborted
    read_time: int | None = None
    documents: set[str] = field(default_factory=set)
    queries: list[tuple[CompiledQuery, tuple[str, ...]]] = field(default_factory=list)


class Transactions:
    """Begins, reads within, commits and rolls back transactions on a store."""

    def __init__(self, store: DocumentStore, faults: FaultPlan) -> None:
        self._store = store
        self._faults = faults
        self._open: dict[bytes, Transaction] = {}
        self._retries = RetryQueue()

    def begin(
        self, *, read_only: bool = False, is_retry: bool = False, read_time: int | None = None
    ) -> bytes:
        """Begin a transaction and return its id.

        Args:
            read_only: it will write nothing.
            is_retry: an earlier attempt was aborted; this one waits in the retry queue.
            read_time: the time of a read-only transaction in the past.
        """
        now = self._store.read_time()
        for old in [key for key, open_ in self._open.items() if now - open_.began > LIFETIME_US]:
            self._close(old)
        identifier = os.urandom(16)
        self._open[identifier] = Transaction(
            began=now, read_only=read_only, is_retry=is_retry, read_time=read_time
        )
        return identifier

    def read_time(self, transaction: bytes) -> int:
        """Return the time at which a transaction sees the documents.

        Raises:
            InvalidArgument: there is no such transaction.
        """
        found = self._find(transaction)
        if found.read_time is None:
            found.read_time = self._store.read_time()
        return found.read_time

    async def wait_turn(self, transaction: bytes, names: frozenset[str]) -> None:
        """Wait, in a retried transaction, until it is the first in the queue for some documents.

        Raises:
            InvalidArgument: there is no such transaction.
        """
        if not self._find(transaction).is_retry:
            return
        if self._retries.contains(transaction):
            self._retries.extend(transaction, names)
        else:
            await self._retries.wait(transaction, names)

    def get(self, transaction: bytes, name: str) -> StoredDocument | None:
        """Read a document within a transaction."""
        at = self.read_time(transaction)
        self._find(transaction).documents.add(name)
        return self._store.get(name, at)

    def query(self, transaction: bytes, query: CompiledQuery) -> list[StoredDocument]:
        """Run a query within a transaction."""
        at = self.read_time(transaction)
        results = self._store.query(query, at)
        names = tuple(document.name for document in results)
        self._find(transaction).queries.append((query, names))
        return results

    def commit(self, writes: Sequence[Write], transaction: bytes = b"") -> CommitOutcome:
        """Commit writes, within a transaction or on their own.

        Raises:
            Aborted: something that the transaction has read has changed since.
            FirestoreError: a write is refused, or a fault was planned.
        """
        if self._takes_fault(FaultKind.ABORT_COMMIT, writes):
            self._close(transaction)
            raise Aborted(_CONTENTION)
        if transaction:
            self._check_and_close(transaction, writes)
        outcome = self._store.commit(writes)
        if self._takes_fault(FaultKind.LOSE_COMMIT_ANSWER, writes):
            raise Unavailable("The answer to this commit was lost (a planned fault)")
        return outcome

    def rollback(self, transaction: bytes) -> None:
        """End a transaction without writing; one that is over already is no error."""
        self._close(transaction)

    def clear(self) -> None:
        """End all transactions."""
        self._open.clear()
        self._retries.clear()

    def _find(self, transaction: bytes) -> Transaction:
        found = self._open.get(transaction)
        if found is None or self._store.read_time() - found.began > LIFETIME_US:
            raise InvalidArgument(_GONE)
        return found

    def _check_and_close(self, transaction: bytes, writes: Sequence[Write]) -> None:
        found = self._find(transaction)
        if found.read_only and writes:
            raise InvalidArgument("Cannot modify entities in a read-only transaction.")
        if not found.read_only:
            wanted = found.documents | set(map(target_name, writes))
            if self._retries.is_blocked(frozenset(wanted), transaction) or not self._is_current(
                found
            ):
                self._close(transaction)
                raise Aborted(_CONTENTION)
        self._close(transaction)

    def _close(self, transaction: bytes) -> None:
        self._open.pop(transaction, None)
        self._retries.leave(transaction)

    def _is_current(self, found: Transaction) -> bool:
        at = found.read_time
        if at is None:
            return True
        if any(self._store.version_time(name) > at for name in found.documents):
            return False
        return all(self._same_results(query, names, at) for query, names in found.queries)

    def _same_results(self, query: CompiledQuery, names: tuple[str, ...], at: int) -> bool:
        results = self._store.query(query)
        unchanged = all(document.update_time <= at for document in results)
        return unchanged and tuple(document.name for document in results) == names

    def _takes_fault(self, kind: FaultKind, writes: Sequence[Write]) -> bool:
        return any(
            self._faults.take(kind, document_path(target_name(write)).relative) for write in writes
        )
