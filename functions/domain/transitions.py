"""Decide how a record changes and what the document shows, inside a transaction.

Pure. Each method takes an `AvatarSnapshot` and returns a `TransactionResult`, which the ledger's
adapter commits. Methods are idempotent, so a commit whose answer was lost can be repeated. Rules:
contract.md, sections 3, 4 and 9.
"""

from dataclasses import dataclass, replace

from functions.domain.document import ABSENT, State
from functions.domain.failed_tries import is_told
from functions.domain.job_record import Dispatch, ErrorInfo, Missing, Record, Result, StatusView
from functions.domain.next_step import Answer, MissingInput, Reject, ReshowFailure, Reuse
from functions.domain.request import NotOptedIn, Reader, Refusal
from functions.domain.snapshot import (
    AvatarSnapshot,
    Claim,
    Failed,
    Held,
    RenderSpec,
    ReportedProgress,
    Started,
    Status,
    TransactionResult,
    TransactionStatus,
    Unleased,
)
from functions.domain.status_view import dynamics_fields, mirror_fields, shown_fields
from functions.domain.withdrawal import released, withdrawn
from functions.errors import Code
from functions.settings import Settings

ATTEMPTS = 3
_FIRST_STAGE = "download"  # shown by the claim
_HOUR_MS = 3_600_000


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """The rules of one deployment."""

    reader: Reader
    settings: Settings

    # --- without a lease: only while the document has not changed since it was read

    def answer(
        self, avatar: AvatarSnapshot, step: Answer, inputs_key: object
    ) -> TransactionResult[Unleased | Failed]:
        """Write what answers a request without a render."""
        match step:
            case Reuse():
                return self.reuse(avatar, step.spec, step.result)
            case ReshowFailure():
                return self.reshow_failure(avatar, step.spec)
            case Reject():
                return self.refuse(avatar, inputs_key, step.refusal)
            case MissingInput():
                return self.record_missing_input(avatar, step.spec, step.path, step.problem)

    def reuse(
        self, avatar: AvatarSnapshot, spec: RenderSpec, result: Result
    ) -> TransactionResult[Unleased]:
        """Publish a listed result again; repair the mirror where it is shown already."""
        if (precondition_failed := avatar.precondition_failed(spec.inputs_key)) is not None:
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
        if (precondition_failed := avatar.precondition_failed(spec.inputs_key)) is not None:
            return TransactionResult(status=precondition_failed)
        if not avatar.record.failed_for_good(spec.fingerprint):
            return TransactionResult(status=TransactionStatus.MOVED)
        return self._write(avatar, avatar.record, status=TransactionStatus.FINAL)

    def queue(self, avatar: AvatarSnapshot, spec: RenderSpec) -> TransactionResult[Unleased]:
        """Show `queued`, where no result, failure or running job answers the request already."""
        if (precondition_failed := avatar.precondition_failed(spec.inputs_key)) is not None:
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

    def refuse(
        self, avatar: AvatarSnapshot, inputs_key: object, refusal: Refusal
    ) -> TransactionResult[Unleased]:
        """Show why what the document asks for is not rendered."""
        if (precondition_failed := avatar.precondition_failed(inputs_key)) is not None:
            return TransactionResult(status=precondition_failed)
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
        if (precondition_failed := avatar.precondition_failed(spec.inputs_key)) is not None:
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
        if avatar.document is None:
            return TransactionResult(status=TransactionStatus.DONE)
        fields = mirror_fields(
            avatar.document, avatar.record, reader=self.reader, avatar_id=avatar.avatar_id
        )
        return TransactionResult(status=TransactionStatus.DONE, fields=fields)

    # --- the queue between gate and renderer

    def dispatch(self, avatar: AvatarSnapshot, spec: RenderSpec) -> TransactionResult[Started]:
        """Record a dispatch for this request; keep the one that is there already.

        Refuse what a claim would refuse, so that no renderer is started for it. A render in work
        does not prevent the dispatch: it may be stopped at any time, the task remains.
        """
        record, now, wanted = avatar.record, avatar.now, spec.fingerprint
        if (answer := _already_settled(avatar, spec)) is not None:
            return answer
        refusal = self._refuse_start(avatar, spec)
        if refusal is not None and not record.in_work(wanted, now):
            return refusal
        record = record.asking(wanted, spec.wish)
        if not record.dispatched(wanted, now):
            record = replace(record, dispatch=Dispatch(fingerprint=wanted, at=now), trouble=None)
        written: TransactionResult[Started] = self._write(
            avatar, record, status=TransactionStatus.DONE
        )
        return replace(written, dispatch=record.dispatch)

    def finish_task(
        self, avatar: AvatarSnapshot, inputs_key: object
    ) -> TransactionResult[Unleased]:
        """End a task: remove its dispatch, while the document is still the one that was handled.

        From here on the task counts no more: the next request, even an equal one, gets a task of
        its own.
        """
        document, shown = avatar.document, avatar.record.shown
        if avatar.inputs_key != inputs_key:
            return TransactionResult(status=TransactionStatus.MOVED)
        asks = document is not None and document.opted_in
        if asks and shown is not None and shown.state in (State.QUEUED, State.RENDERING):
            return TransactionResult(
                status=TransactionStatus.MOVED
            )  # it was requested again in between
        record = replace(avatar.record, dispatch=None)
        return TransactionResult(status=TransactionStatus.DONE, record=avatar.changed(record))

    # --- the claim

    def claim(
        self, avatar: AvatarSnapshot, claim: Claim, time_left_s: float, *, yielding: bool = False
    ) -> TransactionResult[Started]:
        """Take the lease, count the attempt, show `rendering`; or say why not.

        Args:
            avatar: document and ledger.
            claim: the attempt's id, and what it renders.
            time_left_s: until the render's deadline.
            yielding: wait for any unexpired lease, also one for another fingerprint. Deployments
                with different engines compute different fingerprints for one request: a job that
                lost its lease while the document did not change must not take it back, or both
                would go on for ever.
        """
        spec, record, now = claim.spec, avatar.record, avatar.now
        wanted = spec.fingerprint
        if record.held_by(claim.owner):
            return TransactionResult(status=TransactionStatus.DONE)
        if (answer := _already_settled(avatar, spec)) is not None:
            return answer
        if record.in_work(wanted, now) or (yielding and record.lease_lives(now)):
            return TransactionResult(status=TransactionStatus.BUSY)
        if (refusal := self._refuse_start(avatar, spec)) is not None:
            return refusal
        record = record.asking(wanted, spec.wish)
        if now < record.not_before:
            return TransactionResult(status=TransactionStatus.NOT_YET)
        return self._grant(avatar, record, claim, time_left_s)

    def _grant(
        self, avatar: AvatarSnapshot, record: Record, claim: Claim, time_left_s: float
    ) -> TransactionResult[Started]:
        spec, now = claim.spec, avatar.now
        shown = replace(
            spec.pending(record.shown, State.RENDERING, now),
            request_id=claim.owner,
            stage=_FIRST_STAGE,
            started=now,
            deadline=now + round(time_left_s * 1000),
        )
        record = replace(
            record,
            attempts=record.attempts + 1,
            wish=spec.wish,
            missing=None,
            trouble=None,
            percent=0,
            lease=claim.lease(now, self.settings.lease_s),
            shown=shown,
        )
        written: TransactionResult[Started] = self._write(
            avatar, record, status=TransactionStatus.DONE
        )
        return replace(written, counts=True)

    def _refuse_start(
        self, avatar: AvatarSnapshot, spec: RenderSpec
    ) -> TransactionResult[Started] | None:
        """Return the final failure of a request whose attempts or daily renders are used up."""
        record, starts = avatar.record.asking(spec.fingerprint, spec.wish), avatar.starts
        rules = self.settings
        code = None
        if starts.avatar >= rules.renders_per_day or starts.owner >= rules.renders_per_owner_day:
            code = Code.QUOTA_EXCEEDED
        if record.attempts >= ATTEMPTS:
            code = Code.RENDER_FAILED
        if code is None:
            return None
        shown = spec.pending(record.shown, State.FAILED, avatar.now, ErrorInfo.of(code))
        record = replace(record, lease=None, shown=shown)
        return self._write(avatar, record, status=TransactionStatus.FINAL)

    # --- under the lease

    def hold(self, avatar: AvatarSnapshot, claim: Claim) -> Held:
        """Tell whether a job may go on: DONE, LOST, or MOVED where the document asks otherwise."""
        if not avatar.record.held_by(claim.owner):
            return TransactionStatus.LOST
        if avatar.document is None:
            return TransactionStatus.MOVED
        ask = self.reader.read(avatar.avatar_id, avatar.document)
        if isinstance(ask, NotOptedIn) or claim.spec.request.same_render(ask):
            return TransactionStatus.DONE
        return TransactionStatus.MOVED

    def renew(
        self, avatar: AvatarSnapshot, claim: Claim, advance: ReportedProgress, *, show: bool
    ) -> TransactionResult[Held]:
        """Extend the lease and store the progress; with `show`, also show it in the document, once.

        The ledger tells whether it was shown before: the job may have missed the answer.
        """
        if (status := self.hold(avatar, claim)) is not TransactionStatus.DONE:
            return TransactionResult(status=status)
        record = replace(
            avatar.record,
            lease=claim.lease(avatar.now, self.settings.lease_s),
            percent=advance.percent,
        )
        if not show or record.shown is None or record.shown.stage != _FIRST_STAGE:
            return TransactionResult(status=TransactionStatus.DONE, record=record)
        shown = replace(
            record.shown, stage=advance.stage, percent=advance.percent, eta_s=advance.eta_s
        )
        return self._write(avatar, replace(record, shown=shown), status=TransactionStatus.DONE)

    def complete(
        self, avatar: AvatarSnapshot, claim: Claim, result: Result
    ) -> TransactionResult[Held]:
        """Publish: list the result, show `ready`, set the mirror, release the lease."""
        record = avatar.record
        if any(each.request_id == claim.owner for each in record.results):
            return TransactionResult(status=TransactionStatus.DONE)
        if (status := self.hold(avatar, claim)) is not TransactionStatus.DONE:
            return TransactionResult(status=status)
        before = record.shown or StatusView(state=State.RENDERING)
        result = replace(
            result,
            started=before.started or avatar.now,
            finished=avatar.now,
            deadline=before.deadline or avatar.now,
        )
        others = [each for each in record.results if each.fingerprint != result.fingerprint]
        kept, retired = self._retire((result, *others), avatar.now)
        record = replace(
            record,
            attempts=0,
            others={},
            lease=None,
            percent=100,
            results=kept,
            shown=claim.spec.answered(record.shown, result, avatar.now),
        )
        written: TransactionResult[Held] = self._write(
            avatar, record, status=TransactionStatus.DONE, publishing=True
        )
        return replace(written, retired=retired)

    def fail(
        self, avatar: AvatarSnapshot, claim: Claim, problem: ErrorInfo
    ) -> TransactionResult[Failed | Held]:
        """Record a failed attempt: show `queued` until the next one, or `failed` for good.

        MOVED also where the next attempt might succeed but the document asks for nothing any more:
        then the request is withdrawn.
        """
        if (status := self.hold(avatar, claim)) is not TransactionStatus.DONE:
            return TransactionResult(status=status)
        record, now = avatar.record, avatar.now
        asks = avatar.document is not None and avatar.document.opted_in
        if problem.retryable and not asks:  # opting in again makes a new request
            return withdrawn(avatar, replace(record, lease=None), TransactionStatus.MOVED)
        again = problem.retryable and record.attempts < ATTEMPTS
        state = State.QUEUED if again else State.FAILED
        record = replace(
            record,
            lease=None,
            not_before=now + round(self.settings.back_off_s(record.attempts) * 1000)
            if again
            else 0,
            shown=claim.spec.pending(record.shown, state, now, problem),
        )
        return self._write(
            avatar, record, status=TransactionStatus.AGAIN if again else TransactionStatus.FINAL
        )

    def release(self, avatar: AvatarSnapshot, owner: str) -> TransactionResult[Held]:
        """Release the lease, if this owner still holds it."""
        if not avatar.record.held_by(owner):
            return TransactionResult(status=TransactionStatus.LOST)
        return released(avatar)

    # --- parts

    def _retire(
        self, results: tuple[Result, ...], now: int
    ) -> tuple[tuple[Result, ...], tuple[Result, ...]]:
        oldest = now - self.settings.keep_hours * _HOUR_MS
        kept = tuple(
            result
            for place, result in enumerate(results)
            if place < self.settings.keep or result.finished > oldest
        )
        return kept, tuple(result for result in results if result not in kept)

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
                fields |= mirror_fields(
                    document,
                    record,
                    reader=self.reader,
                    avatar_id=avatar.avatar_id,
                    publishing=publishing,
                )
                if publishing and self.settings.mirror_dynamics:
                    fields |= dynamics_fields(document, record, now=avatar.now)
        return TransactionResult(status=status, record=avatar.changed(record), fields=fields)


def _already_settled(avatar: AvatarSnapshot, spec: RenderSpec) -> TransactionResult[Started] | None:
    """Return why this need not, or must not, be rendered; None: it is to be rendered."""
    if (precondition_failed := avatar.precondition_failed(spec.inputs_key)) is not None:
        return TransactionResult(status=precondition_failed)
    if avatar.record.result(spec.fingerprint) != spec.unfit:
        return TransactionResult(status=TransactionStatus.MOVED)
    if avatar.record.failed_for_good(spec.fingerprint):
        return TransactionResult(status=TransactionStatus.FINAL)
    return None
