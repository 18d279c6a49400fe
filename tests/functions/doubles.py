"""In-memory doubles of the function's ports: the second implementation of each.

They keep the promises of the ports (one transaction at a time, generations, the database's own
clock), and can be told to fail on purpose.
"""

import copy
import errno
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.domain.document import DOCUMENT_PATHS, Document, Snapshot
from functions.domain.field_values import FieldPath, dig
from functions.domain.job_record import Deletion, Record, from_fields, to_fields
from functions.domain.job_record.status_view import Deleted
from functions.domain.limits.daily_total import share_of
from functions.domain.limits.turns import Turn, Turns
from functions.domain.snapshot import AvatarSnapshot, Starts, Status, TransactionResult
from functions.domain.storage_paths import StoredObject, Upload
from functions.domain.subject import Subject
from functions.domain.talks.document import TALK_PATHS, TalkSnapshot
from functions.domain.task import LookTask, RenderTask, Task
from functions.errors import ObjectChanged, ObjectExists
from functions.settings import Settings

Fields = dict[str, Any]


def about(avatar_id: str, talk_id: str = "") -> Subject:
    """What concerns this avatar, or one of its talks."""
    return Subject(avatar_id=avatar_id, talk_id=talk_id)


class VirtualClock:
    """A clock that advances only by sleeps; what is due meanwhile happens on the way.

    What is to be called every few seconds is called where `ticking` is set. Otherwise time passes
    as it does for a process that was paused: its heartbeats stand still with it.
    """

    def __init__(self, start_s: float = 1_800_000_000.0, *, ticking: bool = False) -> None:
        self._now = start_s
        self._due: list[tuple[float, Callable[[], object]]] = []
        self.ticking = ticking
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        end = self._now + seconds
        while due := [entry for entry in self._due if entry[0] <= end]:
            entry = min(due, key=lambda each: each[0])
            self._due.remove(entry)
            self._now = max(self._now, entry[0])
            entry[1]()
        self._now = max(self._now, end)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let something happen once the clock has moved on by so many seconds."""
        self._due.append((self._now + seconds, action))

    def every(self, seconds: float, action: Callable[[], bool]) -> "VirtualTicker":
        return VirtualTicker(self, seconds, action)


class VirtualTicker:
    """Call an action at intervals while its clock is advanced."""

    def __init__(self, clock: VirtualClock, seconds: float, action: Callable[[], bool]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._action = action
        self._stopped = False
        clock.after(seconds, self._tick)

    def stop(self) -> None:
        self._stopped = True

    def _tick(self) -> None:
        if self._stopped or (self._clock.ticking and not self._action()):
            return
        self._clock.after(self._seconds, self._tick)


class MemoryLedger:
    """Documents, ledgers and quotas as dictionaries; the wire forms are kept, not the objects.

    Documents are named by their path below the collection of avatars, ledgers by their id.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.documents: dict[str, Fields] = {}
        self.created: dict[str, int] = {}  # of talks: epoch ms; long ago where it is not told
        self.jobs: dict[str, Fields] = {}
        self.quotas: dict[str, Fields] = {}
        self.total = Settings.renders_per_day_total
        self.lines: dict[str, dict[Subject, Turn]] = {}  # turns by owner
        self.document_writes: list[tuple[str, Fields]] = []
        self.calls: Counter[str] = Counter()
        self.faults: list[Exception] = []  # raised one by one, instead of reading
        self.lost_answers: list[Exception] = []  # raised one by one, after committing
        self.talk_deleted: Callable[[str, Fields], object] = lambda path, before: None

    def read(self, subject: Subject) -> AvatarSnapshot:
        self.calls["read"] += 1
        self._fail(self.faults)
        return self._snapshot(subject, counting=False)

    def transact(
        self,
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Status]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Status]:
        self.calls["transact"] += 1
        self._fail(self.faults)
        avatar = self._snapshot(subject, counting=counting)
        change = decide(avatar)
        self._commit(avatar, change)
        self._fail(self.lost_answers)
        return change

    def turns_of(self, owner: str) -> Turns:
        self.calls["turns_of"] += 1
        self._fail(self.faults)
        return self._turns(owner)

    def _turns(self, owner: str) -> Turns:
        every = tuple(self.lines.get(owner, {}).values())
        return Turns(every=every, now=round(self._clock.now() * 1000))

    def delete_documents(self, deletion: Deletion) -> None:
        self.calls["delete_documents"] += 1
        for path in list(self.documents):
            if path.startswith(f"{deletion.path}/") and deletion.covers(self.created.get(path, 1)):
                self.talk_deleted(path, self.documents.pop(path))

    def record(self, name: str) -> Record:
        """The ledger of this id: an avatar's, or `avatar:talk`."""
        return from_fields(self.jobs.get(name, {}))

    def keep(self, avatar_id: str, record: Record) -> None:
        self.jobs[avatar_id] = to_fields(record)

    def _fail(self, faults: list[Exception]) -> None:
        if faults:
            raise faults.pop(0)

    def _snapshot(self, subject: Subject, *, counting: bool) -> AvatarSnapshot:
        document, avatar_id = self._document(subject), subject.avatar_id
        owner = None if document is None else document.owner
        quota = self._today(f"owner:{owner}") if owner else {}
        known, name = self._known(avatar_id), subject.ledger[1]
        avatar = AvatarSnapshot(
            subject=subject,
            document=document,
            record=self.record(name) if subject.is_talk else known,
            has_ledger=name in self.jobs,
            now=round(self._clock.now() * 1000),
            starts=Starts(
                avatar=self._starts(f"avatar:{avatar_id}"),
                owner=quota.get("starts", 0),
                share=self._starts(share_of(avatar_id, self.total).name),
                spoken_ms=quota.get("spokenMs", 0),
            )
            if counting
            else Starts(),
            turns=self._turns(owner) if counting and owner else Turns(),
            avatar_record=Record(lease=known.lease, deleted=known.deleted)
            if subject.is_talk
            else Record(),
        )
        return avatar.without_former_owner()

    def _document(self, subject: Subject) -> Document | None:
        host = self.documents.get(subject.avatar_id)
        fields = self.documents.get(str(subject))
        if host is None or fields is None:
            return None
        avatar = Snapshot(fields=_picked(host, DOCUMENT_PATHS))
        if not subject.is_talk:
            return avatar
        return TalkSnapshot(fields=_picked(fields, TALK_PATHS), avatar=avatar)

    def _known(self, avatar_id: str) -> Record:
        """The ledger; where there is none, what the tombstone says."""
        if avatar_id in self.jobs:
            return self.record(avatar_id)
        return Record(deleted=self.quotas.get(f"deleted:{avatar_id}", {}).get("at", 0))

    def _today(self, name: str) -> Fields:
        quota = self.quotas.get(name, {})
        return quota if quota.get("day") == self._day() else {}

    def _starts(self, name: str) -> int:
        return int(self._today(name).get("starts", 0))

    def _day(self) -> str:
        return datetime.fromtimestamp(self._clock.now(), UTC).date().isoformat()

    def _erase(self, avatar_id: str, tombstone: int) -> None:
        self.jobs.pop(avatar_id, None)
        if tombstone:
            self.quotas[f"deleted:{avatar_id}"] = {"at": tombstone}

    def _commit(self, avatar: AvatarSnapshot, change: TransactionResult[Any]) -> None:
        name, path = avatar.subject.ledger[1], str(avatar.subject)
        if change.erases:
            self._erase(name, change.tombstone)
        elif change.record is not None:
            self.jobs[name] = to_fields(change.record)
        if change.deletes_document:
            self.documents.pop(path, None)
        if change.fields:
            document = self.documents[path]
            for field_path, value in change.fields.items():
                write_path(document, field_path, value)
            self.document_writes.append((path, dict(change.fields)))
        if avatar.document is not None:
            self._count(avatar, change)
        self._line_up(avatar, change)

    def _line_up(self, avatar: AvatarSnapshot, change: TransactionResult[Any]) -> None:
        """Let the lists of turns follow the dispatch."""
        subject, before = avatar.subject, avatar.record.dispatch
        after = before if change.record is None else change.record.dispatch
        after = None if change.erases else after
        self.lines.get(change.leaves, {}).pop(subject, None)
        if before is not None and before != after:
            self.lines.get(before.owner, {}).pop(subject, None)
        if after is not None and after != before and after.owner:
            turn = Turn(subject=subject, at=after.at, held=after.held)
            self.lines.setdefault(after.owner, {})[subject] = turn

    def _count(self, avatar: AvatarSnapshot, change: TransactionResult[Any]) -> None:
        owner = None if avatar.document is None else avatar.document.owner
        share = share_of(avatar.avatar_id, self.total).name
        for name in (f"avatar:{avatar.avatar_id}", f"owner:{owner}" if owner else None, share):
            if name is not None and change.counts:
                today = self._today(name)
                starts = self._starts(name) + 1
                self.quotas[name] = {**today, "day": self._day(), "starts": starts}
        if owner and change.spoken_ms:
            today = self._today(f"owner:{owner}")
            spoken_ms = today.get("spokenMs", 0) + change.spoken_ms
            day = {"day": self._day(), "spokenMs": spoken_ms}
            self.quotas[f"owner:{owner}"] = {"starts": 0, **today, **day}


