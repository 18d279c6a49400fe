"""The values of transitions: what is read of an avatar, what is to be rendered, what is written.

Frozen values only: snapshot; spec, job and claim of a render; a transaction's result.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, Literal, TypeVar

from functions.domain.document import Document, Relevant, State
from functions.domain.job_record import (
    Deletion,
    Dispatch,
    ErrorInfo,
    Lease,
    Purpose,
    Record,
    Result,
    StatusView,
)
from functions.domain.limits.turns import Turns
from functions.domain.request import RenderRequest
from functions.domain.storage_paths import StoredObject
from functions.domain.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Starts:
    """Renders started today (UTC), including those that were stopped or failed."""

    avatar: int = 0
    owner: int = 0
    share: int = 0  # of all avatars whose renders count in the same share of the daily total
    spoken_ms: int = 0  # of the owner's talks that were published today


@dataclass(frozen=True, kw_only=True)
class AvatarSnapshot:
    """Document and ledger of one avatar, or of one of its talks, read together."""

    subject: Subject
    document: Document | None  # None: there is none; of a talk, or its avatar has none
    record: Record
    has_ledger: bool  # a ledger may exist and say nothing: it equals `Record()` then
    now: int  # epoch ms, by the database's clock
    starts: Starts = field(default_factory=Starts)  # read only where a claim is decided
    turns: Turns = field(default_factory=Turns)  # of its owner; read where the starts are
    # Of a talk: its avatar's ledger, of that the lease and the moment of the last deletion alone.
    avatar_record: Record = field(default_factory=Record)

    @property
    def avatar_id(self) -> str:
        """The id of the avatar."""
        return self.subject.avatar_id

    @property
    def oldest_input(self) -> int:
        """The moment before which inputs are of the avatar's former life, in epoch ms."""
        return (self.avatar_record if self.subject.is_talk else self.record).deleted

    @property
    def cleaning(self) -> bool:
        """Whether a clean-up is under way that empties its folder: its own, or its avatar's."""
        return self.record.cleaning(self.now) or self.avatar_record.cleaning(self.now)

    @property
    def owner(self) -> str:
        """The document's `userId`; "": it has none, or there is no document."""
        return "" if self.document is None else self.document.owner or ""

    @property
    def turns_owner(self) -> str:
        """In whose list of turns the subject is, or may have been."""
        dispatch = self.record.dispatch
        listed = "" if dispatch is None else dispatch.owner
        return listed or self.owner or self.record.owner

    @property
    def inputs_key(self) -> Relevant | None:
        """The relevant set of the document; None: there is no document."""
        return None if self.document is None else self.document.inputs_key

    def without_former_owner(self) -> "AvatarSnapshot":
        """Return the snapshot without what was made for another owner, noted for deletion.

        No client may change an owner, so the document was deleted and made again, and the event of
        that is late or lost; or the app's server has given the avatar to another user.
        """
        record = self.record
        if not record.owner or self.owner in ("", record.owner):
            return self
        kept = Record(deletions=record.deletions, deleted=record.deleted, dispatch=record.dispatch)
        return replace(self, record=self.changed(kept) or kept)

    def precondition_failed(
        self, inputs_key: object, *fingerprints: str
    ) -> "Literal[TransactionStatus.MOVED, TransactionStatus.BUSY] | None":
        """Return why a result computed from such a document must not be written without a lease.

        Args:
            inputs_key: of the document that it was computed from.
            fingerprints: the ledger's at that time, and the result's own. Any other was asked for
                since, for objects that were looked up later.
        """
        if self.document is None or self.document.inputs_key != inputs_key:
            return TransactionStatus.MOVED
        if self.record.fingerprint not in fingerprints:
            return TransactionStatus.MOVED
        return TransactionStatus.BUSY if self.cleaning else None

    def changed(self, record: Record) -> Record | None:
        """Return the record to write; None where it equals the present one.

        Note deletions in it: the objects of results that it no longer lists, and what the render
        may have made whose lease it drops.
        """
        gone = [
            Deletion(path=each.path, generation=each.generation)
            for each in self.record.objects
            if not record.lists(each.path, each.generation)
        ]
        record = record.deleting(*gone, *self.dropped(record))
        return None if record == self.record else record

    def dropped(self, record: Record) -> tuple[Deletion, ...]:
        """Return the objects that a render may have made whose lease this record drops."""
        lease = self.record.lease
        if lease is None or lease.purpose is not Purpose.RENDER or record.held_by(lease.owner):
            return ()
        if any(result.request_id == lease.owner for result in record.results):
            return ()  # it has been published
        return (Deletion(path=self.subject.attempt_folder(lease.fingerprint, lease.owner)),)


