"""Hand over a render that is asked for: to this process, or to a queue.

`InlineDispatcher` renders in this process, one render at a time. `QueuedDispatcher` leaves a task
in a queue for another process (contract.md, section 9): first the ledger notes the dispatch, then
the task is made under the name that follows from it. A second event, or a redelivery, finds the
same dispatch and makes the same name, which a queue takes once. The note goes only when its task
has nothing left to do.
"""

import threading
from dataclasses import replace
from typing import Protocol

from functions.domain.snapshot import RenderJob
from functions.domain.task import RenderTask
from functions.errors import Postponed
from functions.jobs.outcomes import AttemptOutcome, tell_refusal
from functions.jobs.ports import Dependencies, Renderer, TaskQueue
from functions.jobs.rendering.attempt import RenderAttempt
from functions.jobs.turns import leave, present_dispatch, wake
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome
from functions.runtime.render_lock import RenderLock, take

_ELSEWHERE_S = 5.0  # until the process that ends is gone


class Dispatcher(Protocol):
    """Where a render is handed over to."""

    @property
    def queues(self) -> bool:
        """Whether renders are left to a queue, which outlives a render in work."""

    def hand_over(self, job: RenderJob) -> AttemptOutcome:
        """Render it, or have it rendered later.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """


class InlineDispatcher:
    """Renders in this process."""

    queues = False

    def __init__(
        self, deps: Dependencies, renderer: Renderer, lock: RenderLock | None = None
    ) -> None:
        self._deps = deps
        self._renderer = renderer
        self._lock = lock or threading.Lock()

    def hand_over(self, job: RenderJob) -> AttemptOutcome:
        """Attempt to render it, as soon as no other render holds this process."""
        with telemetry.span("lock"):
            take(self._lock)
        try:
            if ending := self._deps.health.ending:
                raise Postponed(f"this process ends: {ending}", after_s=_ELSEWHERE_S)
            return RenderAttempt(self._deps, self._renderer, job).run()
        finally:
            self._lock.release()


class QueuedDispatcher:
    """Leaves renders to a queue, and waits for none."""

    queues = True

    def __init__(self, deps: Dependencies, queue: TaskQueue) -> None:
        self._deps = deps
        self._queue = queue

    def hand_over(self, job: RenderJob) -> AttemptOutcome:
        """Note the dispatch and make its task.

        SUPERSEDED where the ledger no longer has the dispatch once the task is made: this process
        was paused meanwhile, another made the task, and that task has been ended.
        """
        rules = self._deps.transitions
        change = self._deps.ledger.transact(
            job.subject,
            lambda now: rules.dispatch(now, job.spec, queue=self._queue.name),
            counting=True,
        )
        if change.dispatch is None:
            tell_refusal(change)
            return AttemptOutcome.of(change.status)
        if change.dispatch.held:
            log.info("waits for its owner's turn", fingerprint=job.spec.fingerprint)
            wake(self._deps, change.dispatch.owner)  # those that were to be woken before
            return AttemptOutcome.DISPATCHED
        # Another process may have noted it for a slower queue: who saves waits in this one.
        here = replace(change.dispatch, queue=self._queue.name)
        task = RenderTask(subject=job.subject, dispatch=here)
        if leave(task, self._queue):
            how, wanted = Outcome.DISPATCHED, job.spec.fingerprint
            log.info("dispatched", outcome=how, fingerprint=wanted, task=task.task_id)
            telemetry.outcome(how)
        stands = present_dispatch(self._deps, job.subject) == change.dispatch
        return AttemptOutcome.DISPATCHED if stands else AttemptOutcome.SUPERSEDED
