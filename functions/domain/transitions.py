"""Decide how a record changes and what the document shows, inside a transaction.

Pure. Each method takes an `AvatarSnapshot` and returns a `TransactionResult`, which the ledger's
adapter commits. Methods are idempotent, so a commit whose answer was lost can be repeated. What
needs no lease is in `answers`. Rules: contract.md, sections 3, 4 and 9.
"""

from dataclasses import dataclass, replace

from functions.domain.answers import Answers, withdrawn
from functions.domain.daily_total import share_of
from functions.domain.document import PENDING, State
from functions.domain.job_record import Dispatch, ErrorInfo, Record, Result, StatusView
from functions.domain.request import NotOptedIn
from functions.domain.snapshot import (
    AvatarSnapshot,
    Claim,
    Failed,
    Held,
    RenderSpec,
    ReportedProgress,
    Started,
    TransactionResult,
    TransactionStatus,
    Unleased,
)
from functions.errors import Code

ATTEMPTS = 3
_RETURNS = 5  # attempts of one request that are given back uncounted: it may itself be the reason
_FIRST_STAGE = "download"  # shown by the claim
_HOUR_MS = 3_600_000


@dataclass(frozen=True, kw_only=True)
class Transitions(Answers):
    """The rules of one deployment."""

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
            record = replace(
                record,
                dispatch=Dispatch(fingerprint=wanted, at=now),
                trouble=None if record.trouble is None else record.trouble.counted_anew(now),
            )
        written: TransactionResult[Started] = self._write(
            avatar, record, status=TransactionStatus.DONE
        )
        return replace(written, dispatch=record.dispatch)

    def finish_task(
        self, avatar: AvatarSnapshot, inputs_key: object, dispatch: Dispatch
    ) -> TransactionResult[Unleased]:
        """End a task: remove its dispatch, while the document is still the one that was handled.

        From here on the task counts no more: the next request, even an equal one, gets a task of
        its own.
        """
        document, shown = avatar.document, avatar.record.shown
        if avatar.record.dispatch != dispatch:  # it was ended, or a newer one stands
            return TransactionResult(status=TransactionStatus.DONE)
        if avatar.inputs_key != inputs_key:
            return TransactionResult(status=TransactionStatus.MOVED)
        asks = document is not None and document.opted_in
        if asks and shown is not None and shown.state in PENDING:
            return TransactionResult(
                status=TransactionStatus.MOVED
            )  # it was requested again in between
        record = replace(avatar.record, dispatch=None)
        return TransactionResult(status=TransactionStatus.DONE, record=avatar.changed(record))

    def follow_up(
        self, avatar: AvatarSnapshot, task: Dispatch, after_s: float
    ) -> TransactionResult[Unleased]:
        """Let another task, due later, stand for what this task has not brought to its end.

        Return its dispatch. One that is not due yet is kept: it may be this follow-up, decided
        before, whose task is still to be made. None: another task stands, or none any more.
        """
        record, now = avatar.record, avatar.now
        if record.dispatch is not None and record.dispatch.due > now:
            return TransactionResult(status=TransactionStatus.DONE, dispatch=record.dispatch)
        if record.dispatch != task:
            return TransactionResult(status=TransactionStatus.MOVED)
        due = max(now + round(after_s * 1000), record.not_before)
        later = replace(task, at=max(now, task.at + 1), due=due)  # a name of its own
        changed = avatar.changed(replace(record, dispatch=later))
        return TransactionResult(status=TransactionStatus.DONE, record=changed, dispatch=later)

    # --- the claim

    def claim(
        self,
        avatar: AvatarSnapshot,
        claim: Claim,
        time_left_s: float,
        *,
        dispatch: Dispatch | None = None,
        yielding: bool = False,
    ) -> TransactionResult[Started]:
        """Take the lease, count the attempt, show `rendering`; or say why not.

        Args:
            avatar: document and ledger.
            claim: the attempt's id, and what it renders.
            time_left_s: until the render's deadline.
            dispatch: of the task that renders it. Where it has been taken off the ledger, no queue
                repeats an attempt that fails.
            yielding: wait for any unexpired lease, also one for another fingerprint. Deployments
                with different engines compute different fingerprints for one request: a job that
                lost its lease while the document did not change must not take it back, or both
                would go on for ever.
        """
        spec, record, now = claim.spec, avatar.record, avatar.now
        wanted = spec.fingerprint
        if record.held_by(claim.owner):
            return TransactionResult(status=TransactionStatus.DONE)
        if dispatch not in (None, record.dispatch):
            return TransactionResult(status=TransactionStatus.MOVED)
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
            owner=(None if avatar.document is None else avatar.document.owner) or "",
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
        if (
            starts.avatar >= rules.renders_per_day
            or starts.owner >= rules.renders_per_owner_day
            or starts.share >= share_of(avatar.avatar_id, rules.renders_per_day_total).most
            or (
                avatar.subject.is_talk
                and starts.spoken_ms >= rules.talk_seconds_per_owner_day * 1000
            )
        ):
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
        ask = self.reader.read(avatar.subject, avatar.document)
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
            returned=0,
            others={},
            lease=None,
            percent=100,
            results=kept,
            shown=claim.spec.answered(record.shown, result, avatar.now),
        )
        written: TransactionResult[Held] = self._write(
            avatar, record, status=TransactionStatus.DONE, publishing=True
        )
        spoken_ms = 0 if result.talk is None else result.duration_ms
        return replace(written, retired=retired, spoken_ms=spoken_ms)

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
        """Release the lease, if this owner still holds it.

        Take a pending state back where the document asks for nothing any more.
        """
        if not avatar.record.held_by(owner):
            return TransactionResult(status=TransactionStatus.LOST)
        document, record = avatar.document, replace(avatar.record, lease=None)
        pending = record.shown is not None and record.shown.state in PENDING
        if pending and document is not None and not document.opted_in:
            return withdrawn(avatar, record, TransactionStatus.DONE)
        return TransactionResult(status=TransactionStatus.DONE, record=avatar.changed(record))

    def give_back(self, avatar: AvatarSnapshot, claim: Claim) -> TransactionResult[Held]:
        """Release the lease of an attempt whose process ends, and do not count the attempt.

        Show `queued` again: the next delivery renders at once. MOVED where the document asks for
        something else: then it is released alone.
        """
        status, record = self.hold(avatar, claim), avatar.record
        if status is TransactionStatus.LOST:
            return TransactionResult(status=status)
        asks = avatar.document is not None and avatar.document.opted_in
        if status is not TransactionStatus.DONE or not asks:
            return replace(self.release(avatar, claim.owner), status=status)
        counted = record.returned >= _RETURNS
        record = replace(
            record,
            lease=None,
            attempts=record.attempts if counted else record.attempts - 1,
            returned=record.returned + 1,
            shown=claim.spec.pending(record.shown, State.QUEUED, avatar.now),
        )
        return self._write(avatar, record, status=status)

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


def _already_settled(avatar: AvatarSnapshot, spec: RenderSpec) -> TransactionResult[Started] | None:
    """Return why this need not, or must not, be rendered; None: it is to be rendered."""
    if (precondition_failed := spec.precondition_failed(avatar)) is not None:
        return TransactionResult(status=precondition_failed)
    if avatar.record.result(spec.fingerprint) != spec.unfit:
        return TransactionResult(status=TransactionStatus.MOVED)
    if avatar.record.failed_for_good(spec.fingerprint):
        return TransactionResult(status=TransactionStatus.FINAL)
    return None
