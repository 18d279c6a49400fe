"""After an avatar's deletion: everything the pipeline made for it goes, the ledger last.

contract.md, section 7. Holds a lease that no render takes over, and never recreates the
document. What its transactions may change stands here too: no other concerns a missing document.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from uuid import uuid4

from functions.domain.job_record import Deletion, Lease, Purpose, Record
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.domain.storage_paths import cache_folder, output_folder
from functions.errors import LeaseLost, RetryLater
from functions.jobs.disposal import delete, dispose, without_clean_up
from functions.jobs.lease import Heartbeat
from functions.jobs.ports import Dependencies
from functions.observability import log


def clean_up(deps: Dependencies, avatar_id: str) -> TransactionStatus:
    """Delete results, caches and ledger; where the document is there again, what is still noted.

    Returns:
        DONE, or MOVED: the document exists again, or BUSY: another job is cleaning up.

    Raises:
        RetryLater: something could not be deleted, or the lease ran out and another took over.
    """
    cleaner = Cleaner(owner=str(uuid4()), lease_s=deps.settings.lease_s)
    begun = deps.ledger.transact(avatar_id, cleaner.begin)
    if begun.status is TransactionStatus.MOVED:
        _finish_for_another(deps, avatar_id)
    if begun.status is not TransactionStatus.CLAIMED or begun.record is None:
        return begun.status

    gone: list[Deletion] = []
    ended = begun
    while ended.record is not None:  # another may have noted more meanwhile
        gone += _carry_out(deps, avatar_id, cleaner, ended.record)
        ended = deps.ledger.transact(avatar_id, partial(cleaner.end, gone=tuple(gone)))
    log.info("cleaned up", verdict=ended.status.value)
    if ended.status is TransactionStatus.LOST:
        raise RetryLater(f"the clean-up of {avatar_id} lost its lease to another")
    return TransactionStatus.DONE


def _carry_out(
    deps: Dependencies, avatar_id: str, cleaner: "Cleaner", record: Record
) -> tuple[Deletion, ...]:
    """Delete everything noted; what cannot be deleted spares nothing else."""
    settings, failed = deps.settings, []

    def renew() -> TransactionStatus:
        return deps.ledger.transact(avatar_id, cleaner.renew).status

    with Heartbeat(
        renew, deps.clock, every_s=settings.heartbeat_s, lease_s=settings.lease_s
    ) as heartbeat:
        for deletion in record.deletions:
            if not delete(deps, deletion):
                failed.append(deletion.path)
            try:
                heartbeat.beat()
            except LeaseLost as lost:  # ordinary contention: another look, and no error in the log
                raise RetryLater(f"the clean-up of {avatar_id} stopped: {lost}") from None
    if failed:
        raise RetryLater(f"not deleted: {', '.join(failed)}")
    return record.deletions


def _finish_for_another(deps: Dependencies, avatar_id: str) -> None:
    """The avatar is there again: what a clean-up before could not delete must go all the same."""
    if not dispose(deps, avatar_id):
        raise RetryLater(f"not everything of {avatar_id}'s former life could be deleted")


@dataclass(frozen=True, kw_only=True)
class Cleaner:
    """The transitions of one clean-up. Pure."""

    owner: str  # uuid4
    lease_s: float

    def begin(self, avatar: AvatarSnapshot) -> TransactionResult:
        """Take the lease from any render, and note all that is to go, while there is no document.

        What is noted is carried out whatever becomes of this process, even where the avatar is
        made again meanwhile: only what was created in the first half of the lease or before. A
        claim waits for the lease's end, so nothing of a next life is that old, by a margin of half
        a lease for the clocks of database and store; and what a render in flight uploads right
        after it has lost its lease is.
        """
        record = avatar.record
        if record.held_by(self.owner):
            return TransactionResult(status=TransactionStatus.CLAIMED, record=record)
        if record.cleaning(avatar.now):
            return TransactionResult(status=TransactionStatus.BUSY)
        if avatar.document is not None:
            return TransactionResult(
                status=TransactionStatus.MOVED, record=avatar.changed(without_clean_up(record))
            )
        until = avatar.now + round(self.lease_s * 500)
        folders = (output_folder(avatar.avatar_id), cache_folder(avatar.avatar_id))
        begun = Record(lease=self._lease(avatar), deletions=record.deletions).deleting(
            *avatar.dropped(Record()),
            *(Deletion(path=folder, until=until) for folder in folders),
        )
        return TransactionResult(status=TransactionStatus.CLAIMED, record=begun)

    def renew(self, avatar: AvatarSnapshot) -> TransactionResult:
        """Extend the lease."""
        if not avatar.record.held_by(self.owner):
            return TransactionResult(status=TransactionStatus.LOST)
        record = replace(avatar.record, lease=self._lease(avatar))
        return TransactionResult(status=TransactionStatus.DONE, record=record)

    def end(self, avatar: AvatarSnapshot, gone: Collection[Deletion]) -> TransactionResult:
        """Erase the ledger, last of all: not while it notes what is not gone yet (MOVED)."""
        record = avatar.record
        if not record.held_by(self.owner):
            return TransactionResult(status=TransactionStatus.LOST)
        if not set(record.deletions).issubset(gone):
            return TransactionResult(status=TransactionStatus.MOVED, record=record)
        return TransactionResult(status=TransactionStatus.DONE, erases=True)

    def _lease(self, avatar: AvatarSnapshot) -> Lease:
        return Lease.granted(self.owner, Purpose.CLEAN_UP, now=avatar.now, life_s=self.lease_s)
