"""The ledger's record of an avatar or a talk: `livePortraitJobs/…`, `livePortraitTalkJobs/…`.

Pure: times are epoch milliseconds of the database's clock, passed in. `transitions` decides how a
record changes, `status_view` how the document shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from functions.domain.document import State
from functions.domain.record_codec import Part, read, write
from functions.domain.request import Parameters
from functions.domain.talks.request import TalkParameters
from functions.errors import Code

_DISPATCH_LIFE_MS = 24 * 3_600_000


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

    def stands(self, now: int) -> bool:
        """Tell whether the task can be relied on; an older one was lost or dropped by the queue."""
        return now - self.at < _DISPATCH_LIFE_MS


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
    idle_fingerprint: str  # of the idle video that shows the same, where its mouth rests
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


@dataclass(frozen=True, kw_only=True)
class Record(Part):
    """The ledger of one avatar, or of one of its talks."""

    fingerprint: str = ""  # of the last request; "" when that one is not rendered
    wish: str = ""  # the fingerprint without the engine version
    attempts: int = 0  # claims for it
    returned: int = 0  # claims given back since, because a process ended
    others: Mapping[str, int] = field(default_factory=dict)  # for the wish's other fingerprints
    not_before: int = 0  # epoch ms of the next attempt
    missing: Missing | None = None
    trouble: FailedTries | None = None
    lease: Lease | None = None
    dispatch: Dispatch | None = None  # None: no task is in the queue
    percent: int = 0  # fine progress of the render in flight
    shown: StatusView | None = None
    results: tuple[Result, ...] = ()  # the last good one first
    deletions: tuple[Deletion, ...] = ()  # still to be carried out
    owner: str = ""  # the `userId` for which the last claim was made; "": none, or not known
    deleted: int = 0  # epoch ms: the last clean-up's begin; older inputs are a former life's

    @property
    def is_blank(self) -> bool:
        """Whether it says nothing but when the avatar was deleted."""
        return replace(self, deleted=0) == Record()

    def lease_lives(self, now: int) -> bool:
        """Tell whether the lease has not expired, by the database's clock."""
        return self.lease is not None and self.lease.expires > now

    def cleaning(self, now: int) -> bool:
        """Tell whether a clean-up is under way, which no other job may take over.

        The same holds for a lease whose purpose only a newer version knows.
        """
        lease = self.lease
        return lease is not None and lease.expires > now and lease.purpose is not Purpose.RENDER

    @property
    def holds_clean_up(self) -> bool:
        """Whether the lease, expired or not, is a clean-up's."""
        return self.lease is not None and self.lease.purpose is Purpose.CLEAN_UP

    @property
    def owes_deletions(self) -> bool:
        """Whether something is noted for deletion, or a clean-up was begun."""
        return bool(self.deletions) or self.holds_clean_up

    def held_by(self, owner: str) -> bool:
        """Tell whether this claim holds the lease."""
        return self.lease is not None and self.lease.owner == owner

    def in_work(self, fingerprint: str, now: int) -> bool:
        """Tell whether an unexpired lease is for this very fingerprint."""
        lease = self.lease
        return lease is not None and lease.expires > now and lease.fingerprint == fingerprint

    def dispatched(self, fingerprint: str, now: int) -> bool:
        """Tell whether a task stands for this very fingerprint."""
        task = self.current_dispatch(now)
        return task is not None and task.fingerprint == fingerprint

    def current_dispatch(self, now: int) -> Dispatch | None:
        """Return the dispatch whose task can be relied on, if there is one."""
        return self.dispatch if self.dispatch is not None and self.dispatch.stands(now) else None

    def result(self, fingerprint: str) -> Result | None:
        """Return the listed result of a fingerprint, if there is one."""
        return next((each for each in self.results if each.fingerprint == fingerprint), None)

    def asking(self, fingerprint: str, wish: str = "") -> "Record":
        """Return the record once this is asked for: count and lease of another request are dropped.

        The same wish under another engine version is not another request: while two versions are
        deployed, events reach both, and each keeps its own count.
        """
        record = self
        if record.fingerprint != fingerprint:
            if wish and wish == record.wish:
                counts = {**record.others, record.fingerprint: record.attempts}
                record = replace(record, attempts=counts.pop(fingerprint, 0), others=counts)
            else:
                record = replace(
                    record, attempts=0, returned=0, others={}, not_before=0, missing=None
                )
            record = replace(record, fingerprint=fingerprint, wish=wish)
        if record.lease is not None and record.lease.fingerprint != fingerprint:
            record = replace(record, lease=None)
        return record

    def queued_for(self, fingerprint: str) -> bool:
        """Tell whether this very request is shown as queued."""
        return self._shows(State.QUEUED, fingerprint)

    def failed_for_good(self, fingerprint: str) -> bool:
        """Tell whether this very request is shown as failed for good."""
        return self._shows(State.FAILED, fingerprint)

    def _shows(self, state: State, fingerprint: str) -> bool:
        shown = self.shown
        return (
            shown is not None
            and shown.state is state
            and shown.fingerprint == fingerprint == self.fingerprint
        )

    def deleting(self, *deletions: Deletion) -> "Record":
        """Return the record with these deletions added: each once, a folder as far as any says."""
        noted: dict[tuple[str, int], Deletion] = {}
        for each in (*self.deletions, *deletions):
            known = noted.setdefault((each.path, each.generation), each)
            if known.until is not None and (each.until is None or each.until > known.until):
                noted[each.path, each.generation] = each
        return replace(self, deletions=tuple(noted.values()))

    def lists(self, path: str, generation: int) -> bool:
        """Tell whether an object belongs to a listed result."""
        kept = (item for result in self.results for item in (result.video, result.poster))
        return any((item.path, item.generation) == (path, generation) for item in kept)


def to_fields(record: Record) -> dict[str, object]:
    """Return the record as the fields of its ledger document."""
    return write(record)


def from_fields(fields: Mapping[str, Any]) -> Record:
    """Return the record of a ledger document; an absent field has its default."""
    return read(Record, fields)
