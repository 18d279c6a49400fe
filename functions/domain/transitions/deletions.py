"""What a ledger notes for deletion, and the clean-up after an avatar's deletion: transitions.

What is to be deleted is noted in the very transaction that makes it so (`AvatarSnapshot.changed`),
so neither a lost answer nor a fault nor the end of a process can forget it: the next event or task
of the avatar finds it. Deleting twice does no harm. Pure. contract.md, sections 3 and 7.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from functions.domain.job_record import Deletion, Lease, Purpose, Record
from functions.domain.snapshot import (
    AvatarSnapshot,
    Held,
    TransactionResult,
    TransactionStatus,
    Unleased,
)
from functions.domain.storage_paths import avatar_folder, cache_folder
from functions.domain.subject import TALKS


@dataclass(frozen=True, kw_only=True)
class Cleaner:
    """The transitions of one clean-up. Pure."""

    owner: str  # uuid4
    lease_s: float
    keeps_inputs: bool = False  # delete only what the pipeline has made

    def begin(self, avatar: AvatarSnapshot) -> TransactionResult[Unleased]:
        """Take the lease from any render, and note all that is to go, while there is no document.

        What is noted is carried out whatever becomes of this process, even where the avatar is
        made again meanwhile: only what was created in the first half of the lease or before. A
        claim waits for the lease's end, so nothing of a next life is that old, by a margin of half
        a lease for the clocks of database and store; and what a render in flight uploads right
        after it has lost its lease is. What the app keeps in the avatar's folder a next life may
        upload at any time: there, only what is older than this moment goes.

        The document of a talk whose avatar is gone goes with the grant: the avatar may be there
        again before the clean-up ends, and no event would tell the talk of it.
        """
        record = avatar.record
        if record.held_by(self.owner):
            return TransactionResult(status=TransactionStatus.DONE, record=record)
        if record.cleaning(avatar.now):
            return TransactionResult(status=TransactionStatus.BUSY)
        if avatar.document is not None:
            return TransactionResult(
                status=TransactionStatus.MOVED, record=avatar.changed(without_clean_up(record))
            )
        begun = Record(
            lease=self._lease(avatar),
            deletions=record.deletions,
            deleted=avatar.now,
            freed=record.freed or avatar.turns_owner,
        ).deleting(*avatar.dropped(Record()), *self._all(avatar))
        return TransactionResult(
            status=TransactionStatus.DONE, record=begun, deletes_document=avatar.subject.is_talk
        )

    def _all(self, avatar: AvatarSnapshot) -> Iterator[Deletion]:
        """Yield everything of an avatar, or of a talk, whose sound is among its avatar's inputs."""
        avatar_id, until = avatar.avatar_id, avatar.now + round(self.lease_s * 500)
        yield Deletion(path=avatar.subject.output_folder, until=until)
        if avatar.subject.is_talk:
            return
        yield Deletion(path=cache_folder(avatar_id), until=until)
        if not self.keeps_inputs:
            yield Deletion(path=avatar_folder(avatar_id), until=avatar.now - 1)
        yield Deletion(path=f"{avatar_id}/{TALKS}", until=avatar.now - 1, documents=True)

    def renew(self, avatar: AvatarSnapshot) -> TransactionResult[Held]:
        """Extend the lease."""
        if not avatar.record.held_by(self.owner):
            return TransactionResult(status=TransactionStatus.LOST)
        record = replace(avatar.record, lease=self._lease(avatar))
        return TransactionResult(status=TransactionStatus.DONE, record=record)

    def end(self, avatar: AvatarSnapshot, gone: Collection[Deletion]) -> TransactionResult[Held]:
        """Erase the ledger, last of all: not while it notes what is not gone yet (MOVED).

        An avatar's tombstone is left in the same transaction, so that no fault comes between.
        """
        record = avatar.record
        if not record.held_by(self.owner):
            return TransactionResult(status=TransactionStatus.LOST)
        if not set(record.deletions).issubset(gone):
            return TransactionResult(status=TransactionStatus.MOVED, record=record)
        return _erased(avatar)

    def _lease(self, avatar: AvatarSnapshot) -> Lease:
        return Lease.granted(self.owner, Purpose.CLEAN_UP, now=avatar.now, life_s=self.lease_s)


def struck_off(avatar: AvatarSnapshot, gone: Collection[Deletion]) -> TransactionResult[Unleased]:
    """Forget what is deleted; and a clean-up that its own process has not ended, with the last."""
    record, is_there = avatar.record, avatar.document is not None
    left = tuple(each for each in record.deletions if each not in gone)
    record = replace(record, deletions=left)
    if is_there and not left and not record.lease_lives(avatar.now):
        record = without_clean_up(record)
    if not is_there and record.is_blank:
        return _erased(avatar)
    return TransactionResult(status=TransactionStatus.DONE, record=avatar.changed(record))


def _erased(avatar: AvatarSnapshot) -> TransactionResult[Literal[TransactionStatus.DONE]]:
    is_talk = avatar.subject.is_talk
    return TransactionResult(
        status=TransactionStatus.DONE,
        erases=True,
        deletes_document=is_talk and avatar.document is None,
        tombstone=0 if is_talk else avatar.record.deleted,
    )


def noted(
    avatar: AvatarSnapshot, deletion: Deletion, *, unless: str = ""
) -> TransactionResult[Unleased]:
    """Have something deleted that the ledger does not account for.

    Args:
        avatar: document and ledger.
        deletion: what is to go.
        unless: a claim whose result it is; if that is listed, it stays.
    """
    record = avatar.record
    if any(result.request_id == unless for result in record.results):
        return TransactionResult(status=TransactionStatus.DONE)
    return TransactionResult(
        status=TransactionStatus.DONE, record=avatar.changed(record.deleting(deletion))
    )


def without_clean_up(record: Record) -> Record:
    """Return the record without the lease of a clean-up, if it has one."""
    return replace(record, lease=None, freed="") if record.holds_clean_up else record
