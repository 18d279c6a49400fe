"""The dispatcher that renders in this process, one render at a time: lock → claim → outcome.

Section 4 of docs/contract.md from the claim on. What a claimed render does is `rendering`'s part,
what a transaction may change that of `transitions`.
"""

import threading
from uuid import uuid4

from functions import log
from functions.dispatch import Errand
from functions.errors import Code, LeaseLost, RetryLater, Stopped
from functions.ports import Means, Renderer
from functions.rendering import Assignment, Rendering, problem_of
from functions.standing import Claim, Verdict

_LOCK_WAIT_S = 60.0


class InlineDispatcher:
    """Satisfies `Dispatcher`, for as long as the instance lives."""

    def __init__(self, means: Means, renderer: Renderer) -> None:
        self._means = means
        self._renderer = renderer
        self._rules = means.transitions
        self._lock = threading.Lock()

    def hand_over(self, errand: Errand) -> Verdict:
        """Claim and render, unless somebody else is at it; that one is to be waited for."""
        if errand.in_work:
            return Verdict.BUSY
        if not self._lock.acquire(timeout=_LOCK_WAIT_S):
            raise RetryLater(f"another render held this instance for {_LOCK_WAIT_S:.0f} s")
        try:
            claim = Claim(owner=str(uuid4()), asked=errand.asked)
            verdict = self._claim(errand, claim)
            if verdict is not Verdict.CLAIMED:
                return verdict
            assignment = Assignment(
                avatar_id=errand.avatar_id,
                claim=claim,
                image=errand.image,
                video=errand.video,
                deadline=errand.deadline,
            )
            with log.bound(render_id=errand.asked.fingerprint):
                return self._render(assignment)
        finally:
            self._lock.release()

    def _claim(self, errand: Errand, claim: Claim) -> Verdict:
        left_s = errand.deadline - self._means.clock.monotonic()
        if left_s < self._means.settings.deadline_s / 2:
            raise RetryLater(f"only {left_s:.0f} s are left of this event's deadline")
        return self._means.ledger.transact(
            errand.avatar_id,
            lambda now: self._rules.claim(now, claim, left_s, yielding=errand.yielding),
            counting=True,
        ).verdict

    def _render(self, assignment: Assignment) -> Verdict:
        log.info("claimed", request_id=assignment.claim.owner, engine=assignment.claim.asked.engine)
        try:
            return self._outcome(Rendering(self._means, self._renderer, assignment))
        except Exception as fault:  # the lease runs out by itself
            log.fault("the outcome could not be written", fault)
            raise RetryLater("the outcome could not be written") from fault

    def _outcome(self, rendering: Rendering) -> Verdict:
        """Render; failures become outcomes."""
        try:
            rendering.run()
            return Verdict.DONE
        except Stopped as stop:
            log.info("render stopped", reason=str(stop), kind=type(stop).__name__)
            rendering.withdraw()
            return Verdict.LOST if isinstance(stop, LeaseLost) else Verdict.MOVED
        except Exception as fault:
            return self._failed(rendering, fault)

    def _failed(self, rendering: Rendering, fault: Exception) -> Verdict:
        problem = problem_of(fault)
        if problem.code is Code.INTERNAL:
            log.fault("render failed", fault)
        else:
            log.warning("render failed", code=problem.code.value, reason=str(fault))
        verdict = rendering.fail(problem)
        if verdict in (Verdict.LOST, Verdict.MOVED):
            rendering.withdraw()
        else:
            rendering.discard()
        return verdict
