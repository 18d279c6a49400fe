"""After an avatar's deletion: everything the pipeline made for it goes, the ledger last.

docs/contract.md, section 7. Holds a lease that no render takes over, and never recreates the
document. What its transactions may change stands here too: no other concerns a missing document.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from uuid import uuid4

from functions.domain.job_record import Deletion, Lease, Purpose, Record
from functions.domain.snapshot import Change, Standing, Verdict
from functions.domain.storage_paths import cache_folder, output_folder
from functions.errors import RetryLater
from functions.jobs.disposal import delete, dispose, without_clean_up
from functions.jobs.lease import Heartbeat
from functions.jobs.ports import Means
from functions.observability import log


def clean_up(means: Means, avatar_id: str) -> Verdict:
    """Delete results, caches and ledger; where the document is there again, what is still noted.

    Returns:
        DONE, or MOVED: the document exists again, or BUSY: somebody else is cleaning up.

    Raises:
        RetryLater: something could not be deleted.
        LeaseLost: the lease ran out and another took over.
    """
    cleaner = Cleaner(owner=str(uuid4()), lease_s=means.settings.lease_s)
    begun = means.ledger.transact(avatar_id, cleaner.begin)
    if begun.verdict is Verdict.MOVED:
        _finish_for_another(means, avatar_id)
    if begun.verdict is not Verdict.CLAIMED or begun.record is None:
        return begun.verdict

    gone: list[Deletion] = []
    ended = begun
    while ended.record is not None:  # another may have noted more meanwhile
        gone += _carry_out(means, avatar_id, cleaner, ended.record)
        ended = means.ledger.transact(avatar_id, partial(cleaner.end, gone=tuple(gone)))
    log.info("cleaned up", verdict=ended.verdict.value)
    return Verdict.DONE


def _carry_out(
    means: Means, avatar_id: str, cleaner: "Cleaner", record: Record
) -> tuple[Deletion, ...]:
    """Delete everything noted; what cannot be deleted spares nothing else."""
    settings, failed = means.settings, []

    def renew() -> Verdict:
        return means.ledger.transact(avatar_id, cleaner.renew).verdict

    with Heartbeat(
        renew, means.clock, every_s=settings.heartbeat_s, lease_s=settings.lease_s
    ) as heartbeat:
        for deletion in record.deletions:
            if not delete(means, deletion):
                failed.append(deletion.path)
            heartbeat.beat()
    if failed:
        raise RetryLater(f"not deleted: {', '.join(failed)}")
    return record.deletions


def _finish_for_another(means: Means, avatar_id: str) -> None:
    """The avatar is there again: what a clean-up before could not delete must go all the same."""
    if not dispose(means, avatar_id):
        raise RetryLater(f"not everything of {avatar_id}'s former life could be deleted")


@dataclass(frozen=True, kw_only=True)
class Cleaner:
    """The transitions of one clean-up. Pure."""

    owner: str  # uuid4
    lease_s: float

    def begin(self, standing: Standing) -> Change:
        """Take the lease from any render, and note all that is to go, while there is no document.

        What is noted is carried out whatever becomes of this process, even where the avatar is
        made again meanwhile: only what was created in the first half of the lease or before. A
        claim waits for the lease's end, so nothing of a next life is that old, by a margin of half
        a lease for the clocks of database and store; and what a render in flight uploads right
        after it has lost its lease is.
        """
        record = standing.record
        if record.held_by(self.owner):
            return Change(verdict=Verdict.CLAIMED, record=record)
        if record.cleaning(standing.now):
            return Change(verdict=Verdict.BUSY)
        if standing.document is not None:
            return Change(verdict=Verdict.MOVED, record=standing.changed(without_clean_up(record)))
        until = standing.now + round(self.lease_s * 500)
        folders = (output_folder(standing.avatar_id), cache_folder(standing.avatar_id))
        begun = Record(lease=self._lease(standing), deletions=record.deletions).deleting(
            *standing.dropped(Record()),
            *(Deletion(path=folder, until=until) for folder in folders),
        )
        return Change(verdict=Verdict.CLAIMED, record=begun)

    def renew(self, standing: Standing) -> Change:
        """Extend the lease."""
        if not standing.record.held_by(self.owner):
            return Change(verdict=Verdict.LOST)
        record = replace(standing.record, lease=self._lease(standing))
        return Change(verdict=Verdict.DONE, record=record)

    def end(self, standing: Standing, gone: Collection[Deletion]) -> Change:
        """Erase the ledger, last of all: not while it notes what is not gone yet (MOVED)."""
        record = standing.record
        if not record.held_by(self.owner):
            return Change(verdict=Verdict.LOST)
        if not set(record.deletions).issubset(gone):
            return Change(verdict=Verdict.MOVED, record=record)
        return Change(verdict=Verdict.DONE, erases=True)

    def _lease(self, standing: Standing) -> Lease:
        return Lease.granted(self.owner, Purpose.CLEAN_UP, now=standing.now, life_s=self.lease_s)
