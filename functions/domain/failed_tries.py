"""A wish that cannot be followed, before any claim, for a reason that nobody foresaw.

Pure. Its event or task is never acknowledged for being old: how long a wish has been in trouble is
counted in the ledger, from its first try that failed, by the database's time. What lasts is told to
the app, but is not final: the next try that succeeds replaces it. contract.md, section 4.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from functions.domain.document import MIRROR, Relevant, Snapshot, State
from functions.domain.job_record import ErrorInfo, FailedTries, Record, StatusView
from functions.domain.request import Reader, Refusal, RenderRequest
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.domain.status_view import shown_fields
from functions.errors import Code

_TOLD_TRIES, _TOLD_MS = 3, 10 * 60_000
_GIVEN_UP_MS = 24 * 3_600_000  # Pub/Sub repeats an event no longer
_FORGOTTEN_MS = 3_600_000  # nobody waits that long for the next try: what is there is another's
_PENDING = (State.QUEUED, State.RENDERING)


def note(avatar: AvatarSnapshot, inputs_key: object, reader: Reader) -> TransactionResult:
    """Count a try that failed; tell of it where it lasts and nothing answers the wish.

    AGAIN: to be tried again. FINAL: this has gone on for a day. MOVED, BUSY: not this try's matter.
    """
    document, now = avatar.document, avatar.now
    if document is None or document.inputs_key != inputs_key:
        return TransactionResult(status=TransactionStatus.MOVED)
    if avatar.record.lease_lives(now):
        return TransactionResult(status=TransactionStatus.BUSY)
    trouble = _counted(avatar.record, document, now)
    record = replace(avatar.record, trouble=trouble)
    lasted = now - trouble.since
    if trouble.tries < _TOLD_TRIES or lasted < _TOLD_MS or _is_answered(avatar, reader):
        return TransactionResult(status=TransactionStatus.AGAIN, record=record)
    if not is_told(avatar.record, document):
        error = ErrorInfo.of(Code.INTERNAL)
        shown = StatusView(state=State.FAILED, error=error, requested=now, finished=now)
        record = replace(record, shown=shown)
    status = TransactionStatus.AGAIN if lasted < _GIVEN_UP_MS else TransactionStatus.FINAL
    return TransactionResult(status=status, record=record, fields=shown_fields(document, record))


def is_told(record: Record, document: Snapshot) -> bool:
    """Whether the trouble of this very wish is told already."""
    shown, trouble = record.shown, record.trouble
    if shown is None or trouble is None or trouble.wish != _name(document.inputs_key):
        return False
    code = None if shown.error is None else shown.error.code
    return not shown.fingerprint and (shown.state, code) == (State.FAILED, Code.INTERNAL)


def _counted(record: Record, document: Snapshot, now: int) -> FailedTries:
    before, wish = record.trouble, _name(document.inputs_key)
    if before is None or before.wish != wish or now - before.last > _FORGOTTEN_MS:
        return FailedTries(wish=wish, since=now, last=now, tries=1)
    return replace(before, last=now, tries=before.tries + 1)


def _is_answered(avatar: AvatarSnapshot, reader: Reader) -> bool:
    """Whether what is shown is, or may be, what this wish has come to.

    Which objects are meant could not be found out, so parameters are all there is to tell by.
    """
    shown, document = avatar.record.shown, avatar.document
    if shown is None or document is None or is_told(avatar.record, document):
        return False
    ask = reader.read(avatar.avatar_id, document)
    if isinstance(ask, Refusal):
        code = None if shown.error is None else shown.error.code
        return (shown.state, code) == (ask.state, ask.code)
    if shown.state in _PENDING:
        return avatar.record.attempts > 0  # the next try of an attempt, or its end
    same = isinstance(ask, RenderRequest) and shown.parameters == ask.parameters
    return bool(shown.fingerprint) and same


def _name(inputs_key: Relevant) -> str:
    """The wish's name, which must not depend on what its objects are: they could not be found."""
    inputs = inputs_key.inputs
    if isinstance(inputs, Mapping):
        inputs = {key: value for key, value in inputs.items() if key != MIRROR[-1]}
    text = json.dumps([inputs, *inputs_key.others], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else repr(value)
