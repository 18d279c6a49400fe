"""One generation: what was asked for, its progress, its result. Values only."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self


class Kind(StrEnum):
    """What is made."""

    ANIMATE = "animate"  # a portrait moves like the driving clip, or idles
    TALK = "talk"  # a portrait says a sound
    LIPSYNC = "lipsync"  # the mouth of a clip is painted anew to say a sound
    MOTION = "motion"  # a clip, or key-framed edits, become a motion template: a file of numbers
    EDIT = "edit"  # a portrait's face is changed: a picture

    @property
    def is_video(self) -> bool:
        """Whether a video is made, with a poster."""
        return self not in (Kind.EDIT, Kind.MOTION)

    @property
    def is_animated(self) -> bool:
        """Whether an engine draws it, frame by frame."""
        return self in (Kind.ANIMATE, Kind.TALK)

    @property
    def speaks(self) -> bool:
        """Whether a method of talking makes the mouth say a sound."""
        return self in (Kind.TALK, Kind.LIPSYNC)


class State(StrEnum):
    """Where a generation stands."""

    QUEUED = "queued"
    RENDERING = "rendering"
    READY = "ready"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """Whether it never changes again."""
        return self in (State.READY, State.FAILED, State.CANCELED)


@dataclass(frozen=True, kw_only=True)
class Output:
    """The size and length of a result."""

    width: int | None  # None: of a motion template
    height: int | None
    size_bytes: int
    fps: float | None = None  # None: a picture, as in the next two
    frame_count: int | None = None
    duration_ms: int | None = None
    start_frame: int | None = None  # of a talk: the idle's frame in whose place it begins
    resume_frame: int | None = None  # the idle's frame that follows it
    has_speech: bool | None = None  # False: silence was heard
    method: str | None = None  # that moved the mouth of what is said, as in the next three
    licence: str | None = None  # of its weights, in words
    refiner: str | None = None  # that sharpened the mouth; None: none
    refiner_licence: str | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no result."""

    code: str
    message: str
    retryable: bool
    field: str | None = None


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Where to report states, and which."""

    url: str
    events: tuple[str, ...]  # states


@dataclass(frozen=True, kw_only=True)
class Generation:
    """Everything that is stored of one."""

    id: str
    owner: str  # digest of the key that asked; "": no keys are in use
    kind: Kind
    params: Mapping[str, Any]  # as applied
    inputs: Mapping[str, str]  # file names by "portrait", "driving", "motion", "sound"
    created_at: float  # Unix time
    request_digest: str  # of everything that the client sent
    fingerprint: str  # of inputs, params, engine: the same make the same video
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))  # opens its files
    folder: str = field(default_factory=lambda: secrets.token_hex(16))  # of its files, no other's
    webhook: Webhook | None = None
    text: str | None = None  # what is said, as far as the client told
    visemes: tuple[tuple[int, str], ...] = ()  # milliseconds and mouth shapes
    sync: Mapping[str, Any] | None = None  # model, input and options, where asked by `/v2`
    metadata: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.QUEUED
    cancel_requested: bool = False
    stage: str | None = None
    progress: float = 0.0  # 0..1
    eta_s: float | None = None
    attempts: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    engine: str | None = None
    engine_version: str | None = None
    output: Output | None = None
    quality: Mapping[str, Any] | None = None  # what was measured on a video
    warnings: tuple[str, ...] = ()
    error: Failure | None = None

    @property
    def result_name(self) -> str:
        """The file name of what is made."""
        names = {
            Kind.ANIMATE: f"idle.{self.params.get('format', 'mp4')}",
            Kind.TALK: "talk.mp4",
            Kind.LIPSYNC: "lipsync.mp4",
            Kind.MOTION: "motion.npz",
            Kind.EDIT: "edited.png",
        }
        return names[self.kind]

    @property
    def file_names(self) -> Mapping[str, str]:
        """The files of a finished one, by what the routes call them."""
        if self.kind.is_video:
            return {"video": self.result_name, "poster": self.poster_name}
        return {"motion" if self.kind is Kind.MOTION else "picture": self.result_name}

    @property
    def poster_name(self) -> str:
        """The file name of a video's first frame."""
        return "poster.jpg"

    def to_json(self) -> str:
        """Write it down."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        values.setdefault("folder", values["id"])  # as written before there was this field
        for name, kind in (("output", Output), ("error", Failure)):
            values[name] = None if values[name] is None else kind(**values[name])
        webhook = values["webhook"]
        if webhook is not None:
            values["webhook"] = Webhook(url=webhook["url"], events=tuple(webhook["events"]))
        values |= {
            "kind": Kind(values["kind"]),
            "state": State(values["state"]),
            "warnings": tuple(values["warnings"]),
            "visemes": tuple((ms, name) for ms, name in values.get("visemes", ())),
        }
        return cls(**values)


def digest_of(*parts: object) -> str:
    """Return the SHA-256 of JSON values, hex."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
