"""The function among doubles, and an app that writes avatar documents in it."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from functions.domain.document import EVENT_PATHS, DocumentWrite, Snapshot
from functions.domain.field_values import FieldPath, dig
from functions.domain.job_record import Record
from functions.domain.request import Reader
from functions.domain.storage_paths import MediaPolicy
from functions.domain.talks.document import TALK_EVENT_PATHS, TalkSnapshot
from functions.domain.talks.request import TalkRules
from functions.domain.transitions.renders import Transitions
from functions.errors import RetryLater
from functions.jobs.deferral import Deferral
from functions.jobs.dispatch import InlineDispatcher, QueuedDispatcher
from functions.jobs.handler import RenderHandler
from functions.jobs.ports import Dependencies
from functions.settings import Settings
from tests.functions.doubles import (
    Fields,
    MemoryLedger,
    MemoryMediaStore,
    MemoryTaskQueue,
    VirtualClock,
    about,
    write_path,
)
from tests.functions.scripted_renderer import ScriptedRenderer

BUCKET = "demo.appspot.com"
AVATAR = "ava"
IMAGE = f"avatars/{AVATAR}/hero.jpg"
VIDEO = f"avatars/{AVATAR}/heroVideo.mp4"
TALK = "hello"
SOUND = f"avatars/{AVATAR}/hello.wav"
OUTPUT = f"avatars/{AVATAR}/livePortrait/"
SETTINGS = Settings(bucket=BUCKET, engine="mesh", project="demo")
POLICY = MediaPolicy(bucket=BUCKET)
UNSET = object()


def document(**changes: Any) -> Fields:
    """An avatar that asks for a render; `training__livePortrait={...}` changes a nested field."""
    fields: Fields = {
        "nickname": "Ava",
        "userId": "owner-1",
        "updatedAt": 1,
        "avatarImageUrl": f"gs://{BUCKET}/{IMAGE}",
        "training": {
            "status": "done",
            "heroVideoUrl": f"gs://{BUCKET}/{VIDEO}",
            "livePortrait": {
                "drivingMultiplier": 0.4,
                "normalizeLip": True,
                "animationRegion": "all",
            },
        },
    }
    for name, value in changes.items():
        path = name.split("__")
        if value is UNSET:
            target = fields
            for parent in path[:-1]:
                target = target[parent]
            del target[path[-1]]
        else:
            write_path(fields, ".".join(path), value)
    return fields


def talk_document(**request: Any) -> Fields:
    """A talk that asks for a render; `strength=0.5` changes its request."""
    wanted = {"audioUrl": f"gs://{BUCKET}/{SOUND}", **request}
    return {"request": {key: value for key, value in wanted.items() if value is not UNSET}}


def talk_snapshot(fields: Mapping[str, Any] | None) -> TalkSnapshot | None:
    """A talk's document as an event carries it."""
    return None if fields is None else TalkSnapshot(fields=_picked(fields, TALK_EVENT_PATHS))


def shown_version(renderer: ScriptedRenderer, settings: Settings) -> str:
    """The engine version as documents show it."""
    return settings.engine_version_of(renderer.engine_version)


def snapshot(fields: Mapping[str, Any] | None) -> Snapshot | None:
    """The document as an event carries it."""
    return None if fields is None else Snapshot(fields=_picked(fields, EVENT_PATHS))


def _picked(fields: Mapping[str, Any], paths: tuple[FieldPath, ...]) -> Fields:
    picked: Fields = {}
    for path in paths:
        parent: Any = fields if len(path) == 1 else dig(fields, path[:-1])
        if isinstance(parent, Mapping) and path[-1] in parent:
            target = picked
            for name in path[:-1]:
                target = target.setdefault(name, {})
            target[path[-1]] = copy.deepcopy(parent[path[-1]])
    return picked


