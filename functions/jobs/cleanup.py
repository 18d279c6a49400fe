"""Carry out deletions: those that a ledger has noted, and all of a deleted avatar's.

After an avatar's deletion everything in its folders goes, the ledger last, which leaves a
tombstone; contract.md, section 7. A clean-up holds a lease that no render takes over, and never
recreates the document. What its transactions change is decided in `domain.transitions.deletions`.
"""

from functools import partial
from uuid import uuid4

from functions.domain.job_record import Deletion, Record
from functions.domain.snapshot import Held, TransactionStatus, Unleased
from functions.domain.subject import Subject
from functions.domain.transitions.deletions import Cleaner, struck_off
from functions.errors import LeaseLost, RetryLater
from functions.jobs.lease import Heartbeat, retry
from functions.jobs.ports import Dependencies
from functions.jobs.turns import wake
from functions.observability import log


def clean_up(deps: Dependencies, subject: Subject) -> Unleased:
    """Delete all of a deleted avatar; where its document is there again, what is still noted.

    Returns:
        DONE, or MOVED: the document exists again, or BUSY: another job is cleaning up.

    Raises:
        RetryLater: something could not be deleted, or the lease ran out and another took over.
    """
    cleaner = Cleaner(
        owner=str(uuid4()),
        lease_s=deps.settings.lease_s,
        keeps_inputs=deps.settings.keep_inputs,
    )
    begun = deps.ledger.transact(subject, cleaner.begin)
    if begun.status is TransactionStatus.MOVED:
        _finish_earlier(deps, subject)
    if begun.status is not TransactionStatus.DONE or begun.record is None:
        return begun.status
    wake(deps, begun.record.freed)  # before the ledger goes, which alone knows whom

    gone: list[Deletion] = []
    record: Record | None = begun.record
    while record is not None:  # another may have noted more meanwhile
        gone += _carry_out(deps, subject, cleaner, record)
        ended = deps.ledger.transact(subject, partial(cleaner.end, gone=tuple(gone)))
        record = ended.record
    log.info("cleaned up", verdict=ended.status.value)
    if ended.status is TransactionStatus.LOST:
        raise RetryLater(f"the clean-up of {subject} lost its lease to another")
    return TransactionStatus.DONE


def _carry_out(
    deps: Dependencies, subject: Subject, cleaner: Cleaner, record: Record
) -> tuple[Deletion, ...]:
    """Delete everything noted; what cannot be deleted spares nothing else."""
    settings, failed = deps.settings, []

    def renew() -> Held:
        return deps.ledger.transact(subject, cleaner.renew).status

    with Heartbeat(
        renew, deps.clock, every_s=settings.heartbeat_s, lease_s=settings.lease_s
    ) as heartbeat:
        for deletion in record.deletions:
            if deletion_fault(deps, deletion) is not None:
                failed.append(deletion.path)
            try:
                heartbeat.beat()
            except LeaseLost as lost:  # ordinary contention: another look, and no error in the log
                raise RetryLater(f"the clean-up of {subject} stopped: {lost}") from None
    if failed:
        raise RetryLater(f"not deleted: {', '.join(failed)}")
    return record.deletions


def _finish_earlier(deps: Dependencies, subject: Subject) -> None:
    """Delete what an earlier clean-up has noted, though the avatar's document is there again."""
    if not dispose(deps, subject):
        raise RetryLater(f"not everything of {subject}'s former life could be deleted")


def dispose(
    deps: Dependencies,
    subject: Subject,
    record: Record | None = None,
    *,
    no_clean_up: bool = False,
    within_s: float = 0.0,
) -> bool:
    """Carry out what is noted; what fails stays noted, and is told in the log.

    Leave the folders of a clean-up to it while its lease may live. It may end long before that, and
    a next life may begin: a late caller would delete objects of that life which are still older
    than the moment up to which the folders are to be emptied.

    Args:
        deps: where.
        subject: whose.
        record: the ledger as it was just seen; None: it is to be read.
        no_clean_up: no clean-up is under way: its lease, if there is one, has run out.
        within_s: what fails is repeated for so long.

    Returns:
        Whether nothing is left of it.
    """
    known = record

    def carry_out() -> bool:
        nonlocal known
        record, known = known or deps.ledger.read(subject).record, None
        if not record.owes_deletions:
            return True
        spared = record.holds_clean_up and not no_clean_up
        due = [each for each in record.deletions if not (spared and each.until is not None)]
        faults = {each: deletion_fault(deps, each) for each in due}
        gone = [each for each, fault in faults.items() if fault is None]
        deps.ledger.transact(subject, lambda now: struck_off(now, gone))
        for fault in faults.values():
            if fault is not None:
                raise fault
        return len(due) == len(record.deletions)

    try:
        return retry(deps.clock, carry_out, within_s=within_s)
    except Exception as fault:  # another will come upon what is noted, and delete it once more
        log.warning("deletions not carried out", reason=str(fault))
        return False


def deletion_fault(deps: Dependencies, deletion: Deletion) -> Exception | None:
    """Carry out one; return the fault that hindered it."""
    try:
        if deletion.documents:
            deps.ledger.delete_documents(deletion)
        elif deletion.generation:
            deps.media.delete(deletion.path, deletion.generation)
        else:
            deps.media.delete_prefix(deletion)
    except Exception as fault:
        log.warning("not deleted", path=deletion.path, reason=str(fault))
        return fault
    return None
