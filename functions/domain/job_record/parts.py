"""The parts of a record: leases, errors, results, what the document shows, deletions. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from functions.domain.document import State
from functions.domain.job_record.codec import Part
from functions.domain.limits.turns import TURN_LIFE_MS
from functions.domain.parameters import Parameters
from functions.domain.talks.request import TalkParameters
from functions.errors import Code


class Purpose(StrEnum):
    """The work that a lease is held for."""

    RENDER = "render"
    CLEAN_UP = "clean-up"


@dataclass(frozen=True, kw_only=True)
class Lease(Part):
    """The right to work on an avatar, or on a talk."""

    owner: str  # one uuid4 per claim
    purpose: Purpose
    fingerprint: str  # "" for a clean-up
    expires: int  # epoch ms

    @classmethod
    def granted(
        cls, owner: str, purpose: Purpose, fingerprint: str = "", *, now: int, life_s: float
    ) -> "Lease":
        """Return a lease that begins now."""
        expires = now + round(life_s * 1000)
        return cls(owner=owner, purpose=purpose, fingerprint=fingerprint, expires=expires)


@dataclass(frozen=True, kw_only=True)
class ErrorInfo(Part):
    """`livePortrait.error`."""

    code: Code
    field: str | None
    retryable: bool
    seconds: int | None = None  # of METHOD_TOO_SLOW: that it would take

    @classmethod
    def of(cls, code: Code, field: str | None = None) -> "ErrorInfo":
        """Return the error of a code, retryable as in contract.md, section 5."""
        return cls(code=code, field=field, retryable=code.retryable)


@dataclass(frozen=True, kw_only=True)
class Missing(Part):
    """An input object that did not exist when it was read."""

    path: str
    since: int  # epoch ms


@dataclass(frozen=True, kw_only=True)
class Dispatch(Part):
    """The note that a task in the queue stands for a render. The task is named by it."""

    fingerprint: str
    at: int  # epoch ms
    due: int = 0  # epoch ms: not before; 0: at once
    held: int = 0  # epoch ms since when it waits for its turn, without a task; 0: it has one
    owner: str = ""  # in whose list of turns it is; "": in none
    queue: str = ""  # where its task was left; "": not told

    def stands(self, now: int) -> bool:
        """Tell whether the task can be relied on; an older one was lost or dropped by the queue."""
        return now - self.at < TURN_LIFE_MS


@dataclass(frozen=True, kw_only=True)
class FailedTries(Part):
    """Consecutive tries for one wish that failed before any claim."""

    wish: str  # a digest of what the document asks for
    since: int  # epoch ms of the first
    last: int  # epoch ms
    tries: int

    def counted_anew(self, now: int) -> "FailedTries":
        """Return the count after a try that succeeded."""
        return replace(self, since=now, last=now, tries=0)


@dataclass(frozen=True, kw_only=True)
class PublishedObject(Part):
    """An output object: its path, the generation that was published, and its URL."""

    path: str
    generation: int
    url: str


@dataclass(frozen=True, kw_only=True)
class StatusView(Part):
    """What the document shows for the last request."""

    state: State
    fingerprint: str = ""
    parameters: Parameters | None = None
    talk: TalkParameters | None = None  # None: an idle video
    said: str = ""  # a digest of the talk's own request and its sound
    engine: str = ""
    engine_version: str = ""
    warnings: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    request_id: str = ""
    stage: str = ""
    percent: int = 0
    eta_s: int | None = None
    position: int = 0  # while it waits for its owner's turn: its place in line, as it was told
    requested: int | None = None
    started: int | None = None
    finished: int | None = None
    deadline: int | None = None


@dataclass(frozen=True, kw_only=True)
class Quality(Part):
    """The renderer's quality report, shortened; quality.md defines each figure."""

    frames_without_face: int | None
    jitter_driving_per_mille: float | None
    jitter_result_per_mille: float | None
    median_step_levels: float
    loop_step_levels: float
    seam_levels: float | None
    touched_outside_share: float | None


@dataclass(frozen=True, kw_only=True)
class TalkCuts(Part):
    """What an app needs to show a talk in the place of its idle video."""

    parameters: TalkParameters
    said: str  # a digest of the talk's own request and its sound
    licence: str = ""  # of the method's weights, in words; "": made before it was noted
    refiner: str = ""  # that sharpened the mouths; "": none
    refiner_licence: str = ""
    idle_fingerprint: str  # of the idle video that shows the same at rest; "": none does
    start_frame: int  # of that idle video
    resume_frame: int
    has_speech: bool


@dataclass(frozen=True, kw_only=True)
class Result(Part):
    """A published render whose objects are kept."""

    fingerprint: str
    request_id: str  # the claim that made it
    parameters: Parameters
    engine: str
    engine_version: str
    video: PublishedObject
    poster: PublishedObject
    width: int
    height: int
    frame_count: int
    duration_ms: int
    size_bytes: int
    fps: float
    warnings: tuple[str, ...]  # the renderer's; those of a request are added when it is shown
    quality: Quality | None = None  # None: rendered before it was measured
    talk: TalkCuts | None = None  # None: an idle video
    started: int = 0  # these three are set when it is listed
    finished: int = 0
    deadline: int = 0

    @property
    def objects(self) -> tuple[PublishedObject, PublishedObject]:
        """Video and poster."""
        return (self.video, self.poster)

    def shown(self, *, requested: int | None, warnings: tuple[str, ...] = ()) -> StatusView:
        """Return what the document shows where this answers a request with these warnings."""
        return StatusView(
            state=State.READY,
            fingerprint=self.fingerprint,
            parameters=self.parameters,
            talk=None if self.talk is None else self.talk.parameters,
            said="" if self.talk is None else self.talk.said,
            engine=self.engine,
            engine_version=self.engine_version,
            warnings=tuple(dict.fromkeys((*warnings, *self.warnings))),
            request_id=self.request_id,
            percent=100,
            eta_s=0,
            requested=requested,
            started=self.started,
            finished=self.finished,
            deadline=self.deadline,
        )


@dataclass(frozen=True, kw_only=True)
class Deletion(Part):
    """What is to be deleted: one generation of an object, or every object under a path prefix.

    Or the documents of a collection, whose path is told below the collection of avatars. With
    `until`, only what was created by that moment: what another job has made since must stay.
    """

    path: str
    generation: int = 0  # of the one object at this path; 0: the path is a prefix
    until: int | None = None  # epoch ms, by the store's clock
    documents: bool = False  # documents, not objects

    def covers(self, created: int) -> bool:
        """Tell whether an object created at this moment (epoch ms) is old enough."""
        return self.until is None or created <= self.until
