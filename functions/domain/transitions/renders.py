"""Decide how a record changes and what the document shows, inside a transaction.

Pure. Each method takes an `AvatarSnapshot` and returns a `TransactionResult`, which the ledger's
adapter commits. Methods are idempotent, so a commit whose answer was lost can be repeated. What
needs no lease is in `answers`. Rules: contract.md, sections 3, 4 and 9.
"""

from dataclasses import dataclass, replace

from functions.domain.document import PENDING, State
from functions.domain.job_record import Dispatch, ErrorInfo, Record, Result, StatusView
from functions.domain.request import NotOptedIn
from functions.domain.snapshot import (
    AvatarSnapshot,
    Claim,
    Failed,
    Held,
    ReportedProgress,
    Started,
    TransactionResult,
    TransactionStatus,
)
from functions.domain.transitions.answers import withdrawn
from functions.domain.transitions.dispatches import ATTEMPTS, Dispatches, already_settled

_RETURNS = 5  # attempts of one request that are given back uncounted: it may itself be the reason
_FIRST_STAGE = "download"  # shown by the claim
_HOUR_MS = 3_600_000


@dataclass(frozen=True, kw_only=True)
class Transitions(Dispatches):
    """The rules of one deployment."""

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
        if (answer := already_settled(avatar, spec)) is not None:
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
            owner=avatar.owner,
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

    # --- under the lease

    def hold(self, avatar: AvatarSnapshot, claim: Claim) -> Held:
        """Tell whether a job may go on: DONE, LOST, or MOVED where the document asks otherwise."""
        if not avatar.record.held_by(claim.owner):
            return TransactionStatus.LOST
        # A talk of the avatar's former life goes with it, though the id is in use again.
        if avatar.document is None or avatar.avatar_record.cleaning(avatar.now):
            return TransactionStatus.MOVED
        ask = self.reader.read(avatar.subject, avatar.document)
        if isinstance(ask, NotOptedIn) or claim.spec.request.same_render(ask):
            return TransactionStatus.DONE
        return TransactionStatus.MOVED

    def renew(
        self, avatar: AvatarSnapshot, claim: Claim, progress: ReportedProgress, *, show: bool
    ) -> TransactionResult[Held]:
        """Extend the lease and store the progress; with `show`, also show it in the document, once.

        The ledger tells whether it was shown before: the job may have missed the answer.
        """
        if (status := self.hold(avatar, claim)) is not TransactionStatus.DONE:
            return TransactionResult(status=status)
        record = replace(
            avatar.record,
            lease=claim.lease(avatar.now, self.settings.lease_s),
            percent=progress.percent,
        )
        if not show or record.shown is None or record.shown.stage != _FIRST_STAGE:
            return TransactionResult(status=TransactionStatus.DONE, record=record)
        shown = replace(
            record.shown, stage=progress.stage, percent=progress.percent, eta_s=progress.eta_s
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