@dataclass(kw_only=True)
class Scene:
    """The doubles, the function among them, and the app."""

    settings: Settings = SETTINGS
    clock: VirtualClock = field(default_factory=VirtualClock)
    renderer: ScriptedRenderer = field(default_factory=ScriptedRenderer)
    queue: MemoryTaskQueue = field(default_factory=MemoryTaskQueue)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.clock)
        self.ledger.total = self.settings.renders_per_day_total
        self.media = MemoryMediaStore(self.clock)
        reader = Reader(
            policy=POLICY,
            synthetic_idle=self.settings.synthetic_idle,
            talks=TalkRules(methods=self.settings.talk_methods),
        )
        self.transitions = Transitions(reader=reader, settings=self.settings)
        self.deps = Dependencies(
            settings=self.settings,
            transitions=self.transitions,
            ledger=self.ledger,
            media=self.media,
            engine=self.renderer.engine.value,
            engine_version=shown_version(self.renderer, self.settings),
            clock=self.clock,
            renders=self.queue,
        )
        self.handler = self.second_instance()
        self.upload()

    def upload(self) -> None:
        """The app uploads portrait and clip."""
        self.media.put(IMAGE, b"portrait")
        self.media.put(VIDEO, b"clip")

    def write(self, fields: Fields | None) -> DocumentWrite:
        """The app writes the document; gives the event that tells of it.

        Where a clean-up has begun, what belonged to the avatar is gone: the app uploads it anew.
        """
        before = self.ledger.documents.get(AVATAR)
        if before is None and fields is not None and self.was_cleaned:
            self.upload()
        if fields is None:
            self.ledger.documents.pop(AVATAR, None)
        else:
            # The server's own fields survive an app's update.
            kept = (
                {"livePortrait": before["livePortrait"]}
                if before and "livePortrait" in before
                else {}
            )
            self.ledger.documents[AVATAR] = copy.deepcopy({**kept, **fields})
        return DocumentWrite(
            subject=about(AVATAR),
            before=snapshot(before),
            after=snapshot(self.ledger.documents.get(AVATAR)),
            committed_s=self.clock.now(),
        )

    def write_talk(self, fields: Fields | None, talk_id: str = TALK) -> DocumentWrite:
        """The app writes a talk; gives the event that tells of it."""
        subject = about(AVATAR, talk_id)
        path, documents = str(subject), self.ledger.documents
        before = documents.pop(path, None)
        if fields is not None:
            kept = {"talk": before["talk"]} if before and "talk" in before else {}
            documents[path] = copy.deepcopy({**kept, **fields})
            self.ledger.created.setdefault(path, round(self.clock.now() * 1000))
        return DocumentWrite(
            subject=subject,
            before=talk_snapshot(before),
            after=talk_snapshot(documents.get(path)),
            committed_s=self.clock.now(),
        )

    def save_talk(self, fields: Fields | None, talk_id: str = TALK) -> DocumentWrite:
        """The app writes a talk, and the event is served."""
        event = self.write_talk(fields, talk_id)
        self.handler.handle_event(event)
        return event

    def talk(self, talk_id: str = TALK) -> Fields:
        """The pipeline's answer to a talk."""
        document = self.ledger.documents.get(str(about(AVATAR, talk_id)), {})
        answer: Fields = document.get("talk", {})
        return answer

    def save(self, fields: Fields | None) -> DocumentWrite:
        """The app writes, and the event is served."""
        event = self.write(fields)
        self.handler.handle_event(event)
        return event

    def redeliver(self, event: DocumentWrite, *, times: int = 1, every_s: float = 15.0) -> int:
        """Deliver until it is acknowledged; how many deliveries that took."""
        for count in range(1, times + 1):
            self.clock.advance(every_s)
            try:
                self.handler.handle_event(event)
            except RetryLater:
                continue
            return count
        raise AssertionError(f"not acknowledged after {times} deliveries")

    @property
    def was_cleaned(self) -> bool:
        """Whether a clean-up of the avatar has begun, or ended."""
        return self.record.deleted > 0 or f"deleted:{AVATAR}" in self.ledger.quotas

    @property
    def live(self) -> Fields:
        """The pipeline's answer."""
        return self.ledger.documents.get(AVATAR, {}).get("livePortrait", {})

    @property
    def mirror(self) -> object:
        """`training.livePortrait.idleVideoUrl`."""
        return dig(self.ledger.documents[AVATAR], ("training", "livePortrait", "idleVideoUrl"))

    @property
    def record(self) -> Record:
        """The ledger."""
        return self.ledger.record(AVATAR)

    @property
    def starts(self) -> int:
        """Render starts of the day, as the quota counts them."""
        return int(self.ledger.quotas.get(f"avatar:{AVATAR}", {}).get("starts", 0))

    @property
    def states(self) -> list[str]:
        """Every state written to the document, in order."""
        written = (fields.get("livePortrait") for _, fields in self.ledger.document_writes)
        return [each["state"] for each in written if isinstance(each, dict)]

    @property
    def outputs(self) -> list[str]:
        """Our objects."""
        return sorted(path for path in self.media.objects if path.startswith(OUTPUT))

    def second_instance(self, renderer: ScriptedRenderer | None = None) -> RenderHandler:
        """Another instance on the same cloud, perhaps with another engine."""
        deps = self.deps if renderer is None else self.under(renderer)
        return RenderHandler(deps, InlineDispatcher(deps, renderer or self.renderer))

    def under(self, renderer: ScriptedRenderer) -> Dependencies:
        """The same, where another engine renders."""
        version = shown_version(renderer, self.settings)
        return replace(self.deps, engine=renderer.engine.value, engine_version=version)

    def use(self, ledger: MemoryLedger) -> None:
        """Another ledger, for instances to come."""
        self.ledger = ledger
        self.deps = replace(self.deps, ledger=ledger)

    def gate(self) -> RenderHandler:
        """An instance that renders nothing, and leaves tasks in the queue."""
        return RenderHandler(self.deps, QueuedDispatcher(self.deps, self.queue))

    def waitless_gate(self) -> RenderHandler:
        """A gate that leaves the debounce to a queue as well."""
        deferral = Deferral(looks=self.queue)
        return RenderHandler(self.deps, QueuedDispatcher(self.deps, self.queue), deferral)

    def waitless_renderer(self) -> RenderHandler:
        """A renderer that leaves its next tries to the queue."""
        inline = InlineDispatcher(self.deps, self.renderer)
        return RenderHandler(self.deps, inline, Deferral(renders=self.queue))


Action = Callable[[], object]
