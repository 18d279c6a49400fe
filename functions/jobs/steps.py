"""Carry out what `domain.next_step` decides: load the state → next step → do it, until it is done.

Every load deletes what other jobs have noted for deletion; every wait ends with the trigger's
deadline. Knows ports only.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from functions.domain.avatar_state import AvatarState
from functions.domain.next_step import (
    Answer,
    CleanUp,
    Debounce,
    Done,
    Ending,
    MissingInput,
    NewerEvent,
    NewerTask,
    NextStep,
    Reject,
    ReshowFailure,
    Reuse,
    Trigger,
    Wait,
    Withdraw,
    next_step,
)
from functions.domain.snapshot import (
    AvatarSnapshot,
    RenderJob,
    Status,
    TransactionResult,
    TransactionStatus,
)
from functions.domain.subject import Subject
from functions.errors import Postponed
from functions.jobs.cleanup import clean_up, dispose
from functions.jobs.dispatch import Dispatcher
from functions.jobs.outcomes import AttemptOutcome, tell_answer
from functions.jobs.ports import Dependencies
from functions.jobs.turns import make

_PAUSE_S = 0.5  # before another load, where something changed between a load and its transaction
_ANOTHERS_ATTEMPT = "the next attempt is another delivery's"


def load_state(deps: Dependencies, subject: Subject, *, own_version: bool = False) -> AvatarState:
    """Read document and ledger, and look for the objects of what is asked for.

    Args:
        deps: of this deployment.
        subject: whose.
        own_version: no result of another engine version answers it.
    """
    avatar = deps.ledger.read(subject)
    return AvatarState.of(
        avatar,
        deps.transitions.reader.read(subject, avatar.document),
        engine=deps.engine,
        engine_version=deps.engine_version,
        find=deps.media.find,
        accepts=None if own_version else deps.settings.accepts,
    )


class Steps:
    """Carries out steps, for many triggers at once."""

    def __init__(self, deps: Dependencies, dispatcher: Dispatcher) -> None:
        self._deps = deps
        self._dispatcher = dispatcher
        self._rules = deps.transitions
        self._clock = deps.clock

    def run(self, following: Ending | Trigger) -> Ending:
        """Carry out step after step, looking again whenever something may have changed.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """
        while isinstance(following, Trigger):
            state = self.load_state(following)
            following = self.carry_out(following, state, next_step(following, state))
        return following

    def carry_out(self, trigger: Trigger, state: AvatarState, step: NextStep) -> Ending | Trigger:
        """Return how it ended, or the trigger for another look."""
        match step:
            case RenderJob():
                return self._render(trigger, step)
            case Reuse() | ReshowFailure() | Reject() | MissingInput():
                return self._answer(trigger, state, step)
            case Debounce():
                return self._show_queued(trigger, step)
            case Wait():
                return self.wait(trigger, self._deps.settings.poll_s)
            case CleanUp():
                return self.clean_up(trigger)
            case Withdraw():
                return self.withdraw(trigger)
            case Done() | NewerEvent() | NewerTask():
                return step

    def _render(self, trigger: Trigger, job: RenderJob) -> Ending | Trigger:
        match self._dispatcher.hand_over(job):
            case AttemptOutcome.PUBLISHED | AttemptOutcome.FAILED:
                return trigger  # and see that it answers what is there now
            case AttemptOutcome.DISPATCHED:
                return NewerTask()
            case AttemptOutcome.RETRIED:
                raise Postponed(_ANOTHERS_ATTEMPT)
            case AttemptOutcome.RETURNED:
                raise Postponed("this process ends, and the render was given back")
            case AttemptOutcome.BUSY:
                return self.wait(trigger, self._deps.settings.poll_s)
            case AttemptOutcome.SUPERSEDED:
                return self.wait(trigger, _PAUSE_S)
            case AttemptOutcome.LOST:
                return self.wait(replace(trigger, yielding=True), _PAUSE_S)

    def _answer(self, trigger: Trigger, state: AvatarState, step: Answer) -> Ending | Trigger:
        decide = partial(self._rules.answer, step=step)
        if isinstance(step, ReshowFailure):
            if decide(state.avatar).fields:
                self.transact(trigger, decide)
            return Done()
        change = self.transact(trigger, decide)
        tell_answer(step, change)
        match change.status:
            case TransactionStatus.DONE | TransactionStatus.FINAL:
                return Done()
            case TransactionStatus.AGAIN:  # an input is not there yet
                raise Postponed(_ANOTHERS_ATTEMPT, after_s=self._deps.settings.back_off_s(1))
            case TransactionStatus.BUSY:
                return self.wait(trigger, self._deps.settings.poll_s)
            case TransactionStatus.MOVED:
                return self.wait(trigger, _PAUSE_S)

    def _show_queued(self, trigger: Trigger, step: Debounce) -> Trigger:
        if (spec := step.queued) is not None:
            self.transact(trigger, lambda now: self._rules.queue(now, spec))
        return trigger

    def clean_up(self, trigger: Trigger) -> Done | Trigger:
        """Delete what was made for a document that is gone, after any other clean-up.

        Where a talk's avatar is there again, look again: of that the talk has no event.
        """
        while (status := clean_up(self._deps, trigger.subject)) is TransactionStatus.BUSY:
            self.wait(trigger, self._deps.settings.poll_s)
        if status is TransactionStatus.MOVED and trigger.subject.is_talk:
            avatar = self._deps.ledger.read(trigger.subject)
            return replace(trigger, inputs_key=avatar.inputs_key)
        return Done()

    def withdraw(self, trigger: Trigger) -> Done:
        """Take back what a document shows that asks for nothing any more.

        Wait for a job that still renders it, because it may be killed; where a task stands for the
        job, only that task waits. See that this task is made: who noted it may have died before,
        and it takes one of its owner's turns.
        """
        busy = TransactionStatus.BUSY
        while (change := self.transact(trigger, self._rules.settle)).status is busy:
            if change.dispatch is not None and trigger.dispatch is None:
                break
            self.wait(trigger, self._deps.settings.poll_s)
        task = change.dispatch
        if trigger.dispatch is None and self._deps.renders is not None and task is not None:
            make(self._deps.renders, trigger.subject, task)
        return Done()

    # --- what every step needs

    def load_state(self, trigger: Trigger) -> AvatarState:
        """Read what is asked for now; and delete what others have left, unless a clean-up does."""
        state = load_state(self._deps, trigger.subject, own_version=trigger.upgrades)
        avatar = state.avatar
        if not avatar.record.cleaning(avatar.now):
            dispose(self._deps, avatar.subject, avatar.record, no_clean_up=True)
        return state

    def transact(
        self, trigger: Trigger, decide: Callable[[AvatarSnapshot], TransactionResult[Status]]
    ) -> TransactionResult[Status]:
        """Have this decided; and delete what it leaves to be deleted."""
        change = self._deps.ledger.transact(trigger.subject, decide)
        if change.record is not None:
            dispose(self._deps, trigger.subject, change.record)
        return change

    def wait(self, trigger: Trigger, seconds: float) -> Trigger:
        """Wait for another job; never longer than this trigger's deadline."""
        left_s = trigger.deadline - self._clock.monotonic()
        if left_s <= 0:
            raise Postponed("another's work outlived this event's deadline")
        self._clock.sleep(min(seconds, left_s))
        return trigger
