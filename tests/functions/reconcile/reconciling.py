"""Reconcile in the world of doubles: its own three ports in memory, and avatars by the dozen."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from functions.domain.document import PENDING, Snapshot
from functions.domain.job_record import Record
from functions.domain.storage_paths import StoredObject, download_url
from functions.domain.subject import Subject, subject_of_path, subject_of_talk_ledger
from functions.reconcile.findings import Checker
from functions.reconcile.loading.page_loader import PageLoader, is_served
from functions.reconcile.loading.ports import (
    Asked,
    DatedSnapshot,
    Place,
    SubjectPage,
    TimedPage,
)
from functions.reconcile.loading.shard import IdRange, Shard
from functions.reconcile.loading.talk_loader import TalkLoader
from functions.reconcile.paging import PageScan, Scan
from functions.reconcile.recent import RecentScan
from functions.reconcile.repair import Repairer
from functions.reconcile.runner import ReconcileRun, RunOptions, RunReport
from tests.functions.doubles import Fields, MemoryLedger, MemoryMediaStore, about
from tests.functions.scene import AVATAR, BUCKET, IMAGE, POLICY, VIDEO, Scene, document
from tests.functions.scripted_renderer import ScriptedRenderer

DAY_MS = 86_400_000


@dataclass(kw_only=True)
class MemoryCensus:
    """Pages of the memory ledger."""

    ledger: MemoryLedger
    written: dict[str, int] = field(default_factory=dict)  # by id; long ago where it is not told

    def avatars(self, ids: IdRange, after: str, limit: int) -> Mapping[str, Snapshot]:
        names = [each for each in sorted(self.ledger.documents) if "/" not in each]
        names = [each for each in names if ids.has(each) and each > after][:limit]
        return {each: Snapshot(fields=self.ledger.documents[each]) for each in names}

    def saved(self, since: int, until: int, after: Place | None, limit: int) -> TimedPage:
        moments = sorted(
            (at, each)
            for each, fields in self.ledger.documents.items()
            if "/" not in each
            and isinstance(at := fields.get("updatedAt"), int)
            and since <= at < until
        )
        if after is not None:
            moments = [each for each in moments if each > (after.at, after.name)]
        page = _timed(moments, limit)
        documents = self.ledger.documents
        served = (
            each
            for each in page.found
            if is_served(Snapshot(fields=documents[each.subject.avatar_id]))
        )
        return replace(page, found=tuple(served))

    def ledgers(self, ids: IdRange, after: str, limit: int) -> Mapping[str, bool]:
        names = [each for each in sorted(self.ledger.jobs) if ":" not in each and each > after]
        names = list(filter(ids.has, names))[:limit]
        return {each: self.ledger.record(each).owes_deletions for each in names}

    def dated(self, avatar_ids: Sequence[str]) -> Sequence[DatedSnapshot]:
        return [
            DatedSnapshot(
                avatar=self.ledger.read(about(each)),
                written=self.written.get(each, 1) if each in self.ledger.documents else 0,
            )
            for each in avatar_ids
        ]

    def without_document(self, avatar_ids: Sequence[str]) -> Sequence[str]:
        return [each for each in avatar_ids if each not in self.ledger.documents]


@dataclass(kw_only=True)
class MemoryTalks:
    """The talks of the memory ledger."""

    ledger: MemoryLedger
    written: dict[str, int]  # by path; long ago where it is not told

    def talks(self, avatars: IdRange, after: str, limit: int) -> SubjectPage:
        paths = [each for each in sorted(self.ledger.documents) if "/" in each and each > after]
        paths = [each for each in paths if avatars.has(each.partition("/")[0])]
        return _named(paths, limit, subject_of_path)

    def ledgers(self, ids: IdRange, after: str, limit: int) -> SubjectPage:
        names = [each for each in sorted(self.ledger.jobs) if ":" in each and each > after]
        return _named(list(filter(ids.has, names)), limit, subject_of_talk_ledger)

    def dated(self, talk: Subject) -> DatedSnapshot:
        is_there = str(talk) in self.ledger.documents
        written = self.written.get(str(talk), 1) if is_there else 0
        return DatedSnapshot(avatar=self.ledger.read(talk), written=written)


@dataclass(kw_only=True)
class MemoryRequests:
    """The requests of the memory ledger: of avatars, or of talks."""

    ledger: MemoryLedger
    talks: bool = False

    def newest(self, after: Place | None, limit: int) -> TimedPage:
        moments = sorted(self._moments(), reverse=True)
        if after is not None:
            moments = [each for each in moments if each < (after.at, after.name)]
        return _timed(moments, limit)

    def between(self, since: int, until: int, after: Place | None, limit: int) -> TimedPage:
        moments = sorted(each for each in self._moments() if since <= each[0] < until)
        if after is not None:
            moments = [each for each in moments if each > (after.at, after.name)]
        return _timed(moments, limit)

    def pending(self, ids: IdRange, after: str, limit: int) -> SubjectPage:
        pending = [
            each
            for each, record in self._records()
            if record.shown is not None and record.shown.state in PENDING
        ]
        names = [each for each in sorted(pending) if ids.has(each) and each > after]
        return _named(names, limit, _subject)

    def _moments(self) -> list[tuple[int, str]]:
        records = self._records()
        return [
            (record.shown.requested, name)
            for name, record in records
            if record.shown is not None and record.shown.requested is not None
        ]

    def _records(self) -> list[tuple[str, Record]]:
        names = (each for each in self.ledger.jobs if (":" in each) == self.talks)
        return [(each, self.ledger.record(each)) for each in names]


def _subject(name: str) -> Subject:
    return subject_of_talk_ledger(name) if ":" in name else about(name)


def _timed(moments: list[tuple[int, str]], limit: int) -> TimedPage:
    found = tuple(Asked(subject=_subject(name), at=at) for at, name in moments[:limit])
    return TimedPage(found=found, last=found[-1].place if len(found) == limit else None)


def _named(names: list[str], limit: int, read: Callable[[str], Subject | None]) -> SubjectPage:
    page = names[:limit]
    subjects = tuple(each for each in map(read, page) if each is not None)
    return SubjectPage(subjects=subjects, last=page[-1] if len(page) == limit else "")


@dataclass(kw_only=True)
class MemoryInventory:
    """The memory store's objects by name."""

    media: MemoryMediaStore
    created: dict[str, int] = field(default_factory=dict)  # by path; long ago where it is not told
    listings: int = 0

    def objects(self, prefix: str, *, start: str = "", end: str = "") -> Iterator[StoredObject]:
        self.listings += 1
        for path in sorted(self.media.objects):
            if path.startswith(prefix) and path >= start and not (end and path >= end):
                stored = self.media.find(path)
                assert stored is not None
                yield replace(stored, created=self.created.get(path, 1))

    def folders(self, prefix: str, *, start: str = "") -> Iterator[str]:
        names = {
            path.removeprefix(prefix).partition("/")[0]
            for path in self.media.objects
            if path.startswith(prefix) and path >= start
        }
        yield from sorted(names)

    def give_token(self, stored: StoredObject, token: str) -> bool:
        held = self.media.objects.get(stored.path)
        if held is None or (held.generation, held.token) != (stored.generation, stored.token):
            return False
        held.token = token
        return True


