"""Leave tasks in queues; and wake the renders of an owner whose turn has come.

A render that waits for its owner's turn has no task. The process that ends a render of that owner
makes the next one's, before it answers its own delivery: where it dies in between, that is made
again. The task then takes its turn itself, when it is delivered. So a wake-up may be repeated, or
come in vain, and none is lost.
"""

from functions.domain.job_record import Dispatch
from functions.domain.limits.turns import Turns
from functions.domain.subject import Subject
from functions.domain.task import RenderTask, Task
from functions.errors import RetryLater
from functions.jobs.ports import Dependencies, TaskQueue
from functions.observability import log, telemetry


def wake(deps: Dependencies, owner: str) -> None:
    """Make the tasks of an owner's renders that may begin.

    Raises:
        RetryLater: the list or the ledgers cannot be read, or the queue did not take a task.
    """
    if deps.renders is None or not owner:
        return
    most = deps.settings.renders_per_owner_at_once
    try:
        turns = deps.ledger.turns_of(owner)
        if turns.waiting and not turns.next(most):
            turns = _without_ended(deps, owner, turns)
    except Exception as fault:
        log.fault("turns not read", fault)
        raise RetryLater(f"turns not read: {fault}") from fault
    for subject in turns.next(most):
        dispatch = present_dispatch(deps, subject)
        if dispatch is not None and dispatch.held:
            leave(RenderTask(subject=subject, dispatch=dispatch), deps.renders)


def _without_ended(deps: Dependencies, owner: str, turns: Turns) -> Turns:
    """Return the turns without those that are over: a version that keeps no list has ended them."""
    rules = deps.transitions
    ended = [
        turn.subject
        for turn in turns.in_flight
        if deps.ledger.read(turn.subject).record.dispatch is None
    ]
    for subject in ended:
        deps.ledger.transact(subject, lambda now: rules.leave_line(now, owner))
    return deps.ledger.turns_of(owner) if ended else turns


def make(queue: TaskQueue, subject: Subject, dispatch: Dispatch) -> None:
    """See that the task of a dispatch is made, unless it is held.

    Raises:
        RetryLater: the queue did not take it; a redelivery makes it.
    """
    if not dispatch.held:
        leave(RenderTask(subject=subject, dispatch=dispatch), queue)


def present_dispatch(deps: Dependencies, subject: Subject) -> Dispatch | None:
    """Return the dispatch that the ledger has now.

    Raises:
        RetryLater: the ledger cannot be read; a redelivery can.
    """
    try:
        return deps.ledger.read(subject).record.dispatch
    except Exception as fault:
        log.fault("document and ledger not read", fault)
        raise RetryLater(f"document and ledger not read: {fault}") from fault


def leave(task: Task, queue: TaskQueue) -> bool:
    """Leave a task in a queue; False: one of this name is there, or was a moment ago.

    Raises:
        RetryLater: the queue did not take it.
    """
    try:
        with telemetry.span("dispatch"):
            return queue.put(task)
    except RetryLater as later:  # a redelivery cures it, unless a role or a name is wrong
        log.warning("task not made", task=task.task_id, reason=str(later))
        raise
