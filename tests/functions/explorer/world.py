"""The one world of an episode: documents, ledgers, objects and a queue, and who hears of them.

The doubles of the ports, told to raise events as the database does, and to report every commit and
every change of an object to whoever checks them.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from functions.domain.document import DocumentWrite
from functions.domain.job_record import Record
from functions.domain.snapshot import AvatarSnapshot, TransactionResult
from functions.domain.storage_paths import StoredObject, Upload
from functions.domain.subject import Subject, subject_of_path
from functions.domain.task import Task
from tests.functions.doubles import (
    Fields,
    HeldObject,
    MemoryLedger,
    MemoryMediaStore,
    MemoryTaskQueue,
)
from tests.functions.explorer.timeline import Timeline
from tests.functions.scene import BUCKET, snapshot, talk_snapshot

LATER = "later"  # a field of the ledger that only the newer version knows
START_S = 1_800_000_000.0


@dataclass(kw_only=True)
class Commit:
    """One transaction's effect on an avatar."""

    avatar_id: str  # or a talk's ledger
    before: Record
    after: Record
    document: Fields | None  # as it was before
    fields: dict[str, object]  # of the document, as written
    counted: bool


class _ServerClock:
    """The database's own time."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def now(self) -> float:
        return self._timeline.now


class WatchedLedger(MemoryLedger):
    """A ledger whose commits are told."""

    def __init__(self, world: "World") -> None:
        clock: Any = _ServerClock(world.timeline)
        super().__init__(clock)
        self._world = world
        self._read: dict[str, tuple[Fields, Record]] = {}

    def record(self, avatar_id: str) -> Record:
        stored = self.jobs.get(avatar_id)
        if stored is None:
            return Record()
        known = self._read.get(avatar_id)
        if known is None or known[0] is not stored:
            known = self._read[avatar_id] = (stored, super().record(avatar_id))
        return known[1]

    def avatar(self, subject: Subject, *, counting: bool) -> AvatarSnapshot:
        """What a transaction would see."""
        return self._snapshot(subject, counting=counting)

    def _commit(self, avatar: AvatarSnapshot, change: TransactionResult[Any]) -> None:
        name, path, world = avatar.subject.ledger[1], str(avatar.subject), self._world
        before = copy.deepcopy(self.documents.get(path))
        known = self.jobs.get(name)
        super()._commit(avatar, change)
        if change.record is not None and not change.erases:
            self._add_what_is_newer(name, known or {})
        if change.fields or (before is not None and path not in self.documents):
            world.told(avatar.subject, before, f"w{world.number('w')}")
        if change.fields or change.record is not None or change.erases or change.counts:
            world.committed(
                Commit(
                    avatar_id=name,
                    before=avatar.record,
                    after=self.record(name),
                    document=before if change.fields else None,
                    fields=dict(change.fields),
                    counted=change.counts,
                )
            )

    def _add_what_is_newer(self, avatar_id: str, known: Fields) -> None:
        """The newer of two versions writes fields of its own; the other must not lose them."""
        party, job = self._world.timeline.current, self.jobs[avatar_id]
        version = None if party is None else getattr(party.host, "version", None)
        if version is not None and version == self._world.newer:
            for part in (job, *job["results"]):
                part[LATER] = 1
        lost = LATER in known and LATER not in job and not self._is_cleaned(job)
        if lost or _newer(known) - _newer(job) - (_paths(known) - _paths(job)):
            self._world.forgotten(avatar_id)

    def _is_cleaned(self, job: Fields) -> bool:
        return job["lease"] is not None and job["lease"]["purpose"] == "clean-up"


def _paths(job: Fields) -> set[str]:
    """The results that are listed."""
    return {result["requestId"] for result in job.get("results", ())}


def _newer(job: Fields) -> set[str]:
    """The results with fields that only the newer version knows."""
    return {result["requestId"] for result in job.get("results", ()) if LATER in result}


class WatchedMediaStore(MemoryMediaStore):
    """A bucket that knows since when its objects are there, and tells of every change."""

    def __init__(self, world: "World") -> None:
        clock: Any = _ServerClock(world.timeline)
        super().__init__(clock)
        self._world = world
        self.created: dict[str, int] = {}

    def put(self, path: str, body: bytes, **given: Any) -> StoredObject:
        self._stamp(path)
        return super().put(path, body, **given)

    def publish(self, upload: Upload, *, replacing: int = 0) -> StoredObject:
        before = self.objects.get(upload.path)
        stored = super().publish(upload, replacing=replacing)
        if self.objects.get(upload.path) is not before:
            self._stamp(upload.path)
            self._world.object_changed(upload.path)
        return stored

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name not in ("delete", "delete_prefix"):
            return value

        def deleting(*args: Any, **kwargs: Any) -> Any:
            before = set(self.objects)
            result = value(*args, **kwargs)
            for path in sorted(before - set(self.objects)):
                self._world.object_changed(path)
            return result

        return deleting

    def _stamp(self, path: str) -> None:
        self.created[path] = round(self._world.timeline.now * 1000)


@dataclass(kw_only=True)
class World:
    """What all instances share."""

    timeline: Timeline
    deliver: Callable[[str, DocumentWrite], object]
    enqueue: Callable[[Task], object]
    committed: Callable[[Commit], object]
    object_changed: Callable[[str], object]
    forgotten: Callable[[str], object]  # somebody has lost what only a newer version knows
    newer: str | None = None  # the newer of two versions
    written: dict[str, int] = field(default_factory=dict)  # documents: epoch ms of the last write
    numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = WatchedLedger(self)
        self.ledger.talk_deleted = lambda path, before: self.told(
            _talk_of(path), before, f"w{self.number('w')}"
        )
        self.media = WatchedMediaStore(self)
        self.queue = _TellingQueue(self)

    def number(self, what: str) -> int:
        """The next number of a kind of thing."""
        self.numbers[what] = self.numbers.get(what, 0) + 1
        return self.numbers[what]

    def write(self, subject: Subject, fields: Fields | None, name: str) -> None:
        """The app writes a document, or deletes it."""
        path = str(subject)
        before = copy.deepcopy(self.ledger.documents.get(path))
        if fields is None:
            self.ledger.documents.pop(path, None)
        else:
            self.ledger.documents[path] = fields
            if before is None:
                self.ledger.created[path] = round(self.timeline.now * 1000)
        if before != fields:
            self.told(subject, before, name)

    def told(self, subject: Subject, before: Fields | None, name: str) -> None:
        """A document was written: there is an event of it."""
        self.timeline.now += 0.001  # no two commits have one time
        path, told = str(subject), talk_snapshot if subject.is_talk else snapshot
        self.written[path] = round(self.timeline.now * 1000)
        event = DocumentWrite(
            subject=subject,
            before=told(before),
            after=told(self.ledger.documents.get(path)),
            committed_s=self.timeline.now,
        )
        self.deliver(name, event)

    def held(self, path: str) -> HeldObject | None:
        """What stands at a path."""
        return self.media.objects.get(path)


def _talk_of(path: str) -> Subject:
    subject = subject_of_path(path)
    assert subject is not None, path
    return subject


class _TellingQueue(MemoryTaskQueue):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def put(self, task: Task) -> bool:
        is_new = super().put(task)
        if is_new:
            self._world.enqueue(task)
        return is_new


def url_of(path: str) -> str:
    """How the app names an object."""
    return f"gs://{BUCKET}/{path}"
