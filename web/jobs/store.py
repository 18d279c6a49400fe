"""The store of generations and webhook messages: one SQLite file.

Every change is on disk before it is answered: a process that is killed loses nothing.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from web.generation import Generation, State
from web.jobs.ports import GIVEN_FOR_S, Delivery
from web.jobs.transitions import announcement, begun, interrupted, repeated, require_room

_SCHEMA = """
CREATE TABLE IF NOT EXISTS generations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they were asked for
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    finished_at REAL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_state ON generations (state, number);
CREATE TABLE IF NOT EXISTS idempotency (
    owner TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (owner, key)
);
CREATE TABLE IF NOT EXISTS messages (
    message TEXT PRIMARY KEY, url TEXT NOT NULL, body TEXT NOT NULL,
    attempts INTEGER NOT NULL, due REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS disabled_urls (url TEXT PRIMARY KEY);
"""


class SqliteJobStore:
    """The queue in one SQLite file, of one process at a time; safe from many threads."""

    def __init__(self, path: Path, *, max_queued: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._max_queued = max_queued
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(
            # What was said, and metadata, are people's: deleted rows are written over.
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;" + _SCHEMA
        )

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

    # --- JobStore

    def add(self, generation: Generation, *, idempotency_key: str | None) -> Generation:
        """Store a new one, or return the one that is known; see `JobStore`."""
        with self._transaction() as database:
            known = _known(database, generation, idempotency_key)
            if known is not None:
                return repeated(known, generation, idempotency_key)
            (waiting,) = database.execute(
                "SELECT count(*) FROM generations WHERE state = 'queued'"
            ).fetchone()
            require_room(waiting, self._max_queued)
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

    def get(self, generation_id: str) -> Generation | None:
        """Return a generation."""
        with self._lock:
            return _body(self._database, generation_id)

    def page(self, owner: str, *, limit: int, after: str | None) -> list[Generation]:
        """Return an owner's, the newest first, from the one after `after` on."""
        with self._lock:
            rows = self._database.execute(
                "SELECT body FROM generations WHERE owner = ?1 AND (?2 IS NULL OR number < "
                "(SELECT number FROM generations WHERE id = ?2)) ORDER BY number DESC LIMIT ?3",
                (owner, after, limit),
            ).fetchall()
        return [Generation.from_json(row[0]) for row in rows]

    def change(
        self, generation_id: str, how: Callable[[Generation], Generation]
    ) -> Generation | None:
        """Replace one, unless it has ended; see `JobStore`."""
        with self._transaction() as database:
            before = _body(database, generation_id)
            if before is None or before.state.is_final:
                return before
            after = how(before)
            _write(database, before, after)
        return after

    def delete_ended(self, before: float) -> list[Generation]:
        """Delete those that ended before a time, and return them."""
        with self._transaction() as database:
            rows = database.execute(
                "DELETE FROM generations WHERE number IN (SELECT number FROM generations WHERE "
                "finished_at < ? LIMIT 100) RETURNING body",
                (before,),
            ).fetchall()
            database.execute("DELETE FROM idempotency WHERE id NOT IN (SELECT id FROM generations)")
        if rows:
            with self._lock:  # earlier pages are in the log, too
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return [Generation.from_json(row[0]) for row in rows]

    # --- QueueView

    def position(self, generation: Generation) -> int | None:
        """Return how many are queued before a queued one."""
        with self._lock:
            row = self._database.execute(
                "SELECT number FROM generations WHERE id = ? AND state = 'queued'",
                (generation.id,),
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

    def latest(self) -> Generation | None:
        """Return the video that was drawn last."""
        with self._lock:
            rows = self._database.execute(
                "SELECT body FROM generations WHERE state = 'ready' ORDER BY finished_at DESC "
                "LIMIT 20"
            ).fetchall()
        found = (Generation.from_json(row[0]) for row in rows)
        return next((each for each in found if each.kind.is_animated), None)

    # --- of the worker beside it

    def take(self, now: float) -> Generation | None:
        """Begin the oldest queued one."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT body FROM generations WHERE state = 'queued' ORDER BY number LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            waiting = Generation.from_json(row[0])
            taken = begun(waiting, now)
            _write(database, waiting, taken)
        return taken

    def resume(self, now: float) -> set[str]:
        """Put back what a process that died was rendering; return the folders in use."""
        with self._lock:
            rows = self._database.execute("SELECT body FROM generations").fetchall()
        known = [Generation.from_json(row[0]) for row in rows]
        for generation in known:
            if generation.state is State.RENDERING:
                self.change(generation.id, lambda each: interrupted(each, now))
        return {generation.folder for generation in known}

    # --- MessageStore

    def take_due(self, now: float) -> list[Delivery]:
        """Return the messages whose time has come, the oldest first."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT message, body, attempts, due FROM messages WHERE due <= ? ORDER BY due "
                "LIMIT 20",
                (now,),
            ).fetchall()
            database.executemany(
                "UPDATE messages SET due = ? WHERE message = ?",
                [(now + GIVEN_FOR_S, message) for message, *_ in rows],
            )
        return [
            Delivery(
                message=message, generation=Generation.from_json(body), attempts=attempts, due=due
            )
            for message, body, attempts, due in rows
        ]

    def put_off(self, delivery: Delivery) -> None:
        """Store the next attempt of a message."""
        with self._transaction() as database:
            _put(database, delivery)

    def forget(self, message: str) -> None:
        """Drop a message."""
        with self._transaction() as database:
            database.execute("DELETE FROM messages WHERE message = ?", (message,))

    def disable(self, url: str) -> None:
        """Send nothing to this URL any more."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO disabled_urls VALUES (?)", (url,))
            database.execute("DELETE FROM messages WHERE url = ?", (url,))


def _body(database: sqlite3.Connection, generation_id: str) -> Generation | None:
    row = database.execute("SELECT body FROM generations WHERE id = ?", (generation_id,)).fetchone()
    return None if row is None else Generation.from_json(row[0])


def _known(
    database: sqlite3.Connection, generation: Generation, key: str | None
) -> Generation | None:
    """Return the one that the same key or id made before."""
    row = database.execute(
        "SELECT id FROM idempotency WHERE owner = ? AND key = ?", (generation.owner, key)
    ).fetchone()
    return _body(database, generation.id if row is None else row[0])


def _write(database: sqlite3.Connection, before: Generation, after: Generation) -> None:
    database.execute(
        "UPDATE generations SET state = ?, finished_at = ?, body = ? WHERE id = ?",
        (after.state, after.finished_at, after.to_json(), after.id),
    )
    told = announcement(before, after)
    if told is not None:
        _put(database, told)


def _put(database: sqlite3.Connection, delivery: Delivery) -> None:
    database.execute(
        "INSERT OR REPLACE INTO messages SELECT ?1, ?2, ?3, ?4, ?5 "
        "WHERE NOT EXISTS (SELECT 1 FROM disabled_urls WHERE url = ?2)",
        (
            delivery.message,
            delivery.url,
            delivery.generation.to_json(),
            delivery.attempts,
            delivery.due,
        ),
    )