@dataclass(kw_only=True)
class MemoryMarks:
    """Marks as a dictionary."""

    marks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    kept: int = 0

    def read(self, name: str) -> Mapping[str, Any] | None:
        return self.marks.get(name)

    def keep(self, name: str, mark: Mapping[str, Any]) -> None:
        self.kept += 1
        self.marks[name] = mark

    def drop(self, name: str) -> None:
        self.marks.pop(name, None)


@dataclass(kw_only=True)
class Watch:
    """A scene, and reconcile in it."""

    scene: Scene = field(default_factory=Scene)
    quiet_s: float = 900.0

    def __post_init__(self) -> None:
        self.repository = MemoryCensus(ledger=self.scene.ledger)
        self.lister = MemoryInventory(media=self.scene.media)
        if AVATAR not in self.scene.ledger.documents:  # whose document is still to be made
            now = round(self.scene.clock.now() * 1000)
            self.lister.created = {IMAGE: now, VIDEO: now}
        self.marks = MemoryMarks()

    def sweep(
        self,
        *,
        shard: Shard = Shard(),  # noqa: B008 - frozen
        page_size: int = 3,
        upgrade: bool = False,
        recent: bool = False,
        renderer: ScriptedRenderer | None = None,
        gate: bool = False,
        stopping: Any = lambda: False,
        **options: Any,
    ) -> RunReport:
        """One run, under an engine that may be another than the scene's."""
        scene = self.scene
        deps = scene.under(renderer or scene.renderer)
        handler = scene.gate() if gate else scene.second_instance(renderer)
        loader = PageLoader(
            repository=self.repository,
            lister=self.lister,
            media=scene.media,
            reader=scene.transitions.reader,
            shard=shard,
            keeps_inputs=scene.settings.keep_inputs,
            page_size=page_size,
        )
        talks = TalkLoader(
            repository=MemoryTalks(ledger=scene.ledger, written=self.repository.written),
            lister=self.lister,
            media=scene.media,
            reader=scene.transitions.reader,
            shard=shard,
            page_size=page_size,
        )
        checker = Checker(
            transitions=scene.transitions,
            engine=deps.engine,
            engine_version=deps.engine_version,
            quiet_s=self.quiet_s,
        )
        repairer = Repairer(deps=deps, lister=self.lister, handler=lambda: handler)
        scan: type[Scan] = RecentScan if recent else PageScan
        return ReconcileRun(
            scan(
                loader=loader,
                talks=talks,
                checker=checker,
                requests=MemoryRequests(ledger=scene.ledger),
                talk_requests=MemoryRequests(ledger=scene.ledger, talks=True),
                upgrading=upgrade,
            ),
            repairer,
            self.marks,
            RunOptions(**options),
            clock=scene.clock,
            stopping=stopping,
        ).run()

    def avatar(self, avatar_id: str, **changes: Any) -> Fields:
        """Another avatar that asks for a render; nothing has happened for it yet."""
        changes.setdefault("avatarImageUrl", f"gs://{BUCKET}/avatars/{avatar_id}/hero.jpg")
        video = f"gs://{BUCKET}/avatars/{avatar_id}/heroVideo.mp4"
        changes.setdefault("training__heroVideoUrl", video)
        fields = self.scene.ledger.documents[avatar_id] = document(**changes)
        self.scene.media.put(f"avatars/{avatar_id}/hero.jpg", b"portrait")
        self.scene.media.put(f"avatars/{avatar_id}/heroVideo.mp4", b"clip")
        return fields

    def healthy(self, avatar_id: str, **changes: Any) -> Fields:
        """Another avatar, served to its end."""
        self.avatar(avatar_id, **changes)
        self.scene.handler.handle_subject(about(avatar_id))
        return self.scene.ledger.documents[avatar_id]

    def world(self) -> object:
        """Everything there is, to be compared."""
        scene = self.scene
        return copy.deepcopy(
            (scene.ledger.documents, scene.ledger.jobs, scene.media.objects, self.marks.marks)
        )


def plays(watch: Watch, url: object) -> bool:
    """Whether a URL opens an object as it stands."""
    objects = watch.scene.media.objects
    return url in {download_url(path, held.token, POLICY) for path, held in objects.items()}
