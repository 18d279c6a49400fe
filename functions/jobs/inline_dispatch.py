"""The dispatcher that renders in this process, one render at a time: lock → claim → outcome.

Section 4 of docs/contract.md from the claim on. What a claimed render does is `rendering`'s part,
what a transaction may change that of `transitions`.
"""

import threading
from typing import Protocol
from uuid import uuid4

from functions.domain.snapshot import Change, Claim, Verdict
from functions.errors import Code, LeaseLost, RetryLater, Stopped
from functions.jobs.animation import Assignment
from functions.jobs.attempt import Rendering, problem_of
from functions.jobs.attempt_metrics import Account
from functions.jobs.dispatch import Errand, tell_refusal
from functions.jobs.ports import Means, Renderer
from functions.jobs.retrying import retry
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome

_LOCK_WAIT_S = 60.0


class RenderLock(Protocol):
    """What lets one render at a time into a process: `threading.Lock`."""

    def acquire(self, *, timeout: float) -> bool:
        """Take it within so many seconds; False: it was another's all the time."""

    def release(self) -> None:
        """Give it back."""


class InlineDispatcher:
    """Satisfies `Dispatcher`, for as long as the instance lives."""

    def __init__(self, means: Means, renderer: Renderer, lock: RenderLock | None = None) -> None:
        self._means = means
        self._renderer = renderer
        self._rules = means.transitions
        self._lock = lock or threading.Lock()

    def hand_over(self, errand: Errand) -> Verdict:
        """Claim and render, unless somebody else is at it; that one is to be waited for."""
        if errand.in_work:
            return Verdict.BUSY
        with telemetry.span("lock"):
            acquired = self._lock.acquire(timeout=_LOCK_WAIT_S)
        if not acquired:
            raise RetryLater(f"another render held this instance for {_LOCK_WAIT_S:.0f} s")
        try:
            claim = Claim(owner=str(uuid4()), asked=errand.asked)
            granted = self._claim(errand, claim)
            if granted.verdict is not Verdict.CLAIMED:
                tell_refusal(granted)
                return granted.verdict
            assignment = Assignment(
                avatar_id=errand.avatar_id,
                claim=claim,
                image=errand.image,
                video=errand.video,
                deadline=errand.deadline,
            )
            with log.bound(render_id=errand.asked.fingerprint):
                return self._render(assignment, self._account(errand, granted))
        finally:
            self._lock.release()

    def _claim(self, errand: Errand, claim: Claim) -> Change:
        def take() -> Change:
            left_s = errand.deadline - self._means.clock.monotonic()
            if left_s < self._means.settings.deadline_s / 2:
                raise RetryLater(f"only {left_s:.0f} s are left of this event's deadline")
            return self._means.ledger.transact(
                errand.avatar_id,
                lambda now: self._rules.claim(now, claim, left_s, yielding=errand.yielding),
                counting=True,
            )

        # A claim that was granted unheard would cost an attempt, and the wait for its lease.
        with telemetry.span("claim"):
            return retry(self._means.clock, take, within_s=self._means.settings.patience_s)

    def _account(self, errand: Errand, granted: Change) -> Account:
        return Account(
            self._means.clock,
            waited_s=_waited_s(errand, granted),
            device=self._renderer.device,
            usd_per_hour=self._means.settings.usd_per_hour,
        )

    def _render(self, assignment: Assignment, account: Account) -> Verdict:
        asked = assignment.claim.asked
        telemetry.describe(
            fingerprint=asked.fingerprint, engine=asked.engine, engine_version=asked.engine_version
        )
        log.info("claimed", request_id=assignment.claim.owner, engine=asked.engine)
        try:
            with account:
                rendering = Rendering(self._means, self._renderer, assignment)
                return self._outcome(rendering, account)
        except Exception as fault:  # the lease runs out by itself
            log.fault("the outcome could not be written", fault)
            raise RetryLater("the outcome could not be written") from fault

    def _outcome(self, rendering: Rendering, account: Account) -> Verdict:
        """Render; failures become outcomes."""
        try:
            rendering.run()
            account.ended(Outcome.PUBLISHED)
            return Verdict.DONE
        except Stopped as stop:
            lost = isinstance(stop, LeaseLost)
            log.info("render stopped", reason=str(stop), kind=type(stop).__name__)
            account.ended(Outcome.LOST if lost else Outcome.SUPERSEDED)
            rendering.withdraw()
            return Verdict.LOST if lost else Verdict.MOVED
        except Exception as fault:
            return self._failed(rendering, fault, account)

    def _failed(self, rendering: Rendering, fault: Exception, account: Account) -> Verdict:
        problem = problem_of(fault)
        if problem.code is Code.INTERNAL:
            log.fault("render failed", fault)
        else:
            log.warning("render failed", code=problem.code.value, reason=str(fault))
        verdict = rendering.fail(problem)
        if verdict in (Verdict.LOST, Verdict.MOVED):
            account.ended(Outcome.LOST if verdict is Verdict.LOST else Outcome.SUPERSEDED)
            rendering.withdraw()
        else:
            again = verdict is Verdict.AGAIN
            account.ended(Outcome.RETRIED if again else Outcome.FAILED, problem.code)
        return verdict


def _waited_s(errand: Errand, granted: Change) -> float | None:
    """From the wish to its first claim, both by the database's clock; None for a later attempt."""
    record = granted.record
    if record is None or record.attempts != 1 or record.shown is None:
        return None
    started = record.shown.started
    return None if started is None else started / 1000 - errand.since_s
