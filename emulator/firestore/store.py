"""The store of documents: every version of the last hour, commits, and their subscribers.

Uses Firestore's own messages, but no transport. Never waits and never locks: everything runs on one
event loop.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from emulator.firestore.documents.document import DocumentChange, StoredDocument
from emulator.firestore.documents.writes import (
    apply_write,
    check_precondition,
    is_unchanged,
    target_name,
)
from emulator.firestore.errors import FailedPrecondition
from emulator.firestore.messages import MICROSECONDS, Document, Value, Write, timestamp
from emulator.firestore.paths import document_path
from emulator.firestore.queries.query import CompiledQuery

HISTORY_US = 3600 * MICROSECONDS
"""How far back a read may look, as in production."""

Listener = Callable[[Sequence[DocumentChange]], None]


@dataclass(frozen=True, kw_only=True)
class WriteOutcome:
    """The result of one write: `update_time` is None after a delete."""

    update_time: int | None
    transform_results: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class CommitOutcome:
    """The result of a commit; times in microseconds since the epoch."""

    commit_time: int
    writes: tuple[WriteOutcome, ...]


@dataclass(frozen=True, kw_only=True)
class _Version:
    time: int
    document: StoredDocument | None


def wall_clock_us() -> int:
    """Return the time of day in microseconds since the epoch."""
    return time.time_ns() // 1000


class DocumentStore:
    """All documents of all databases.

    Args:
        clock: the time in microseconds since the epoch; commit times follow it, always rising.
    """

    def __init__(self, clock: Callable[[], int] = wall_clock_us) -> None:
        self._clock = clock
        self._last_time = 0
        self._oldest_time = clock()
        self._versions: dict[str, list[_Version]] = {}
        self._collections: dict[str, set[str]] = {}
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each commit with changes; return the function that ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def read_time(self) -> int:
        """Return the time of a read that happens now: every later commit is later than it."""
        self._last_time = max(self._clock(), self._last_time)
        return self._last_time

    def check_read_time(self, at: int) -> None:
        """Check that the store can still be read as of a time.

        Raises:
            FailedPrecondition: the time is more than an hour ago, or in the future.
        """
        now = self.read_time()
        if not now - HISTORY_US <= at <= now:
            raise FailedPrecondition(
                f"read_time is {at} µs; accepted: within the past hour, up to now ({now} µs)"
            )

    def remembers(self, at: int) -> bool:
        """Return whether the whole history since a time is kept."""
        return max(self._oldest_time, self.read_time() - HISTORY_US) <= at <= self._last_time

    def get(self, name: str, at: int | None = None) -> StoredDocument | None:
        """Return the document now, or as it was at a time; None where there is none."""
        versions = self._versions.get(name)
        if not versions:
            return None
        if at is None:
            return versions[-1].document
        position = bisect_right(versions, at, key=lambda version: version.time)
        return versions[position - 1].document if position else None

    def version_time(self, name: str) -> int:
        """Return when the document was last written or deleted; 0 if never."""
        versions = self._versions.get(name)
        return versions[-1].time if versions else 0

    def query(self, query: CompiledQuery, at: int | None = None) -> list[StoredDocument]:
        """Return the results of a query, in order."""
        return query.run(self.candidates(query, at))

    def candidates(self, query: CompiledQuery, at: int | None = None) -> Iterator[StoredDocument]:
        """Yield the documents of the query's collection or collection group, in no order."""
        for collection in self._collections_of(query):
            yield from self.documents_in(collection, at)

    def in_scope(self, query: CompiledQuery, name: str) -> bool:
        """Return whether a document lies in the query's collection or collection group."""
        collection, _, _ = name.rpartition("/")
        if not query.all_descendants:
            return collection == f"{query.parent}/{query.collection_id}"
        named = not query.collection_id or collection.rpartition("/")[2] == query.collection_id
        return named and collection.startswith(f"{query.parent}/")

    def documents_in(self, collection: str, at: int | None = None) -> Iterator[StoredDocument]:
        """Yield the documents directly in a collection, given by its full name."""
        for name in self._collections.get(collection, ()):
            document = self.get(name, at)
            if document is not None:
                yield document

    def collections_below(self, parent: str, at: int | None = None) -> Iterator[str]:
        """Yield the full names of the non-empty collections at any depth below a name."""
        for collection in self._collections:
            if collection.startswith(f"{parent}/") and any(self.documents_in(collection, at)):
                yield collection

    def commit(self, writes: Iterable[Write]) -> CommitOutcome:
        """Apply all the writes or none, in order, at one time.

        Raises:
            NotFound, AlreadyExists, FailedPrecondition, InvalidArgument: a write is refused; then
                nothing has changed.
        """
        time_us = max(self._clock(), self._last_time + 1)
        staged: dict[str, StoredDocument | None] = {}
        outcomes = []
        for write in writes:
            name = target_name(write)
            before = staged[name] if name in staged else self.get(name)
            check_precondition(write.current_document, name, before)
            effect = apply_write(write, before, time_us)
            if not is_unchanged(before, effect.after):
                staged[name] = _stamp(effect.after, before, time_us)
            after = staged.get(name, before)
            outcomes.append(
                WriteOutcome(
                    update_time=None if after is None else after.update_time,
                    transform_results=effect.transform_results,
                )
            )
        self._last_time = time_us
        self._store(staged, time_us)
        return CommitOutcome(commit_time=time_us, writes=tuple(outcomes))

    def all_documents(self) -> Iterator[StoredDocument]:
        """Yield every document of every database, by name."""
        for name in sorted(self._versions):
            document = self.get(name)
            if document is not None:
                yield document

    def restore(self, document: StoredDocument) -> None:
        """Insert a document as exported, times included, without calling subscribers."""
        version = _Version(time=document.update_time, document=document)
        self._versions[document.name] = [version]
        self._collections.setdefault(document.name.rpartition("/")[0], set()).add(document.name)
        self._last_time = max(self._last_time, document.update_time)

    def clear(self, database: str = "") -> None:
        """Delete documents and history of one database or all; subscribers see the deletions."""
        time_us = max(self._clock(), self._last_time + 1)
        self._last_time = time_us
        prefix = f"{database}/" if database else ""
        names = [name for name in self._versions if name.startswith(prefix)]
        self._store(dict.fromkeys(names), time_us)
        for name in names:
            del self._versions[name]
            self._collections[name.rpartition("/")[0]].discard(name)
        self._oldest_time = time_us

    def _collections_of(self, query: CompiledQuery) -> list[str]:
        if not query.all_descendants:
            return [f"{query.parent}/{query.collection_id}"]
        return [
            collection
            for collection in self._collections
            if self.in_scope(query, f"{collection}/any")
        ]

    def _store(self, staged: dict[str, StoredDocument | None], time_us: int) -> None:
        changes = []
        for name, after in staged.items():
            before = self.get(name)
            if before is None and after is None:
                continue
            versions = self._versions.setdefault(name, [])
            versions.append(_Version(time=time_us, document=after))
            self._drop_old(versions, time_us)
            self._collections.setdefault(name.rpartition("/")[0], set()).add(name)
            changes.append(
                DocumentChange(
                    path=document_path(name), before=before, after=after, commit_time=time_us
                )
            )
        if changes:
            for listener in tuple(self._listeners):
                listener(changes)

    def _drop_old(self, versions: list[_Version], now: int) -> None:
        horizon = now - HISTORY_US
        while len(versions) > 1 and versions[1].time <= horizon:
            del versions[0]


def _stamp(
    after: Document | None, before: StoredDocument | None, time_us: int
) -> StoredDocument | None:
    if after is None:
        return None
    create_time = time_us if before is None else before.create_time
    after.create_time.CopyFrom(timestamp(create_time))
    after.update_time.CopyFrom(timestamp(time_us))
    return StoredDocument.of_message(after)
