"""After an avatar's deletion: everything the pipeline made for it goes, the ledger last.

docs/contract.md, section 7. Holds a lease that no render takes over, and never recreates the
document. What its transactions may change stands here too: no other concerns a missing document.
"""

from dataclasses import dataclass, replace
from uuid import uuid4

from functions import log
from functions.ports import Means
from functions.record import Lease, Purpose, Record
from functions.reference import cache_folder, output_folder
from functions.standing import Change, Standing, Verdict
from functions.vigil import Heartbeat


def clean_up(means: Means, avatar_id: str) -> Verdict:
    """Delete results, caches and ledger.

    Returns:
        DONE, or MOVED: the document exists again, or BUSY: somebody else is cleaning up.

    Raises:
        LeaseLost: the lease ran out and another took over.
    """
    cleaner, settings = Cleaner(owner=str(uuid4()), lease_s=means.settings.lease_s), means.settings
    begun = means.ledger.transact(avatar_id, cleaner.begin)
    if begun.verdict is not Verdict.CLAIMED:
        return begun.verdict

    def renew() -> Verdict:
        return means.ledger.transact(avatar_id, cleaner.renew).verdict

    every_s, lease_s = settings.heartbeat_s, settings.lease_s
    with Heartbeat(renew, means.clock, every_s=every_s, lease_s=lease_s) as heartbeat:
        for folder in (output_folder(avatar_id), cache_folder(avatar_id)):
            means.media.clear(folder)
            heartbeat.beat()
    ended = means.ledger.transact(avatar_id, cleaner.end)
    log.info("cleaned up", verdict=ended.verdict.value)
    return Verdict.DONE


@dataclass(frozen=True, kw_only=True)
class Cleaner:
    """The transitions of one clean-up. Pure."""

    owner: str  # uuid4
    lease_s: float

    def begin(self, standing: Standing) -> Change:
        """Take the lease from any render, and forget every result, while there is no document."""
        if standing.record.held_by(self.owner):
            return Change(verdict=Verdict.CLAIMED)
        if standing.document is not None:
            return Change(verdict=Verdict.MOVED)
        if standing.record.cleaning(standing.now):
            return Change(verdict=Verdict.BUSY)
        return Change(verdict=Verdict.CLAIMED, record=Record(lease=self._lease(standing)))

    def renew(self, standing: Standing) -> Change:
        """Extend the lease."""
        if not standing.record.held_by(self.owner):
            return Change(verdict=Verdict.LOST)
        record = replace(standing.record, lease=self._lease(standing))
        return Change(verdict=Verdict.DONE, record=record)

    def end(self, standing: Standing) -> Change:
        """Erase the ledger, last of all."""
        if not standing.record.held_by(self.owner):
            return Change(verdict=Verdict.LOST)
        return Change(verdict=Verdict.DONE, erases=True)

    def _lease(self, standing: Standing) -> Lease:
        return Lease.granted(self.owner, Purpose.CLEAN_UP, now=standing.now, life_s=self.lease_s)
