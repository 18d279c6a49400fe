"""End a render that the document no longer asks for: show the last result again.

Pure. A document that asks for nothing gets no further event that would correct what it shows, so
each trigger that finds `queued` or `rendering` there replaces it: contract.md, section 1.
"""

from dataclasses import replace

from functions.domain.document import State
from functions.domain.job_record import Record
from functions.domain.snapshot import (
    AvatarSnapshot,
    Held,
    Status,
    TransactionResult,
    TransactionStatus,
    Unleased,
)
from functions.domain.status_view import shown_fields

_PENDING = (State.QUEUED, State.RENDERING)


def settle(avatar: AvatarSnapshot) -> TransactionResult[Unleased]:
    """Replace a pending state in a document that asks for nothing.

    BUSY while a lease has not expired, with its task, if there is one: the job may end by itself,
    or be killed.
    """
    document, record = avatar.document, avatar.record
    if document is None or document.opted_in or not document.shows_pending:
        return TransactionResult(status=TransactionStatus.DONE)
    if record.lease_lives(avatar.now):
        return TransactionResult(
            status=TransactionStatus.BUSY, dispatch=record.current_dispatch(avatar.now)
        )
    return withdrawn(avatar, record, TransactionStatus.DONE)


def released(avatar: AvatarSnapshot) -> TransactionResult[Held]:
    """Release the lease; replace a pending state where the document asks for nothing."""
    document, record = avatar.document, replace(avatar.record, lease=None)
    pending = record.shown is not None and record.shown.state in _PENDING
    if pending and document is not None and not document.opted_in:
        return withdrawn(avatar, record, TransactionStatus.DONE)
    return TransactionResult(status=TransactionStatus.DONE, record=avatar.changed(record))


def withdrawn(avatar: AvatarSnapshot, record: Record, status: Status) -> TransactionResult[Status]:
    """Show the last result of this record again, or nothing."""
    last = record.results[0] if record.results else None
    record = record.asking(last.fingerprint if last else "")
    shown = None if last is None else last.shown(requested=last.started)
    record = replace(record, lease=None, shown=shown)
    fields = {} if avatar.document is None else shown_fields(avatar.document, record)
    return TransactionResult(status=status, record=avatar.changed(record), fields=fields)
