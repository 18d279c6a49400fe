"""Work that is due later, left to a queue instead of a waiting thread or a refused request.

Cloud Tasks slows a whole queue down where its target answers 503 or 429
(https://cloud.google.com/tasks/docs/common-pitfalls), and an instance's threads are few: so what is
only to be done later gets a task with a `schedule_time`, and the request that found it ends well.
Where there is no queue for it, the thread waits, or the request is refused.
"""

from dataclasses import dataclass

from functions.domain.document import Relevant
from functions.domain.job_record import Dispatch
from functions.domain.subject import Subject
from functions.domain.task import LookTask, RenderTask
from functions.domain.transitions.answers import wish_digest
from functions.errors import Postponed, RetryLater
from functions.jobs.ports import Dependencies, TaskQueue
from functions.jobs.turns import leave, make, present_dispatch
from functions.observability import log


@dataclass(frozen=True, kw_only=True)
class Deferral:
    """The queues that this process may leave work in; None: there is no such queue."""

    renders: TaskQueue | None = None  # of the renderer itself: the next attempt at a task
    looks: TaskQueue | None = None  # of the gate itself: the look after the debounce

    def follow_up(
        self, deps: Dependencies, subject: Subject, task: Dispatch, later: Postponed
    ) -> None:
        """Let a task that is due later stand for the rest of this one.

        Raises:
            Postponed: there is no queue for it; or this delivery came before its time.
            RetryLater: the queue did not take it; a redelivery of this task makes it.
        """
        if self.renders is None:
            raise later
        rules = deps.transitions
        try:
            change = deps.ledger.transact(
                subject, lambda now: rules.follow_up(now, task, later.after_s)
            )
        except Exception as fault:
            raise RetryLater(f"no follow-up was noted: {fault}") from fault
        if change.dispatch is None:
            log.info("task ended before", reason=str(later))
            self.ensure_task(deps, subject)
            return
        following = RenderTask(subject=subject, dispatch=change.dispatch)
        leave(following, self.renders)
        if change.dispatch == task:  # ahead of its time: this delivery may be that very task's
            raise later
        log.info("followed up", reason=str(later), task=following.task_id)

    def ensure_task(self, deps: Dependencies, subject: Subject) -> None:
        """See that the task exists to which this delivery leaves the rest.

        Another delivery of the same task may have noted it as its follow-up, and not made it yet:
        a good answer to either ends the task that was to make it.

        Raises:
            RetryLater: the queue did not take it; a redelivery makes it.
        """
        dispatch = None if self.renders is None else present_dispatch(deps, subject)
        if self.renders is not None and dispatch is not None:
            make(self.renders, subject, dispatch)

    def look(self, subject: Subject, wish: object, due_s: float) -> bool:
        """Have the avatar looked at later; False: there is no queue for it.

        Raises:
            RetryLater: the queue did not take it; the event's redelivery makes it.
        """
        if self.looks is None or not isinstance(wish, Relevant):
            return False
        task = LookTask(subject=subject, wish=wish_digest(wish), at=round(due_s * 1000))
        leave(task, self.looks)
        return True

    def repeat_look(self, task: LookTask, now: int, later: Postponed) -> None:
        """Have the same wish looked at once more.

        Raises:
            Postponed: there is no queue for it.
            RetryLater: the queue did not take it; a redelivery of this task makes it.
        """
        if self.looks is None:
            raise later
        leave(task.later(now), self.looks)
