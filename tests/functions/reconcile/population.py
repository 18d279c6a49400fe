"""Avatars by the thousand in a running stand-in cloud: healthy ones, and some of every trouble.

They are made without any render, as their ledgers and objects would stand after one, and put
straight into the cloud's stores, since uploading them would take minutes.
"""

import copy
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from pathlib import Path

from emulator.storage.objects import ObjectMetadata
from emulator.storage.objects import StoredObject as EmulatedObject
from emulator.storage.store import ObjectStore
from emulator.suite import Suite
from functions.domain.document import Snapshot, State
from functions.domain.fingerprint import fingerprint
from functions.domain.job_record import Lease, PublishedObject, Purpose, Record, Result, to_fields
from functions.domain.job_record.status_view import live_portrait
from functions.domain.request import Reader, RenderRequest
from functions.domain.storage_paths import MediaPolicy, StoredObject, download_url
from functions.reconcile.findings import Finding
from functions.settings import full_engine_version
from liveportrait_core.engines.choice import engine_identity
from tests.functions.doubles import Fields, about

_TOKEN_KEY = "firebaseStorageDownloadTokens"
_FOLDED = 10.0  # seconds of the hero video, as deployments have it unless told otherwise


def current_version() -> str:
    """What the mesh engine's results are called today."""
    identity = engine_identity("mesh", Path("weights"))
    return full_engine_version(identity.engine_version, max_seconds=_FOLDED)


@dataclass(kw_only=True)
class Avatar:
    """One avatar as it is to stand."""

    id: str
    document: Fields | None
    record: Record | None = None
    objects: dict[str, str] = field(default_factory=dict)  # tokens by path
    generations: dict[str, int] = field(default_factory=dict)

    @property
    def result(self) -> Result:
        assert self.record is not None
        return self.record.results[0]

    def show(self, record: Record) -> None:
        """Have ledger and document say this."""
        assert self.document is not None
        self.record = record
        self.document["livePortrait"] = live_portrait(record)


class Population:
    """Makes avatars and puts them into a cloud."""

    def __init__(self, suite: Suite, *, engine_version: str) -> None:
        self._suite = suite
        self._bucket = suite.options.bucket
        self._version = engine_version
        self._policy = MediaPolicy(
            bucket=self._bucket, emulator=suite.storage_url.removeprefix("http://")
        )
        self._generations = iter(range(1_700_000_000_000_000, 1_800_000_000_000_000))
        self._now_ms = next(self._generations) // 1000

    def stranger(self, avatar_id: str) -> Avatar:
        """One who never opted in."""
        fields = {"nickname": avatar_id, "updatedAt": 1, "training": {"status": "done"}}
        return Avatar(id=avatar_id, document=fields)

    def healthy(self, avatar_id: str, engine_version: str | None = None) -> Avatar:
        """One with a video that answers what is asked."""
        avatar = Avatar(id=avatar_id, document=self._document(avatar_id))
        request = self._request(avatar)
        for path in filter(None, (request.image_path, request.video_path)):
            self._place(avatar, path, "")
        version = engine_version or self._version
        name = fingerprint(
            request,
            engine_version=version,
            image=self._stored(avatar, request.image_path),
            video=self._stored(avatar, str(request.video_path)),
        )
        folder = f"avatars/{avatar_id}/livePortrait/{name}"
        poster = self._kept(avatar, f"{folder}/poster.jpg")
        video = self._kept(avatar, f"{folder}/idle.mp4")
        result = Result(
            fingerprint=name,
            request_id=f"claim-{avatar_id}",
            parameters=request.parameters,
            engine="mesh",
            engine_version=version,
            video=video,
            poster=poster,
            width=300,
            height=400,
            frame_count=60,
            duration_ms=2000,
            size_bytes=1,
            fps=30.0,
            warnings=(),
            started=self._now_ms,
            finished=self._now_ms,
            deadline=self._now_ms,
        )
        shown = result.shown(requested=self._now_ms)
        avatar.show(Record(fingerprint=name, percent=100, shown=shown, results=(result,)))
        assert avatar.document is not None
        avatar.document["training"]["livePortrait"]["idleVideoUrl"] = video.url
        return avatar

    def put(self, avatars: Sequence[Avatar], folder: Path) -> None:
        """Put them into the cloud."""
        control, store = self._suite.control, self._suite.control._cloud.objects.store
        for start in range(0, len(avatars), 1000):
            chunk = avatars[start : start + 1000]
            documents = {f"avatars/{one.id}": one.document for one in chunk if one.document}
            for one in chunk:
                if one.record is not None:
                    documents[f"livePortraitJobs/{one.id}"] = dict(to_fields(one.record))
            (folder / "firestore.json").write_text(json.dumps(documents))
            control.seed(folder)
            emulated = list(self._emulated(chunk))
            control._call(partial(_restore, store, emulated))

    def _emulated(self, avatars: Sequence[Avatar]) -> Iterator[EmulatedObject]:
        receiver = self._suite.control._cloud.objects.store.receiver()
        receiver.write(b"x")
        content = receiver.finish()  # of all of them: nobody reads it
        for avatar in avatars:
            for path, token in avatar.objects.items():
                generation = avatar.generations[path]
                yield EmulatedObject(
                    bucket=self._bucket,
                    name=path,
                    generation=generation,
                    metageneration=1,
                    content=content,
                    metadata=ObjectMetadata(custom={_TOKEN_KEY: token} if token else {}),
                    created=generation,
                    updated=generation,
                )

    def _document(self, avatar_id: str) -> Fields:
        inputs = {"drivingMultiplier": 0.4, "normalizeLip": True, "animationRegion": "all"}
        return {
            "nickname": avatar_id,
            "updatedAt": 1,
            "userId": f"owner-of-{avatar_id}",
            "avatarImageUrl": f"gs://{self._bucket}/avatars/{avatar_id}/hero.jpg",
            "training": {
                "heroVideoUrl": f"gs://{self._bucket}/avatars/{avatar_id}/heroVideo.mp4",
                "livePortrait": inputs,
            },
        }

    def _request(self, avatar: Avatar) -> RenderRequest:
        assert avatar.document is not None
        reader = Reader(policy=self._policy)
        request = reader.read(about(avatar.id), Snapshot(fields=avatar.document))
        assert isinstance(request, RenderRequest)
        return request

    def _place(self, avatar: Avatar, path: str, token: str) -> None:
        avatar.objects[path] = token
        avatar.generations[path] = next(self._generations)

    def _stored(self, avatar: Avatar, path: str) -> StoredObject:
        return StoredObject(path=path, generation=avatar.generations[path], size_bytes=1)

    def _kept(self, avatar: Avatar, path: str) -> PublishedObject:
        token = f"token-of-{avatar.id}-{path[-4:]}"
        self._place(avatar, path, token)
        url = download_url(path, token, self._policy)
        return PublishedObject(path=path, generation=avatar.generations[path], url=url)