class TransactionStatus(StrEnum):
    """What came of a transaction; the types below say which of these each kind can return."""

    DONE = "done"  # the wanted state is written, or was there already
    MOVED = "moved"  # document or ledger has changed since it was read
    BUSY = "busy"  # another job works on it: wait for it
    NOT_YET = "not yet"  # the next attempt is not due
    LOST = "lost"  # the caller does not have the lease
    AGAIN = "again"  # a failure is written, and the next attempt may succeed
    FINAL = "final"  # it failed for good


Status = TypeVar("Status", bound=TransactionStatus)
_Status = TypeVar("_Status", bound=TransactionStatus, covariant=True)

# What can come of a write without a lease, of one under a lease, of a failure, and of a start.
Unleased = Literal[TransactionStatus.DONE, TransactionStatus.MOVED, TransactionStatus.BUSY]
Held = Literal[TransactionStatus.DONE, TransactionStatus.MOVED, TransactionStatus.LOST]
Failed = Literal[TransactionStatus.AGAIN, TransactionStatus.FINAL]
Started = Unleased | Literal[TransactionStatus.NOT_YET, TransactionStatus.FINAL]


@dataclass(frozen=True, kw_only=True)
class TransactionResult(Generic[_Status]):
    """What one transaction writes: nothing by default."""

    status: _Status
    record: Record | None = None  # None: the ledger stays as it is
    fields: Mapping[str, object] = field(default_factory=dict)  # of the document, by field path
    counts: bool = False  # count a render start, for the quotas
    spoken_ms: int = 0  # of a talk that is published: count it, for the owner's quota
    erases: bool = False  # delete the ledger's document
    deletes_document: bool = False  # a talk's own, if it is there: its avatar has none
    tombstone: int = 0  # epoch ms: what outlives it of a deleted avatar; 0: nothing
    retired: tuple[Result, ...] = ()  # no longer listed; for the log
    dispatch: Dispatch | None = None  # the task that stands for it, where the caller asks
    leaves: str = ""  # the owner in whose list of turns the subject is no longer; "": none


@dataclass(frozen=True, kw_only=True)
class RenderSpec:
    """A request for one certain video, and the document that asks for it."""

    inputs_key: object  # `Snapshot.inputs_key`
    asked_before: str  # the ledger's fingerprint when the objects were looked up
    request: RenderRequest
    fingerprint: str
    wish: str  # the same for every engine version
    engine: str
    engine_version: str
    unfit: Result | None = None  # listed for this fingerprint, but its objects are not there
    idle_fingerprint: str = ""  # of a talk that moves as its avatar's idle video: that one's
    said: str = ""  # of a talk: a digest of its own request and its sound

    def precondition_failed(
        self, avatar: AvatarSnapshot
    ) -> "Literal[TransactionStatus.MOVED, TransactionStatus.BUSY] | None":
        """Return why nothing must be written for this without a lease."""
        return avatar.precondition_failed(self.inputs_key, self.asked_before, self.fingerprint)

    def pending(
        self, before: StatusView | None, state: State, now: int, problem: ErrorInfo | None = None
    ) -> StatusView:
        """Return what the document shows while this has no result."""
        return StatusView(
            state=state,
            fingerprint=self.fingerprint,
            parameters=self.request.parameters,
            talk=None if self.request.talk is None else self.request.talk.parameters,
            said=self.said,
            engine=self.engine,
            engine_version=self.engine_version,
            warnings=self.request.warnings,
            error=problem,
            requested=self._requested(before, now),
            finished=now if state is State.FAILED else None,
        )

    def answered(self, before: StatusView | None, result: Result, now: int) -> StatusView:
        """Return what the document shows once this has a result."""
        requested = self._requested(before, now)
        return result.shown(requested=requested, warnings=self.request.warnings)

    def _requested(self, before: StatusView | None, now: int) -> int | None:
        """Return the time of the request: that of its first answer."""
        same = before is not None and before.fingerprint == self.fingerprint
        return before.requested if before is not None and same else now


@dataclass(frozen=True, kw_only=True)
class RenderJob:
    """A render that nothing answers yet: this step travels unchanged to the publication."""

    subject: Subject
    spec: RenderSpec
    image: StoredObject
    video: StoredObject | None  # None: a synthetic idle
    sound: StoredObject | None = None  # None: an idle video
    since_s: float  # Unix time of the wish, by the database's clock: its save, or its dispatch
    deadline: float  # on the clock's monotonic scale
    dispatch: Dispatch | None = None  # of the task that renders it
    yielding: bool = False  # wait for any living lease: its last attempt lost its own


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One attempt's claim on a render, held as a lease."""

    owner: str  # uuid4
    spec: RenderSpec

    def lease(self, now: int, life_s: float) -> Lease:
        """Return the lease that this claim holds from now on."""
        wanted = self.spec.fingerprint
        return Lease.granted(self.owner, Purpose.RENDER, wanted, now=now, life_s=life_s)


@dataclass(frozen=True, kw_only=True)
class ReportedProgress:
    """How far a render in flight is, as the document may show it."""

    stage: str
    percent: int
    eta_s: int | None