def write_path(document: Fields, path: str, value: object) -> None:
    """What an update with this field path does to a document."""
    *parents, last = path.split(".")
    for name in parents:
        if not isinstance(document.get(name), dict):
            document[name] = {}
        document = document[name]
    if isinstance(value, Deleted):
        document.pop(last, None)
    else:
        document[last] = copy.deepcopy(value)


def _picked(fields: Fields, paths: tuple[FieldPath, ...]) -> Fields:
    picked: Fields = {}
    for path in paths:
        value = dig(fields, path)
        if isinstance(dig(fields, path[:-1]), Mapping) and path[-1] in dig_map(fields, path[:-1]):
            target = picked
            for name in path[:-1]:
                target = target.setdefault(name, {})
            target[path[-1]] = copy.deepcopy(value)
    return picked


def dig_map(fields: Fields, path: tuple[str, ...]) -> Mapping[str, object]:
    """The map at a path; an empty one where there is none."""
    value = dig(fields, path)
    return value if isinstance(value, Mapping) else {}


@dataclass(kw_only=True)
class HeldObject:
    """An object of the memory store."""

    body: bytes
    generation: int
    content_type: str
    token: str
    metadata: Mapping[str, str]
    encoding: str = ""

    @property
    def created(self) -> int:
        """Epoch ms."""
        return round(self.generation / 1000)  # as the adapters round moments, of either service


