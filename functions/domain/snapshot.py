"""What passes between the story, the transitions and the ledger: a standing in, a change out.

Plain frozen values, nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from functions.domain.document import Snapshot, State
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
from functions.domain.request import RenderRequest
from functions.domain.storage_paths import attempt_folder


@dataclass(frozen=True, kw_only=True)
class Starts:
    """Renders started today (UTC), abandoned and failed ones too."""

    avatar: int = 0
    owner: int = 0


@dataclass(frozen=True, kw_only=True)
class AvatarSnapshot:
    """Document and ledger of one avatar, read together."""

    avatar_id: str
    document: Snapshot | None  # None: there is no such document
    record: Record
    now: int  # epoch ms, by the database's clock
    starts: Starts = field(default_factory=Starts)  # read only where a claim is decided

    def precondition_failed(self, inputs_key: object) -> "TransactionStatus | None":
        """Why nothing may be written without a lease that was worked out from such a document."""
        if self.document is None or self.document.inputs_key != inputs_key:
            return TransactionStatus.MOVED
        return TransactionStatus.BUSY if self.record.cleaning(self.now) else None

    def changed(self, record: Record) -> Record | None:
        """A record to be written; None where it stands already.

        What only the present one accounts for is to be deleted, and is noted in the new one: the
        objects of results that leave it, and whatever a render has made whose lease it drops.
        """
        gone = [
            Deletion(path=item.path, generation=item.generation)
            for result in self.record.results
            for item in (result.video, result.poster)
            if not record.lists(item.path, item.generation)
        ]
        record = record.deleting(*gone, *self.dropped(record))
        return None if record == self.record else record

    def dropped(self, record: Record) -> tuple[Deletion, ...]:
        """What the render has made, or may have, whose lease is not in this record any longer."""
        lease = self.record.lease
        if lease is None or lease.purpose is not Purpose.RENDER or record.held_by(lease.owner):
            return ()
        if any(result.request_id == lease.owner for result in record.results):
            return ()  # it is at its end
        return (Deletion(path=attempt_folder(self.avatar_id, lease.fingerprint, lease.owner)),)


class TransactionStatus(StrEnum):
    """What a transition decided."""

    DONE = "done"  # what was to stand stands
    MOVED = "moved"  # the document or the ledger is no longer what this was worked out from
    BUSY = "busy"  # somebody works on it who is to be waited for
    NOT_YET = "not yet"  # the next attempt is not due
    CLAIMED = "claimed"  # the lease is the caller's
    LOST = "lost"  # the lease is not the caller's
    AGAIN = "again"  # a failure that the next attempt may cure
    FINAL = "final"  # a failure that stands
    HANDED = "handed"  # a task stands for it
    PAST = "past"  # the document is no longer the one for whose sake somebody came


@dataclass(frozen=True, kw_only=True)
class TransactionResult:
    """What one transaction writes: nothing by default."""

    status: TransactionStatus
    record: Record | None = None  # None: the ledger stays as it is
    fields: Mapping[str, object] = field(default_factory=dict)  # of the document, by field path
    counts: bool = False  # a render start, for the quotas
    erases: bool = False  # the ledger's document goes
    retired: tuple[Result, ...] = ()  # have left the ledger, to be told of
    dispatch: Dispatch | None = None  # only with HANDED and BUSY: the task that stands for it


@dataclass(frozen=True, kw_only=True)
class RenderSpec:
    """A request for one certain video, and the document it was worked out from."""

    inputs_key: object  # `Snapshot.relevant`
    request: RenderRequest
    fingerprint: str
    wish: str  # the same for every engine version
    engine: str
    engine_version: str
    unfit: Result | None = None  # listed for this fingerprint, but its objects are gone

    def pending(
        self, before: StatusView | None, state: State, now: int, problem: ErrorInfo | None = None
    ) -> StatusView:
        """What the document says while this has no result."""
        return StatusView(
            state=state,
            fingerprint=self.fingerprint,
            parameters=self.request.parameters,
            engine=self.engine,
            engine_version=self.engine_version,
            warnings=self.request.warnings,
            error=problem,
            requested=self._requested(before, now),
            finished=now if state is State.FAILED else None,
        )

    def answered(self, before: StatusView | None, result: Result, now: int) -> StatusView:
        """What the document says once it has a result."""
        requested = self._requested(before, now)
        return result.shown(requested=requested, warnings=self.request.warnings)

    def _requested(self, before: StatusView | None, now: int) -> int | None:
        """A request is as old as its first answer."""
        same = before is not None and before.fingerprint == self.fingerprint
        return before.requested if before is not None and same else now


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to render what was asked, under a lease."""

    owner: str  # uuid4
    spec: RenderSpec

    def lease(self, now: int, life_s: float) -> Lease:
        """The lease that this claim holds from now on."""
        wanted = self.spec.fingerprint
        return Lease.granted(self.owner, Purpose.RENDER, wanted, now=now, life_s=life_s)


@dataclass(frozen=True, kw_only=True)
class ReportedProgress:
    """How far a render in flight is, as the document may show it."""

    stage: str
    percent: int
    eta_s: int | None
