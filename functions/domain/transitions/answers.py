"""What is written without a lease: answers, `queued`, failures before a claim, what is taken back.

Pure. Each method takes an `AvatarSnapshot` and returns a `TransactionResult`. An answer is written
only while the document has not changed since it was read. Rules: contract.md, sections 1, 3 and 4.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from functions.domain.document import MIRROR, PENDING, Document, Relevant, State
from functions.domain.field_values import ABSENT
from functions.domain.job_record import ErrorInfo, FailedTries, Missing, Record, Result, StatusView
from functions.domain.job_record.status_view import dynamics_fields, mirror_fields, shown_fields
from functions.domain.next_step import Answer, MissingInput, Reject, ReshowFailure, Reuse
from functions.domain.request import Reader, Refusal, RenderRequest
from functions.domain.snapshot import (
    AvatarSnapshot,
    Failed,
    RenderSpec,
    Status,
    TransactionResult,
    TransactionStatus,
    Unleased,
)
from functions.errors import Code
from functions.settings import Settings

_TOLD_TRIES, _TOLD_MS = 3, 10 * 60_000
_GIVEN_UP_MS = 24 * 3_600_000  # as long as Pub/Sub repeats an event
_FORGOTTEN_MS = 3_600_000  # no delivery pauses that long: an older count belongs to an earlier wish


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The rules of one deployment that need no lease."""

    reader: Reader
    settings: Settings

    def answer(self, avatar: AvatarSnapshot, step: Answer) -> TransactionResult[Unleased | Failed]:
        """Write what answers a request without a render."""
        match step:
            case Reuse():
                return self.reuse(avatar, step.spec, step.result)
            case ReshowFailure():
                return self.reshow_failure(avatar, step.spec)
            case Reject():
                return self.refuse(avatar, step)
            case MissingInput():
                return self.record_missing_input(avatar, step.spec, step.path, step.problem)

    def reuse(
        self, avatar: AvatarSnapshot, spec: RenderSpec, result: Result
    ) -> TransactionResult[Unleased]:
        """Publish a listed result again; repair the mirror where it is shown already."""
        if (precondition_failed := spec.precondition_failed(avatar)) is not None:
            return TransactionResult(status=precondition_failed)
        listed = avatar.record.result(spec.fingerprint)
        if listed is None or listed != result:
            return TransactionResult(status=TransactionStatus.MOVED)
        record = avatar.record.asking(spec.fingerprint, spec.wish)
        others = (each for each in record.results if each != listed)
        shown = spec.answered(record.shown, listed, avatar.now)
        record = replace(record, lease=None, results=(listed, *others), shown=shown)
        # A document that was created again shows nothing, although its ledger lists results.
        anew = avatar.document is not None and avatar.document.output is ABSENT
        return self._write(
            avatar,
            record,
            status=TransactionStatus.DONE,
            publishing=anew or record != avatar.record,
        )

    def reshow_failure(
        self, avatar: AvatarSnapshot, spec: RenderSpec
    ) -> TransactionResult[Unleased | Failed]:
        """Show a final failure again where another state was forged; repair the mirror."""
        if (precondition_failed := spec.precondition_failed(avatar)) is not None:
            return TransactionResult(status=precondition_failed)
        if not avatar.record.failed_for_good(spec.fingerprint):
            return TransactionResult(status=TransactionStatus.MOVED)
        return self._write(avatar, avatar.record, status=TransactionStatus.FINAL)

    def queue(self, avatar: AvatarSnapshot, spec: RenderSpec) -> TransactionResult[Unleased]:
        """Show `queued`, where no result, failure or running job answers the request already."""
        if (precondition_failed := spec.precondition_failed(avatar)) is not None:
            return TransactionResult(status=precondition_failed)
        record, wanted = avatar.record, spec.fingerprint
        told = avatar.document is not None and is_told(record, avatar.document)
        if told or record.in_work(wanted, avatar.now) or record.failed_for_good(wanted):
            return TransactionResult(status=TransactionStatus.DONE)
        if record.result(wanted) != spec.unfit:
            return TransactionResult(status=TransactionStatus.DONE)
        if not record.queued_for(wanted):
            record = record.asking(wanted, spec.wish)
            record = replace(record, shown=spec.pending(record.shown, State.QUEUED, avatar.now))
        return self._write(avatar, record, status=TransactionStatus.DONE)

    def refuse(self, avatar: AvatarSnapshot, step: Reject) -> TransactionResult[Unleased]:
        """Show why what the document asks for is not rendered."""
        precondition_failed = avatar.precondition_failed(step.inputs_key, step.asked_before, "")
        if precondition_failed is not None:
            return TransactionResult(status=precondition_failed)
        refusal = step.refusal
        problem = None if refusal.code is None else ErrorInfo.of(refusal.code, refusal.field)
        before, now = avatar.record.shown, avatar.now
        shown = StatusView(state=refusal.state, error=problem, requested=now, finished=now)
        if before is not None and shown == replace(before, requested=now, finished=now):
            shown = before  # keep the times of the first refusal
        record = replace(avatar.record.asking(""), shown=shown)
        return self._write(avatar, record, status=TransactionStatus.DONE)

    def record_missing_input(
        self, avatar: AvatarSnapshot, spec: RenderSpec, path: str, problem: ErrorInfo
    ) -> TransactionResult[Unleased | Failed]:
        """Record that an input is missing: try again for a while, without an attempt, then fail."""
        if (precondition_failed := spec.precondition_failed(avatar)) is not None:
            return TransactionResult(status=precondition_failed)
        record, now = avatar.record.asking(spec.fingerprint, spec.wish), avatar.now
        if record.failed_for_good(spec.fingerprint):
            return TransactionResult(status=TransactionStatus.FINAL)
        known = record.missing is not None and record.missing.path == path
        since = record.missing.since if record.missing is not None and known else now
        over = now - since >= self.settings.grace_s * 1000
        state = State.FAILED if over else State.QUEUED
        record = replace(
            record,
            missing=Missing(path=path, since=since),
            shown=spec.pending(record.shown, state, now, problem),
        )
        return self._write(
            avatar, record, status=TransactionStatus.FINAL if over else TransactionStatus.AGAIN
        )

    def repair_mirror(self, avatar: AvatarSnapshot) -> TransactionResult[Unleased]:
        """Repair the mirror after a stale save; write nothing else."""
        fields = self.mirrors(avatar, avatar.record)
        return TransactionResult(status=TransactionStatus.DONE, fields=fields)

    def mirrors(
        self, avatar: AvatarSnapshot, record: Record, *, publishing: bool = False
    ) -> dict[str, object]:
        """Return what the mirrors lack to show the last result."""
        document = avatar.document
        if document is None:
            return {}
        reader, avatar_id = self.reader, avatar.avatar_id
        fields = mirror_fields(
            document, record, reader=reader, avatar_id=avatar_id, publishing=publishing
        )
        if self.settings.mirror_dynamics:
            fields |= dynamics_fields(
                document,
                record,
                reader=reader,
                avatar_id=avatar_id,
                now=avatar.now,
                publishing=publishing,
            )
        return fields

    def settle(self, avatar: AvatarSnapshot) -> TransactionResult[Unleased]:
        """Replace a pending state in a document that asks for nothing.

        Such a document gets no further event that would correct what it shows. BUSY while a lease
        has not expired: the job may end by itself, or be killed. Return the task, if there is one.
        """
        document, record = avatar.document, avatar.record
        task = record.current_dispatch(avatar.now)
        if document is None or document.opted_in or not document.shows_pending:
            return TransactionResult(status=TransactionStatus.DONE, dispatch=task)
        if record.lease_lives(avatar.now):
            return TransactionResult(status=TransactionStatus.BUSY, dispatch=task)
        back: TransactionResult[Unleased] = withdrawn(avatar, record, TransactionStatus.DONE)
        return replace(back, dispatch=task)

    def note_failed_try(
        self, avatar: AvatarSnapshot, inputs_key: object
    ) -> TransactionResult[Unleased | Failed]:
        """Count a try that failed before any claim, for an unforeseen reason.

        An event or task is never acknowledged for its age alone: the ledger keeps the time of the
        first failed try. Show `failed` where failures last and no result answers the wish; the next
        try that succeeds replaces it. AGAIN: to be tried again. FINAL: it has failed for a day.
        MOVED, BUSY: the document has changed, or a job works on it; nothing is counted.
        """
        document, now = avatar.document, avatar.now
        if document is None or not document.opted_in or document.inputs_key != inputs_key:
            return TransactionResult(status=TransactionStatus.MOVED)
        if avatar.record.lease_lives(now):
            return TransactionResult(status=TransactionStatus.BUSY)
        trouble = _counted(avatar.record, document, now)
        record = replace(avatar.record, trouble=trouble)
        lasted = now - trouble.since
        if trouble.tries < _TOLD_TRIES or lasted < _TOLD_MS or _is_answered(avatar, self.reader):
            return TransactionResult(status=TransactionStatus.AGAIN, record=record)
        if not is_told(avatar.record, document):
            error = ErrorInfo.of(Code.INTERNAL)
            shown = StatusView(state=State.FAILED, error=error, requested=now, finished=now)
            record = replace(record, shown=shown)
        status: Failed = (
            TransactionStatus.AGAIN if lasted < _GIVEN_UP_MS else TransactionStatus.FINAL
        )
        return TransactionResult(
            status=status, record=record, fields=shown_fields(document, record)
        )

    def _write(
        self,
        avatar: AvatarSnapshot,
        record: Record,
        *,
        status: Status,
        publishing: bool = False,
    ) -> TransactionResult[Status]:
        """Return the record, and the fields that the document does not show yet."""
        document = avatar.document
        fields: dict[str, object] = {}
        if document is not None:
            fields = shown_fields(document, record)
            if document.opted_in:
                fields |= self.mirrors(avatar, record, publishing=publishing)
        return TransactionResult(status=status, record=avatar.changed(record), fields=fields)


