"""Carry out the deletions that a ledger has noted, and remove the notes once they are done.

What is to be deleted is noted in the very transaction that makes it so (`AvatarSnapshot.changed`),
so neither a lost answer nor a fault nor the end of a process can forget it: the next event or task
of the avatar finds it. Deleting twice does no harm. Pure but for `dispose` and `delete`.
"""

from collections.abc import Collection
from dataclasses import replace

from functions.domain.job_record import Deletion, Purpose, Record
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.jobs.ports import Dependencies
from functions.observability import log


def dispose(
    deps: Dependencies,
    avatar_id: str,
    record: Record | None = None,
    *,
    no_clean_up: bool = False,
) -> bool:
    """Carry out what is noted; what fails now stays noted, and is told in the log.

    Leave the folders of a clean-up to it while its lease may live. It may end long before that, and
    a next life may begin: a late caller would delete objects of that life which are still older
    than the moment up to which the folders are to be emptied.

    Args:
        deps: where.
        avatar_id: whose.
        record: the ledger as it was just seen; None: it is to be read.
        no_clean_up: the lease of a clean-up, if there is one, has run out.

    Returns:
        Whether nothing is left of it.
    """
    try:
        record = record or deps.ledger.read(avatar_id).record
        if not owes_deletions(record):
            return True
        spared = _holds_clean_up(record) and not no_clean_up
        due = [each for each in record.deletions if not (spared and each.until is not None)]
        gone = [each for each in due if delete(deps, each)]
        deps.ledger.transact(avatar_id, lambda now: struck_off(now, gone))
    except Exception as fault:  # then they are deleted once more
        log.warning("deletions not struck off", reason=str(fault))
        return False
    return len(gone) == len(record.deletions)


def delete(deps: Dependencies, deletion: Deletion) -> bool:
    """Carry out one; whether it is done."""
    try:
        if deletion.generation:
            deps.media.delete(deletion.path, deletion.generation)
        else:
            deps.media.delete_prefix(deletion)
    except Exception as fault:
        log.warning("object not deleted", path=deletion.path, reason=str(fault))
        return False
    return True


def struck_off(avatar: AvatarSnapshot, gone: Collection[Deletion]) -> TransactionResult:
    """Forget what is deleted; and a clean-up that its own process has not ended, with the last."""
    record, is_there = avatar.record, avatar.document is not None
    left = tuple(each for each in record.deletions if each not in gone)
    record = replace(record, deletions=left)
    if is_there and not left and not record.lease_lives(avatar.now):
        record = without_clean_up(record)
    if not is_there and record == Record():
        return TransactionResult(status=TransactionStatus.DONE, erases=True)
    return TransactionResult(status=TransactionStatus.DONE, record=avatar.changed(record))


def noted(avatar: AvatarSnapshot, deletion: Deletion, *, unless: str = "") -> TransactionResult:
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
    """The record without the lease of a clean-up, if it has one."""
    return replace(record, lease=None) if _holds_clean_up(record) else record


def owes_deletions(record: Record) -> bool:
    """Whether something is noted for deletion, or a clean-up was begun."""
    return bool(record.deletions) or _holds_clean_up(record)


def _holds_clean_up(record: Record) -> bool:
    return record.lease is not None and record.lease.purpose is Purpose.CLEAN_UP
