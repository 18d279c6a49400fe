"""The dispatcher that leaves a task in a queue, for another process to render: contract.md, 9.

First the ledger notes the dispatch, then the task is made under the name that follows from it.
A second event, or a redelivery, finds the same dispatch and makes the same name, which a queue
takes once. The note goes only when its task has nothing left to do.
"""

from typing import Protocol

from functions.domain.snapshot import RenderJob, TransactionStatus
from functions.domain.task import RenderTask
from functions.errors import RetryLater
from functions.jobs.dispatch import tell_refusal
from functions.jobs.ports import Dependencies
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome


class TaskQueue(Protocol):
    """A queue that hands tasks to the renderer, each name once."""

    def put(self, task: RenderTask) -> bool:
        """Leave a task there; False: a task of this name is there, or was a moment ago.

        Raises:
            RetryLater: the queue did not take it.
        """


class QueuedDispatcher:
    """Satisfies `Dispatcher`; never waits for a render."""

    queues = True

    def __init__(self, deps: Dependencies, queue: TaskQueue) -> None:
        self._deps = deps
        self._queue = queue

    def hand_over(self, job: RenderJob) -> TransactionStatus:
        """Note the dispatch and make its task: HANDED."""
        rules = self._deps.transitions
        change = self._deps.ledger.transact(
            job.avatar_id, lambda now: rules.dispatch(now, job.spec), counting=True
        )
        if change.dispatch is None:
            tell_refusal(change)
            return change.status
        task = RenderTask(avatar_id=job.avatar_id, dispatch=change.dispatch)
        if self._put(task):
            how, wanted = Outcome.DISPATCHED, job.spec.fingerprint
            log.info("dispatched", outcome=how, fingerprint=wanted, task=task.task_id)
            telemetry.outcome(how)
        return change.status

    def _put(self, task: RenderTask) -> bool:
        try:
            with telemetry.span("dispatch"):
                return self._queue.put(task)
        except RetryLater as later:  # a redelivery cures it, unless a role or a name is wrong
            log.warning("task not made", task=task.task_id, reason=str(later))
            raise