def _restore(store: ObjectStore, objects: Sequence[EmulatedObject]) -> None:
    for each in objects:
        store.restore(each)


# --- troubles: each changes a healthy avatar into one at fault


def lost_change(avatar: Avatar) -> None:
    assert avatar.document is not None
    avatar.document["training"]["livePortrait"]["drivingMultiplier"] = 0.9


def lost_switch(avatar: Avatar) -> None:
    assert avatar.document is not None
    avatar.document["training"]["dynamicsEnabled"] = False


def left_over(avatar: Avatar) -> None:
    """Killed while rendering for the first time."""
    record, result = copy.copy(avatar.record), avatar.result
    assert record is not None
    assert record.shown is not None
    shown = replace(record.shown, state=State.RENDERING, percent=0, finished=None, stage="download")
    lease = Lease(owner="dead", purpose=Purpose.RENDER, fingerprint=result.fingerprint, expires=1)
    avatar.show(replace(record, shown=shown, lease=lease, attempts=1, results=()))
    for kept in (result.video, result.poster):
        del avatar.objects[kept.path]
    assert avatar.document is not None
    del avatar.document["training"]["livePortrait"]["idleVideoUrl"]


def withdrawn(avatar: Avatar) -> None:
    left_over(avatar)
    assert avatar.document is not None
    del avatar.document["training"]["livePortrait"]


def video_gone(avatar: Avatar) -> None:
    del avatar.objects[avatar.result.video.path]


def poster_replaced(avatar: Avatar) -> None:
    avatar.generations[avatar.result.poster.path] = time.time_ns() // 1000  # hence no orphan


def token_revoked(avatar: Avatar) -> None:
    avatar.objects[avatar.result.video.path] = "issued-later"


def forged(avatar: Avatar) -> None:
    assert avatar.document is not None
    avatar.document["livePortrait"]["idleVideoUrl"] = "https://elsewhere/x.mp4"


def mirror_dropped(avatar: Avatar) -> None:
    assert avatar.document is not None
    del avatar.document["training"]["livePortrait"]["idleVideoUrl"]


def document_gone(avatar: Avatar) -> None:
    avatar.document = None


def document_and_ledger_gone(avatar: Avatar) -> None:
    avatar.document, avatar.record = None, None


def crashed_upload(avatar: Avatar) -> None:
    path = f"avatars/{avatar.id}/livePortrait/{'c' * 16}/poster.jpg"
    avatar.objects[path] = "never-listed"
    avatar.generations[path] = avatar.result.video.generation + 1


FailedTries = Callable[[Avatar], None]
TROUBLES: Mapping[FailedTries, Finding] = {
    lost_change: Finding.LOST_EVENT,
    lost_switch: Finding.LOST_EVENT,
    left_over: Finding.LEFT_OVER,
    withdrawn: Finding.WITHDRAWN,
    video_gone: Finding.RESULT_GONE,
    poster_replaced: Finding.RESULT_GONE,
    token_revoked: Finding.DEAD_TOKEN,
    forged: Finding.NOT_SHOWN,
    mirror_dropped: Finding.STALE_MIRROR,
    document_gone: Finding.NO_DOCUMENT,
    document_and_ledger_gone: Finding.NO_DOCUMENT,
    crashed_upload: Finding.ORPHAN,
}
HANDED_OVER = (lost_change, left_over, video_gone, poster_replaced)
"""Those whose mending is a render: a gate leaves a task in the queue for each."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What stands in the cloud."""

    documents: int
    findings: Counter[Finding]
    tasks: int


def plant(suite: Suite, folder: Path, *, avatars: int, opted_in: int, troubled: int) -> Planted:
    """Fill a cloud: so many avatars in all, of these opted in, and of these with a trouble."""
    population = Population(suite, engine_version=current_version())
    kinds = cycle(TROUBLES)
    made: list[Avatar] = []
    findings: Counter[Finding] = Counter()
    tasks = 0
    for number in range(avatars):
        # Spread over the ids, so that pages and shards get some of everything.
        name = f"{number * 7919 % avatars:05}-avatar"
        if number >= opted_in:
            made.append(population.stranger(name))
            continue
        avatar = population.healthy(name)
        if number < troubled:
            trouble = next(kinds)
            trouble(avatar)
            findings[TROUBLES[trouble]] += 1
            tasks += trouble in HANDED_OVER
        made.append(avatar)
    population.put(made, folder)
    documents = sum(avatar.document is not None for avatar in made)
    return Planted(documents=documents, findings=findings, tasks=tasks)
