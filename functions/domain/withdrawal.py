"""What becomes of a render that a document no longer asks for: the last result is shown again.

Pure. A document that asks for nothing has no event that would look after what it shows, so whoever
comes upon a `queued` or `rendering` there takes it back: docs/contract.md, section 1.
"""

from dataclasses import replace

from functions.domain.document import State
from functions.domain.job_record import Record
from functions.domain.snapshot import Change, Standing, Verdict
from functions.domain.status_view import shown_fields

_PENDING = (State.QUEUED, State.RENDERING)


def settle(standing: Standing) -> Change:
    """Take back what is pending in a document that asks for nothing.

    BUSY while a lease lives, with the task that stands for it, if any: the job may end it by
    itself, or be killed.
    """
    document, record = standing.document, standing.record
    if document is None or document.opted_in or not document.shows_pending:
        return Change(verdict=Verdict.DONE)
    if record.lease_lives(standing.now):
        return Change(verdict=Verdict.BUSY, dispatch=record.standing_dispatch(standing.now))
    return withdrawn(standing, record)


def released(standing: Standing) -> Change:
    """Give up the lease, and take back what is pending where the document asks for nothing."""
    document, record = standing.document, replace(standing.record, lease=None)
    pending = record.shown is not None and record.shown.state in _PENDING
    if pending and document is not None and not document.opted_in:
        return withdrawn(standing, record)
    return Change(verdict=Verdict.DONE, record=standing.changed(record))


def withdrawn(standing: Standing, record: Record, verdict: Verdict = Verdict.DONE) -> Change:
    """Show the last result of this record again, or nothing."""
    last = record.results[0] if record.results else None
    record = record.asking(last.fingerprint if last else "")
    shown = None if last is None else last.shown(requested=last.started)
    record = replace(record, lease=None, shown=shown)
    fields = {} if standing.document is None else shown_fields(standing.document, record)
    return Change(verdict=verdict, record=standing.changed(record), fields=fields)
