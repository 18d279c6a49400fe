"""The store of generations and webhook messages: one SQLite file.

Every change is on disk before it is answered: a process that is killed loses nothing.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from web.errors import Unavailable, Unprocessable
from web.generation import Failure, Generation, State

MOST_ATTEMPTS = 3
"""How often a generation is begun at most: one that kills the process each time is given up."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS generations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they were asked for
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    cancel INTEGER NOT NULL DEFAULT 0,
    finished_at REAL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_state ON generations (state, number);
CREATE TABLE IF NOT EXISTS idempotency (
    owner TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (owner, key)
);
CREATE TABLE IF NOT EXISTS deliveries (
    message TEXT PRIMARY KEY, url TEXT NOT NULL, payload TEXT NOT NULL,
    attempts INTEGER NOT NULL, due REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS disabled_urls (url TEXT PRIMARY KEY);
"""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message that is still to be delivered to a webhook."""

    message: str  # its id, the same in every attempt
    url: str
    payload: str
    attempts: int
    due: float  # Unix time


class SqliteJobStore:
    """The queue in one SQLite file, of one process at a time; safe from many threads."""

    def __init__(self, path: Path, *, max_queued: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._max_queued = max_queued
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def add(self, generation: Generation, *, idempotency_key: str | None) -> Generation:
        """Store a new one; where the id or the key is known already, return that one instead.

        Raises:
            Unprocessable: the id or the key was used for another request.
            Unavailable: too many wait.
        """
        with self._transaction() as database:
            known = self._known(database, generation, idempotency_key)
            if known is not None:
                return known
            (waiting,) = database.execute(
                "SELECT count(*) FROM generations WHERE state = 'queued'"
            ).fetchone()
            if waiting >= self._max_queued:
                raise Unavailable(
                    f"{waiting} generations wait already; accepted: at most {self._max_queued}",
                    retry_after_s=30,
                )
            database.execute(
                "INSERT INTO generations (id, owner, state, body) VALUES (?, ?, ?, ?)",
                (generation.id, generation.owner, generation.state, generation.to_json()),
            )
            if idempotency_key is not None:
                database.execute(
                    "INSERT INTO idempotency VALUES (?, ?, ?)",
                    (generation.owner, idempotency_key, generation.id),
                )
        return generation

    @staticmethod
    def _known(
        database: sqlite3.Connection, generation: Generation, key: str | None
    ) -> Generation | None:
        """Return the one that the same id or key made before.

        Raises:
            Unprocessable: it was another request, or another owner's.
        """
        row = None
        if key is not None:
            row = database.execute(
                "SELECT body FROM generations JOIN idempotency USING (id) "
                "WHERE idempotency.owner = ? AND key = ?",
                (generation.owner, key),
            ).fetchone()
        row = (
            row
            or database.execute(
                "SELECT body FROM generations WHERE id = ?", (generation.id,)
            ).fetchone()
        )
        if row is None:
            return None
        known = Generation.from_json(row[0])
        if (known.owner, known.request_digest) != (generation.owner, generation.request_digest):
            what = f"Idempotency-Key {key}" if key is not None else f"generation {generation.id}"
            raise Unprocessable(
                f"{what} was used for another request; accepted: the same request, or a new one",
                field=None if key is None else "Idempotency-Key",
                code="IDEMPOTENCY_MISMATCH",
            )
        return known

    def get(self, generation_id: str) -> Generation | None:
        """Return a generation."""
        with self._lock:
            row = self._database.execute(
                "SELECT body FROM generations WHERE id = ?", (generation_id,)
            ).fetchone()
        return None if row is None else Generation.from_json(row[0])

    def page(self, owner: str, *, limit: int, after: str | None) -> list[Generation]:
        """Return an owner's, the newest first, from the one after `after` on."""
        with self._lock:
            rows = self._database.execute(
                "SELECT body FROM generations WHERE owner = ?1 AND (?2 IS NULL OR number < "
                "(SELECT number FROM generations WHERE id = ?2)) ORDER BY number DESC LIMIT ?3",
                (owner, after, limit),
            ).fetchall()
        return [Generation.from_json(row[0]) for row in rows]

    def position(self, generation_id: str) -> int | None:
        """Return how many are queued before a queued one; None: it is not queued."""
        with self._lock:
            row = self._database.execute(
                "SELECT number FROM generations WHERE id = ? AND state = 'queued'",
                (generation_id,),
            ).fetchone()
            if row is None:
                return None
            (before,) = self._database.execute(
                "SELECT count(*) FROM generations WHERE state = 'queued' AND number < ?", row
            ).fetchone()
        return int(before)

    def count(self, state: State) -> int:
        """Return how many are in a state."""
        with self._lock:
            (count,) = self._database.execute(
                "SELECT count(*) FROM generations WHERE state = ?", (state,)
            ).fetchone()
        return int(count)

    def take(self, now: float) -> Generation | None:
        """Begin the oldest queued one."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT body FROM generations WHERE state = 'queued' ORDER BY number LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            waiting = Generation.from_json(row[0])
            begun = replace(
                waiting,
                state=State.RENDERING,
                attempts=waiting.attempts + 1,
                started_at=now,
                progress=0.0,
            )
            self._write(database, begun)
        return begun

    def change(
        self, generation_id: str, how: Callable[[Generation], Generation]
    ) -> Generation | None:
        """Replace one by what `how` returns for it, unless it has ended; return what is stored."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT body FROM generations WHERE id = ?", (generation_id,)
            ).fetchone()
            if row is None:
                return None
            before = Generation.from_json(row[0])
            if before.state.is_final:
                return before
            after = how(before)
            self._write(database, after)
        return after

    @staticmethod
    def _write(database: sqlite3.Connection, generation: Generation) -> None:
        database.execute(
            "UPDATE generations SET state = ?, finished_at = ?, body = ? WHERE id = ?",
            (generation.state, generation.finished_at, generation.to_json(), generation.id),
        )

    def request_cancel(self, generation_id: str, now: float) -> Generation | None:
        """Cancel a queued one at once, and ask one that is rendered to stop."""
        with self._transaction() as database:
            database.execute("UPDATE generations SET cancel = 1 WHERE id = ?", (generation_id,))

        def canceled(generation: Generation) -> Generation:
            if generation.state is not State.QUEUED:
                return generation
            return replace(generation, state=State.CANCELED, finished_at=now)

        return self.change(generation_id, canceled)

    def is_cancel_requested(self, generation_id: str) -> bool:
        """Tell whether its rendering is to stop."""
        with self._lock:
            row = self._database.execute(
                "SELECT cancel FROM generations WHERE id = ?", (generation_id,)
            ).fetchone()
        return bool(row and row[0])

    def resume(self, now: float) -> list[Generation]:
        """Put back what a process that died was rendering; return those given up instead."""
        with self._lock:
            rows = self._database.execute(
                "SELECT body FROM generations WHERE state = 'rendering'"
            ).fetchall()
        given_up = []
        for row in rows:
            generation = Generation.from_json(row[0])
            ended = self.change(generation.id, lambda each: _resumed(each, now))
            if ended is not None and ended.state.is_final:
                given_up.append(ended)
        return given_up

    def expired(self, before: float) -> list[Generation]:
        """Delete those that ended before a time, and return them."""
        with self._transaction() as database:
            rows = database.execute(
                "DELETE FROM generations WHERE finished_at < ? RETURNING body", (before,)
            ).fetchall()
            database.execute("DELETE FROM idempotency WHERE id NOT IN (SELECT id FROM generations)")
        return [Generation.from_json(row[0]) for row in rows]

    def enqueue_delivery(self, delivery: Delivery) -> None:
        """Store a message until it is delivered, unless its URL has been switched off."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO deliveries SELECT ?1, ?2, ?3, ?4, ?5 "
                "WHERE NOT EXISTS (SELECT 1 FROM disabled_urls WHERE url = ?2)",
                (delivery.message, delivery.url, delivery.payload, delivery.attempts, delivery.due),
            )

    def due_deliveries(self, now: float) -> list[Delivery]:
        """Return the messages whose time has come, the oldest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT message, url, payload, attempts, due FROM deliveries WHERE due <= ? "
                "ORDER BY due LIMIT 20",
                (now,),
            ).fetchall()
        return [
            Delivery(message=message, url=url, payload=payload, attempts=attempts, due=due)
            for message, url, payload, attempts, due in rows
        ]

    def forget_delivery(self, message: str) -> None:
        """Drop a message: it is delivered, or given up."""
        with self._transaction() as database:
            database.execute("DELETE FROM deliveries WHERE message = ?", (message,))

    def disable_url(self, url: str) -> None:
        """Send nothing to this URL any more."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO disabled_urls VALUES (?)", (url,))
            database.execute("DELETE FROM deliveries WHERE url = ?", (url,))


def _resumed(generation: Generation, now: float) -> Generation:
    if generation.attempts < MOST_ATTEMPTS:
        return replace(generation, state=State.QUEUED, progress=0.0, stage=None, eta_s=None)
    failure = Failure(
        code="RENDER_FAILED",
        message=f"the process ended {generation.attempts} times while it rendered this",
        retryable=True,
    )
    return replace(generation, state=State.FAILED, finished_at=now, error=failure)
