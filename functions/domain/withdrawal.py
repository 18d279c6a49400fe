"""What becomes of a render that a document no longer asks for: the last result is shown again.

Pure. A document that asks for nothing has no event that would look after what it shows, so whoever
comes upon a `queued` or `rendering` there takes it back: contract.md, section 1.
"""

from dataclasses import replace

from functions.domain.document import State
from functions.domain.job_record import Record
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.domain.status_view import shown_fields

_PENDING = (State.QUEUED, State.RENDERING)


def settle(avatar: AvatarSnapshot) -> TransactionResult:
    """Take back what is pending in a document that asks for nothing.

    BUSY while a lease lives, with the task that stands for it, if any: the job may end it by
    itself, or be killed.
    """
    document, record = avatar.document, avatar.record
    if document is None or document.opted_in or not document.shows_pending:
        return TransactionResult(status=TransactionStatus.DONE)
    if record.lease_lives(avatar.now):
        return TransactionResult(
            status=TransactionStatus.BUSY, dispatch=record.standing_dispatch(avatar.now)
        )
    return withdrawn(avatar, record)


def released(avatar: AvatarSnapshot) -> TransactionResult:
    """Give up the lease, and take back what is pending where the document asks for nothing."""
    document, record = avatar.document, replace(avatar.record, lease=None)
    pending = record.shown is not None and record.shown.state in _PENDING
    if pending and document is not None and not document.opted_in:
        return withdrawn(avatar, record)
    return TransactionResult(status=TransactionStatus.DONE, record=avatar.changed(record))


def withdrawn(
    avatar: AvatarSnapshot, record: Record, status: TransactionStatus = TransactionStatus.DONE
) -> TransactionResult:
    """Show the last result of this record again, or nothing."""
    last = record.results[0] if record.results else None
    record = record.asking(last.fingerprint if last else "")
    shown = None if last is None else last.shown(requested=last.started)
    record = replace(record, lease=None, shown=shown)
    fields = {} if avatar.document is None else shown_fields(avatar.document, record)
    return TransactionResult(status=status, record=avatar.changed(record), fields=fields)