def withdrawn(avatar: AvatarSnapshot, record: Record, status: Status) -> TransactionResult[Status]:
    """Show the last result of this record again, or nothing."""
    last = record.results[0] if record.results else None
    record = record.asking(last.fingerprint if last else "")
    shown = None if last is None else last.shown(requested=last.started)
    record = replace(record, lease=None, shown=shown)
    fields = {} if avatar.document is None else shown_fields(avatar.document, record)
    return TransactionResult(status=status, record=avatar.changed(record), fields=fields)


def is_told(record: Record, document: Document) -> bool:
    """Tell whether the document already shows the failed tries of this very wish."""
    shown, trouble = record.shown, record.trouble
    if shown is None or trouble is None or trouble.wish != wish_digest(document.inputs_key):
        return False
    code = None if shown.error is None else shown.error.code
    return not shown.fingerprint and (shown.state, code) == (State.FAILED, Code.INTERNAL)


def _counted(record: Record, document: Document, now: int) -> FailedTries:
    before, wish = record.trouble, wish_digest(document.inputs_key)
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
    ask = reader.read(avatar.subject, document)
    if isinstance(ask, Refusal):
        code = None if shown.error is None else shown.error.code
        return (shown.state, code) == (ask.state, ask.code)
    if shown.state in PENDING:
        return avatar.record.attempts > 0  # the next try of an attempt, or its end
    if not isinstance(ask, RenderRequest) or not shown.fingerprint:
        return False
    talk = None if ask.talk is None else ask.talk.parameters
    return (shown.parameters, shown.talk) == (ask.parameters, talk)


def wish_digest(inputs_key: Relevant) -> str:
    """Return a digest of the wish, without its objects: they could not be read."""
    inputs = "too large" if inputs_key.too_large else inputs_key.inputs
    if isinstance(inputs, Mapping):
        inputs = {key: value for key, value in inputs.items() if key != MIRROR[-1]}
    text = json.dumps([inputs, *inputs_key.others], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else repr(value)