class MemoryMediaStore:
    """A bucket as a dictionary; every write has a new generation, a moment in microseconds."""

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self._clock = clock or VirtualClock()
        self.objects: dict[str, HeldObject] = {}
        self.calls: Counter[str] = Counter()
        self.fetched: list[str] = []  # paths
        # By method, raised one by one; to publish what has no token counts as `keep`.
        self.faults: dict[str, list[Exception]] = {}
        self.lost_answers: list[Exception] = []  # of publish: raised after the object is there
        self._last_generation = 0

    def put(
        self, path: str, body: bytes, *, token: str = "", metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        self.objects[path] = HeldObject(
            body=body,
            generation=self._generation(),
            content_type="",
            token=token,
            metadata=metadata or {},
        )
        return self._stored(path)

    def find(self, path: str) -> StoredObject | None:
        self._called("find")
        return self._stored(path) if path in self.objects else None

    def fetch(self, wanted: StoredObject, to: Path) -> None:
        self._called("fetch")
        held = self.objects.get(wanted.path)
        if held is None or held.generation != wanted.generation:
            raise ObjectChanged(f"{wanted.path} is no longer at generation {wanted.generation}")
        if len(held.body) > wanted.size_bytes:
            raise OSError(errno.EFBIG, "more came than the object has", wanted.path)
        self.fetched.append(wanted.path)
        to.write_bytes(held.body)

    def publish(self, upload: Upload, *, replacing: int = 0) -> StoredObject:
        self._called("publish" if upload.token else "keep")
        held = self.objects.get(upload.path)
        if (0 if held is None else held.generation) != replacing:
            if held is not None and upload.token and held.token == upload.token:
                return self._stored(upload.path)
            raise ObjectExists(upload.path, 0 if held is None else held.generation)
        self.objects[upload.path] = HeldObject(
            body=upload.file.read_bytes(),
            generation=self._generation(),
            content_type=upload.content_type,
            token=upload.token,
            metadata=upload.metadata,
        )
        if upload.token and self.lost_answers:
            raise self.lost_answers.pop(0)
        return self._stored(upload.path)

    def delete(self, path: str, generation: int) -> None:
        self._called("delete")
        if path in self.objects and self.objects[path].generation == generation:
            del self.objects[path]

    def delete_prefix(self, deletion: Deletion) -> None:
        self._called("delete_prefix")
        for path, held in list(self.objects.items()):
            if path.startswith(deletion.path) and deletion.covers(held.created):
                del self.objects[path]

    def _generation(self) -> int:
        now = round(self._clock.now() * 1_000_000)
        self._last_generation = max(now, self._last_generation + 1)
        return self._last_generation

    def _called(self, method: str) -> None:
        self.calls[method] += 1
        if self.faults.get(method):
            raise self.faults[method].pop(0)

    def _stored(self, path: str) -> StoredObject:
        held = self.objects[path]
        return StoredObject(
            path=path,
            generation=held.generation,
            size_bytes=len(held.body),
            token=held.token,
            encoding=held.encoding,
            metadata=held.metadata,
            created=held.created,
        )


class MemoryTaskQueue:
    """Tasks as a list. It forgets no name, which is stricter than the cloud's hours."""

    name = "renders"

    def __init__(self) -> None:
        self.pending: list[RenderTask] = []
        self.looks: list[LookTask] = []
        self.names: list[str] = []
        self.before: list[Callable[[], object]] = []  # one by one, before a task is taken
        self.after: list[Callable[[], object]] = []  # one by one, after it: its answer may be lost

    def put(self, task: Task) -> bool:
        if self.before:
            self.before.pop(0)()
        is_new = task.task_id not in self.names
        if is_new:
            self.names.append(task.task_id)
            if isinstance(task, RenderTask):
                self.pending.append(task)
            elif isinstance(task, LookTask):
                self.looks.append(task)
        if self.after:
            self.after.pop(0)()
        return is_new
