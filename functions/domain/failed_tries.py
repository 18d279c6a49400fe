"""A wish that cannot be followed, before any claim, for a reason that nobody foresaw.

Pure. Its event or task is never acknowledged for being old: how long a wish has been in trouble is
counted in the ledger, from its first try that failed, by the database's time. What lasts is told to
the app, but is not final: the next try that succeeds replaces it. docs/contract.md, section 4.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from functions.domain.document import MIRROR, Relevant, Snapshot, State
from functions.domain.job_record import Problem, Record, Shown, Trouble
from functions.domain.request import Reader, Refusal, RenderRequest
from functions.domain.snapshot import Change, Standing, Verdict
from functions.domain.status_view import shown_fields
from functions.errors import Code

_TOLD_TRIES, _TOLD_MS = 3, 10 * 60_000
_GIVEN_UP_MS = 24 * 3_600_000  # Pub/Sub repeats an event no longer
_FORGOTTEN_MS = 3_600_000  # nobody waits that long for the next try: what is there is another's
_PENDING = (State.QUEUED, State.RENDERING)


def note(standing: Standing, relevant: object, reader: Reader) -> Change:
    """Count a try that failed; tell of it where it lasts and nothing answers the wish.

    AGAIN: to be tried again. FINAL: this has gone on for a day. MOVED, BUSY: not this try's matter.
    """
    document, now = standing.document, standing.now
    if document is None or document.relevant != relevant:
        return Change(verdict=Verdict.MOVED)
    if standing.record.lease_lives(now):
        return Change(verdict=Verdict.BUSY)
    trouble = _counted(standing.record, document, now)
    record = replace(standing.record, trouble=trouble)
    lasted = now - trouble.since
    if trouble.tries < _TOLD_TRIES or lasted < _TOLD_MS or _is_answered(standing, reader):
        return Change(verdict=Verdict.AGAIN, record=record)
    if not is_told(standing.record, document):
        error = Problem.of(Code.INTERNAL)
        shown = Shown(state=State.FAILED, error=error, requested=now, finished=now)
        record = replace(record, shown=shown)
    verdict = Verdict.AGAIN if lasted < _GIVEN_UP_MS else Verdict.FINAL
    return Change(verdict=verdict, record=record, fields=shown_fields(document, record))


def is_told(record: Record, document: Snapshot) -> bool:
    """Whether the trouble of this very wish is told already."""
    shown, trouble = record.shown, record.trouble
    if shown is None or trouble is None or trouble.wish != _name(document.relevant):
        return False
    code = None if shown.error is None else shown.error.code
    return not shown.fingerprint and (shown.state, code) == (State.FAILED, Code.INTERNAL)


def _counted(record: Record, document: Snapshot, now: int) -> Trouble:
    before, wish = record.trouble, _name(document.relevant)
    if before is None or before.wish != wish or now - before.last > _FORGOTTEN_MS:
        return Trouble(wish=wish, since=now, last=now, tries=1)
    return replace(before, last=now, tries=before.tries + 1)


def _is_answered(standing: Standing, reader: Reader) -> bool:
    """Whether what is shown is, or may be, what this wish has come to.

    Which objects are meant could not be found out, so parameters are all there is to tell by.
    """
    shown, document = standing.record.shown, standing.document
    if shown is None or document is None or is_told(standing.record, document):
        return False
    ask = reader.read(standing.avatar_id, document)
    if isinstance(ask, Refusal):
        code = None if shown.error is None else shown.error.code
        return (shown.state, code) == (ask.state, ask.code)
    if shown.state in _PENDING:
        return standing.record.attempts > 0  # the next try of an attempt, or its end
    same = isinstance(ask, RenderRequest) and shown.parameters == ask.parameters
    return bool(shown.fingerprint) and same


def _name(relevant: Relevant) -> str:
    """The wish's name, which must not depend on what its objects are: they could not be found."""
    inputs = relevant.inputs
    if isinstance(inputs, Mapping):
        inputs = {key: value for key, value in inputs.items() if key != MIRROR[-1]}
    text = json.dumps([inputs, *relevant.others], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else repr(value)
