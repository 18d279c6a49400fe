"""The dispatcher that renders in this process, one render at a time: lock → claim → outcome.

Section 4 of contract.md from the claim on. What a claimed render does is `attempt`'s part,
what a transaction may change that of `transitions`.
"""

import threading
from typing import Protocol
from uuid import uuid4

from functions.domain.snapshot import (
    AvatarSnapshot,
    Claim,
    RenderJob,
    TransactionResult,
    TransactionStatus,
)
from functions.errors import Code, LeaseLost, RetryLater, Stopped
from functions.jobs.attempt import RenderAttempt, problem_of
from functions.jobs.attempt_metrics import AttemptMetrics
from functions.jobs.dispatch import tell_refusal
from functions.jobs.ports import Dependencies, Renderer
from functions.jobs.retrying import retry
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome

_LOCK_WAIT_S = 60.0


class RenderLock(Protocol):
    """Admit one render at a time into a process: `threading.Lock`."""

    def acquire(self, *, timeout: float) -> bool:
        """Take it within so many seconds; False: another render held it all the time."""

    def release(self) -> None:
        """Give it back."""


class InlineDispatcher:
    """Satisfies `Dispatcher`, for as long as the instance lives."""

    queues = False

    def __init__(
        self, deps: Dependencies, renderer: Renderer, lock: RenderLock | None = None
    ) -> None:
        self._deps = deps
        self._renderer = renderer
        self._rules = deps.transitions
        self._lock = lock or threading.Lock()

    def hand_over(self, job: RenderJob) -> TransactionStatus:
        """Claim and render, unless another job works on it, which is to be waited for."""
        with telemetry.span("lock"):
            acquired = self._lock.acquire(timeout=_LOCK_WAIT_S)
        if not acquired:
            raise RetryLater(f"another render held this instance for {_LOCK_WAIT_S:.0f} s")
        try:
            claim, granted = self._claim(job)
            if granted.status is not TransactionStatus.CLAIMED:
                tell_refusal(granted)
                return granted.status
            with log.bound(render_id=job.spec.fingerprint):
                return self._render(job, claim, self._account(job, granted))
        finally:
            self._lock.release()

    def _claim(self, job: RenderJob) -> tuple[Claim, TransactionResult]:
        """Claim, and return the claim that was decided last, with what was decided.

        A claim that is decided again may have been granted before, and another job may have taken
        the lease since. Then the folder of that owner is noted for deletion, or being emptied: it
        is never granted a second time, but a new owner.
        """
        claims: list[Claim] = []

        def decide(now: AvatarSnapshot, left_s: float) -> TransactionResult:
            held = (each for each in claims if now.record.held_by(each.owner))
            claims.append(next(held, None) or Claim(owner=str(uuid4()), spec=job.spec))
            return self._rules.claim(now, claims[-1], left_s, yielding=job.yielding)

        def take() -> TransactionResult:
            left_s = job.deadline - self._deps.clock.monotonic()
            if left_s < self._deps.settings.deadline_s / 2:
                raise RetryLater(f"only {left_s:.0f} s are left of this event's deadline")
            return self._deps.ledger.transact(
                job.avatar_id, lambda now: decide(now, left_s), counting=True
            )

        # A claim that was granted unheard would cost an attempt, and the wait for its lease.
        with telemetry.span("claim"):
            granted = retry(self._deps.clock, take, within_s=self._deps.settings.patience_s)
        return claims[-1], granted

    def _account(self, job: RenderJob, granted: TransactionResult) -> AttemptMetrics:
        return AttemptMetrics(
            self._deps.clock,
            waited_s=_waited_s(job, granted),
            device=self._renderer.device,
            usd_per_hour=self._deps.settings.usd_per_hour,
        )

    def _render(self, job: RenderJob, claim: Claim, account: AttemptMetrics) -> TransactionStatus:
        spec = job.spec
        telemetry.describe(
            fingerprint=spec.fingerprint, engine=spec.engine, engine_version=spec.engine_version
        )
        log.info("claimed", request_id=claim.owner, engine=spec.engine)
        try:
            with account:
                attempt = RenderAttempt(self._deps, self._renderer, job, claim)
                return self._outcome(attempt, account)
        except Exception as fault:  # the lease runs out by itself
            log.fault("the outcome could not be written", fault)
            raise RetryLater("the outcome could not be written") from fault

    def _outcome(self, attempt: RenderAttempt, account: AttemptMetrics) -> TransactionStatus:
        """Render; failures become outcomes."""
        try:
            attempt.run()
            account.ended(Outcome.PUBLISHED)
            return TransactionStatus.DONE
        except Stopped as stop:
            lost = isinstance(stop, LeaseLost)
            log.info("render stopped", reason=str(stop), kind=type(stop).__name__)
            account.ended(Outcome.LOST if lost else Outcome.SUPERSEDED)
            attempt.withdraw()
            return TransactionStatus.LOST if lost else TransactionStatus.MOVED
        except Exception as fault:
            return self._failed(attempt, fault, account)

    def _failed(
        self, attempt: RenderAttempt, fault: Exception, account: AttemptMetrics
    ) -> TransactionStatus:
        problem = problem_of(fault)
        if problem.code is Code.INTERNAL:
            log.fault("render failed", fault)
        else:
            log.warning("render failed", code=problem.code.value, reason=str(fault))
        status = attempt.fail(problem)
        if status in (TransactionStatus.LOST, TransactionStatus.MOVED):
            account.ended(Outcome.LOST if status is TransactionStatus.LOST else Outcome.SUPERSEDED)
            attempt.withdraw()
        else:
            again = status is TransactionStatus.AGAIN
            account.ended(Outcome.RETRIED if again else Outcome.FAILED, problem.code)
        return status


def _waited_s(job: RenderJob, granted: TransactionResult) -> float | None:
    """From the wish to its first claim, both by the database's clock; None for a later attempt."""
    record = granted.record
    if record is None or record.attempts != 1 or record.shown is None:
        return None
    started = record.shown.started
    return None if started is None else started / 1000 - job.since_s
