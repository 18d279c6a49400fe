"""Count tries that failed before any claim, for an unforeseen reason.

Pure. An event or task of such a wish is never acknowledged for its age alone: the ledger keeps the
time of the first failed try, by the database's clock. A failure that lasts is shown to the app, but
is not final: the next try that succeeds replaces it. contract.md, section 4.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from functions.domain.document import MIRROR, Relevant, Snapshot, State
from functions.domain.job_record import ErrorInfo, FailedTries, Record, StatusView
from functions.domain.request import Reader, Refusal, RenderRequest
from functions.domain.snapshot import (
    AvatarSnapshot,
    Failed,
    TransactionResult,
    TransactionStatus,
    Unleased,
)
from functions.domain.status_view import shown_fields
from functions.errors import Code

_TOLD_TRIES, _TOLD_MS = 3, 10 * 60_000
_GIVEN_UP_MS = 24 * 3_600_000  # as long as Pub/Sub repeats an event
_FORGOTTEN_MS = 3_600_000  # no delivery pauses that long: an older count belongs to an earlier wish
_PENDING = (State.QUEUED, State.RENDERING)


def note(
    avatar: AvatarSnapshot, inputs_key: object, reader: Reader
) -> TransactionResult[Unleased | Failed]:
    """Count a failed try; show `failed` where failures last and no result answers the wish.

    AGAIN: to be tried again. FINAL: it has failed for a day. MOVED, BUSY: the document has changed,
    or a job works on it; nothing is counted.
    """
    document, now = avatar.document, avatar.now
    if document is None or not document.opted_in or document.inputs_key != inputs_key:
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
    status: Failed = TransactionStatus.AGAIN if lasted < _GIVEN_UP_MS else TransactionStatus.FINAL
    return TransactionResult(status=status, record=record, fields=shown_fields(document, record))


def is_told(record: Record, document: Snapshot) -> bool:
    """Tell whether the document already shows the failed tries of this very wish."""
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
    """Tell whether what is shown answers this wish, or may answer it.

    The input objects could not be read, so only the parameters can be compared.
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
    """Return a digest of the wish, without its objects: they could not be read."""
    inputs = inputs_key.inputs
    if isinstance(inputs, Mapping):
        inputs = {key: value for key, value in inputs.items() if key != MIRROR[-1]}
    text = json.dumps([inputs, *inputs_key.others], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else repr(value)
