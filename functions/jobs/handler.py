"""Handle one event or task: look → next step → carry it out, and again until nothing is left.

Sections 1 and 9 of contract.md. Answers by returning (acknowledged: a redelivery would change
nothing) or by raising `RetryLater` (it may cure it). Knows ports only: `domain.next_step` decides
what is to be done, `domain.transitions` what is written, and a dispatcher renders.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from functions.domain.answers import wish_digest
from functions.domain.document import DocumentWrite, Gate, Relevant, gate
from functions.domain.next_step import (
    Answer,
    AvatarState,
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
from functions.domain.task import LookTask
from functions.errors import Postponed, RetryLater
from functions.jobs.cleanup import clean_up, dispose
from functions.jobs.deferral import Deferral
from functions.jobs.dispatch import Dispatcher
from functions.jobs.outcomes import AttemptOutcome, tell_answer
from functions.jobs.ports import Dependencies
from functions.observability import log, telemetry

_PAUSE_S = 0.5  # before another look, where something changed between a look and its transaction
_ANOTHERS_ATTEMPT = "the next attempt is another delivery's"


def load_state(deps: Dependencies, subject: Subject) -> AvatarState:
    """Read document and ledger, and look for the objects of what is asked for."""
    avatar = deps.ledger.read(subject)
    return AvatarState.of(
        avatar,
        deps.transitions.reader.read(subject, avatar.document),
        engine=deps.engine,
        engine_version=deps.engine_version,
        find=deps.media.find,
    )


class RenderHandler:
    """Handles events and tasks for as long as the process lives, many at once."""

    def __init__(
        self, deps: Dependencies, dispatcher: Dispatcher, deferral: Deferral | None = None
    ) -> None:
        self._deps = deps
        self._dispatcher = dispatcher
        self._deferral = deferral or Deferral()
        self._rules = deps.transitions
        self._clock = deps.clock

    def handle_event(self, write: DocumentWrite) -> None:
        """Bring what an event tells of to its end.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """
        case = gate(write)
        trigger = Trigger(
            subject=write.subject,
            inputs_key=None if write.after is None else write.after.inputs_key,
            since_s=write.committed_s,
            deadline=self._deadline(),
            debounced=False,
            queues=self._dispatcher.queues,
        )
        with log.bound(**trigger.subject.log_ids):
            self._serve(trigger, partial(self._serve_event, case), asked=case is Gate.ASKED)

    def handle_task(self, subject: Subject) -> None:
        """Bring the task that stands for an avatar to its end.

        Without a dispatch in the ledger the task has been ended, by another of its deliveries: the
        queue may not repeat this one, so it begins nothing.

        Raises:
            RetryLater: another delivery can cure what hindered it.
        """
        self._handle_present(subject, needs_dispatch=True)

    def handle_subject(self, subject: Subject) -> None:
        """Look at an avatar as it is now, and bring what it asks for to its end.

        The same path as an event's, without an event and without its debounce.

        Raises:
            RetryLater: another call, later, can cure what hindered it.
        """
        self._handle_present(subject, needs_dispatch=False)

    def _handle_present(self, subject: Subject, *, needs_dispatch: bool) -> None:
        """Handle what is there now.

        Where a task stands for the avatar, this is it: its dispatch is taken off the ledger, but
        only while the document still is what has been brought to its end.
        """
        deadline = self._deadline()
        with log.bound(**subject.log_ids):
            trigger = self._present(subject, deadline)
            task = trigger.dispatch
            if task is None and needs_dispatch:
                log.info("task ended before")
                return
            try:
                while not self._serve(
                    replace(trigger, dispatch=task, debounced=task is None),
                    self._serve_task,
                    asked=True,
                ):
                    trigger = self._present(subject, deadline)
            except Postponed as later:
                if task is None:
                    raise
                self._deferral.follow_up(self._deps, subject, task, later)

    def handle_look(self, task: LookTask) -> None:
        """Look at an avatar whose save was debounced in the queue, as its event would have.

        Raises:
            RetryLater: another delivery can cure what hindered it.
        """
        with log.bound(**task.subject.log_ids):
            trigger = self._present(task.subject, self._deadline())
            key = trigger.inputs_key
            asks = isinstance(key, Relevant) and wish_digest(key) == task.wish
            settle = self._settle if asks else self._pass_by
            try:
                self._serve(replace(trigger, dispatch=None), settle, asked=asks)
            except Postponed as later:
                self._deferral.repeat_look(task, self._read(task.subject).now, later)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._deps.settings.deadline_s

    def _present(self, subject: Subject, deadline: float) -> Trigger:
        """Return a trigger for the document as it is now."""
        avatar = self._read(subject)
        return replace(Trigger.present(avatar, deadline=deadline), queues=self._dispatcher.queues)

    def _read(self, subject: Subject) -> AvatarSnapshot:
        try:
            return self._deps.ledger.read(subject)
        except Exception as fault:
            log.fault("document and ledger not read", fault)
            raise RetryLater(f"document and ledger not read: {fault}") from fault

    # --- an event: section 1; a task, or reconcile: section 9

    def _serve_event(self, case: Gate, trigger: Trigger) -> bool:
        """Serve an event of one of the cases of the gate."""
        match case:
            case Gate.UNRELATED:
                pass
            case Gate.MIRROR_TOUCHED:
                self._transact(trigger, self._rules.repair_mirror)
            case Gate.DELETED:
                self._clean_up(trigger)
            case Gate.LEFT_QUEUED:
                self._withdraw(trigger)
            case Gate.ASKED:
                if isinstance(self._run_steps(self._debounced(trigger)), NewerEvent):
                    self._withdraw(trigger)
        return True

    def _pass_by(self, trigger: Trigger) -> bool:
        """Leave a document that has moved on to its newer event; withdraw what it asks no more."""
        self._withdraw(trigger)
        return True

    def _settle(self, trigger: Trigger) -> bool:
        """Serve an event whose debounce is over."""
        if isinstance(self._run_steps(trigger), NewerEvent):
            self._withdraw(trigger)
        return True

    def _debounced(self, trigger: Trigger) -> Ending | Trigger:
        """Answer an event at once where that is possible; else show `queued` and debounce."""
        began = self._clock.monotonic()
        with telemetry.span("gate"):
            state = self._load_state(trigger)
            following = self._carry_out(trigger, state, next_step(trigger, state))
        if isinstance(following, Trigger):
            due_s = trigger.since_s + self._deps.settings.debounce_s
            left_s = due_s - state.avatar.now / 1000 - (self._clock.monotonic() - began)
            # The look of an event that comes when its debounce is over may have been and gone.
            if left_s > 0 and self._deferral.look(trigger.subject, trigger.inputs_key, due_s):
                return NewerTask()
            with telemetry.span("debounce"):
                if left_s > 0:
                    self._clock.sleep(min(left_s, self._deps.settings.debounce_s))
            return replace(following, debounced=True)
        return following

    def _serve_task(self, trigger: Trigger) -> bool:
        """Serve a task; False: the document asks for something else by now."""
        if not trigger.debounced:
            state = self._load_state(trigger)
            if isinstance(next_step(trigger, state), Debounce):
                with telemetry.span("debounce"):
                    self._wait(trigger, self._deps.settings.debounce_s)
        match self._run_steps(replace(trigger, debounced=True)):
            case Done():
                return self._finish_task(trigger)
            case NewerEvent() if trigger.dispatch is not None:
                return False  # it may be what it was again, and an event may rely on this task
            case NewerEvent():
                self._withdraw(trigger)
        return True

    def _finish_task(self, trigger: Trigger) -> bool:
        dispatch = trigger.dispatch
        if dispatch is None:
            return True
        change = self._transact(
            trigger, lambda now: self._rules.finish_task(now, trigger.inputs_key, dispatch)
        )
        return change.status is not TransactionStatus.MOVED

    # --- the steps

    def _run_steps(self, following: Ending | Trigger) -> Ending:
        """Carry out step after step, looking again whenever something may have changed.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """
        while isinstance(following, Trigger):
            state = self._load_state(following)
            following = self._carry_out(following, state, next_step(following, state))
        return following

    def _carry_out(self, trigger: Trigger, state: AvatarState, step: NextStep) -> Ending | Trigger:
        """Return how it ended, or the trigger for another look."""
        match step:
            case RenderJob():
                return self._render(trigger, step)
            case Reuse() | ReshowFailure() | Reject() | MissingInput():
                return self._answer(trigger, state, step)
            case Debounce():
                return self._show_queued(trigger, step)
            case Wait():
                return self._wait(trigger, self._deps.settings.poll_s)
            case CleanUp():
                return self._clean_up(trigger)
            case Withdraw():
                return self._withdraw(trigger)
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
                return self._wait(trigger, self._deps.settings.poll_s)
            case AttemptOutcome.SUPERSEDED:
                return self._wait(trigger, _PAUSE_S)
            case AttemptOutcome.LOST:
                return self._wait(replace(trigger, yielding=True), _PAUSE_S)

    def _answer(self, trigger: Trigger, state: AvatarState, step: Answer) -> Ending | Trigger:
        decide = partial(self._rules.answer, step=step)
        if isinstance(step, ReshowFailure):
            if decide(state.avatar).fields:
                self._transact(trigger, decide)
            return Done()
        change = self._transact(trigger, decide)
        tell_answer(step, change)
        match change.status:
            case TransactionStatus.DONE | TransactionStatus.FINAL:
                return Done()
            case TransactionStatus.AGAIN:  # an input is not there yet
                raise Postponed(_ANOTHERS_ATTEMPT, after_s=self._deps.settings.back_off_s(1))
            case TransactionStatus.BUSY:
                return self._wait(trigger, self._deps.settings.poll_s)
            case TransactionStatus.MOVED:
                return self._wait(trigger, _PAUSE_S)

    def _show_queued(self, trigger: Trigger, step: Debounce) -> Trigger:
        if (spec := step.queued) is not None:
            self._transact(trigger, lambda now: self._rules.queue(now, spec))
        return trigger

    def _clean_up(self, trigger: Trigger) -> Done:
        while clean_up(self._deps, trigger.subject) is TransactionStatus.BUSY:
            self._wait(trigger, self._deps.settings.poll_s)
        return Done()

    def _withdraw(self, trigger: Trigger) -> Done:
        """Take back what a document shows that asks for nothing any more.

        Wait for a job that still renders it, because it may be killed; where a task stands for the
        job, only that task waits.
        """
        busy = TransactionStatus.BUSY
        while (change := self._transact(trigger, self._rules.settle)).status is busy:
            if change.dispatch is not None and trigger.dispatch is None:
                break
            self._wait(trigger, self._deps.settings.poll_s)
        return Done()

    # --- what every step needs

    def _load_state(self, trigger: Trigger) -> AvatarState:
        """Read what is asked for now; and delete what others have left, unless a clean-up does."""
        state = load_state(self._deps, trigger.subject)
        avatar = state.avatar
        if not avatar.record.cleaning(avatar.now):
            dispose(self._deps, avatar.subject, avatar.record, no_clean_up=True)
        return state

    def _transact(
        self, trigger: Trigger, decide: Callable[[AvatarSnapshot], TransactionResult[Status]]
    ) -> TransactionResult[Status]:
        """Have this decided; and delete what it leaves to be deleted."""
        change = self._deps.ledger.transact(trigger.subject, decide)
        if change.record is not None:
            dispose(self._deps, trigger.subject, change.record)
        return change

    def _wait(self, trigger: Trigger, seconds: float) -> Trigger:
        """Wait for another job; never longer than this trigger's deadline."""
        left_s = trigger.deadline - self._clock.monotonic()
        if left_s <= 0:
            raise Postponed("another's work outlived this event's deadline")
        self._clock.sleep(min(seconds, left_s))
        return trigger

    # --- faults

    def _serve(self, trigger: Trigger, serve: Callable[[Trigger], bool], *, asked: bool) -> bool:
        """Serve, and log what ends it; with `asked` an unforeseen fault is a failed try."""
        try:
            return serve(trigger)
        except RetryLater as later:
            log.info("to be redelivered", reason=str(later))
            raise
        except Exception as fault:
            log.fault("event not served", fault)
            if asked and (ended := self._give_up(trigger)) is not None:
                return ended
            raise RetryLater(f"not served: {fault}") from fault

    def _give_up(self, trigger: Trigger) -> bool | None:
        """Count a failed try; end the trigger where the tries have failed for a day, else None."""
        try:
            change = self._transact(
                trigger, lambda now: self._rules.note_failed_try(now, trigger.inputs_key)
            )
            if change.status is TransactionStatus.FINAL:
                return self._finish_task(trigger)
        except Exception as second:
            log.fault("failure not noted", second)
        return None
