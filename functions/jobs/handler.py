"""Handle one event or task: what triggers a look, how long it is debounced, and how it ends.

Sections 1 and 9 of contract.md. Answers by returning (acknowledged: a redelivery would change
nothing) or by raising `RetryLater` (it may cure it). Knows ports only: `domain.next_step` decides
what is to be done, `steps` does it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from functions.domain.document import DocumentWrite, Gate, Relevant, gate
from functions.domain.job_record import Dispatch
from functions.domain.next_step import (
    Debounce,
    Done,
    Ending,
    NewerEvent,
    NewerTask,
    Trigger,
    next_step,
)
from functions.domain.snapshot import (
    AvatarSnapshot,
    TransactionStatus,
)
from functions.domain.subject import Subject
from functions.domain.task import LookTask
from functions.domain.transitions.answers import wish_digest
from functions.errors import Postponed, RetryLater
from functions.jobs.deferral import Deferral
from functions.jobs.dispatch import Dispatcher
from functions.jobs.ports import Dependencies
from functions.jobs.steps import Steps
from functions.jobs.turns import wake
from functions.observability import log, telemetry


class RenderHandler:
    """Handles events and tasks for as long as the process lives, many at once."""

    def __init__(
        self, deps: Dependencies, dispatcher: Dispatcher, deferral: Deferral | None = None
    ) -> None:
        self._deps = deps
        self._dispatcher = dispatcher
        self._deferral = deferral or Deferral()
        self._steps = Steps(deps, dispatcher)
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

    def handle_subject(self, subject: Subject, *, upgrades: bool = False) -> None:
        """Look at an avatar as it is now, and bring what it asks for to its end.

        The same path as an event's, without an event and without its debounce.

        Args:
            subject: whose.
            upgrades: render anew what another engine version has rendered.

        Raises:
            RetryLater: another call, later, can cure what hindered it.
        """
        self._handle_present(subject, needs_dispatch=False, upgrades=upgrades)

    def _handle_present(
        self, subject: Subject, *, needs_dispatch: bool, upgrades: bool = False
    ) -> None:
        """Handle what is there now.

        Where a task stands for the avatar, this is it: its dispatch is taken off the ledger, but
        only while the document still is what has been brought to its end.
        """
        deadline = self._deadline()
        with log.bound(**subject.log_ids):
            avatar = self._read(subject)
            trigger, owner = self._present(avatar, deadline), avatar.turns_owner
            task = trigger.dispatch
            if needs_dispatch and task is not None and task.held:
                task = self._take_turn(subject)
            if task is None and needs_dispatch:
                log.info("task ended before")
            else:
                self._finish(replace(trigger, dispatch=task, upgrades=upgrades))
            wake(self._deps, owner)

    def _finish(self, trigger: Trigger) -> None:
        """Bring what is asked for to its end; leave what is only due later to a later task."""
        task = trigger.dispatch
        try:
            while not self._serve(
                replace(trigger, debounced=task is None), self._serve_task, asked=True
            ):
                present = self._present(self._read(trigger.subject), trigger.deadline)
                trigger = replace(present, dispatch=task, upgrades=trigger.upgrades)
        except Postponed as later:
            if task is None:
                raise
            self._deferral.follow_up(self._deps, trigger.subject, task, later)

    def _take_turn(self, subject: Subject) -> Dispatch | None:
        """Return the dispatch of a render whose turn it is; None: it waits, and will be woken."""
        try:
            change = self._deps.ledger.transact(subject, self._rules.take_turn, counting=True)
        except Exception as fault:
            raise RetryLater(f"no turn was taken: {fault}") from fault
        return change.dispatch if change.status is TransactionStatus.DONE else None

    def handle_look(self, task: LookTask) -> None:
        """Look at an avatar whose save was debounced in the queue, as its event would have.

        Raises:
            RetryLater: another delivery can cure what hindered it.
        """
        with log.bound(**task.subject.log_ids):
            trigger = self._present(self._read(task.subject), self._deadline())
            key = trigger.inputs_key
            asks = isinstance(key, Relevant) and wish_digest(key) == task.wish
            # A talk without its avatar is cleaned up: nothing else may ever tell of it.
            settles = asks or (key is None and task.subject.is_talk)
            settle = self._serve_look if settles else self._leave_to_newer_event
            try:
                self._serve(replace(trigger, dispatch=None), settle, asked=asks)
            except Postponed as later:
                self._deferral.repeat_look(task, self._read(task.subject).now, later)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._deps.settings.deadline_s

    def _present(self, avatar: AvatarSnapshot, deadline: float) -> Trigger:
        """Return a trigger for the document as it is now."""
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
                self._steps.transact(trigger, self._rules.repair_mirror)
            case Gate.DELETED:
                self._steps.clean_up(trigger)
            case Gate.LEFT_QUEUED:
                self._steps.withdraw(trigger)
            case Gate.ASKED:
                if isinstance(self._steps.run(self._debounced(trigger)), NewerEvent):
                    self._steps.withdraw(trigger)
        return True

    def _leave_to_newer_event(self, trigger: Trigger) -> bool:
        """Leave a changed document to its newer event; withdraw what it no longer asks for."""
        self._steps.withdraw(trigger)
        return True

    def _serve_look(self, trigger: Trigger) -> bool:
        """Serve an event whose debounce is over."""
        if isinstance(self._steps.run(trigger), NewerEvent):
            self._steps.withdraw(trigger)
        return True

    def _debounced(self, trigger: Trigger) -> Ending | Trigger:
        """Answer an event at once where that is possible; else show `queued` and debounce."""
        began = self._clock.monotonic()
        with telemetry.span("gate"):
            state = self._steps.load_state(trigger)
            following = self._steps.carry_out(trigger, state, next_step(trigger, state))
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
            state = self._steps.load_state(trigger)
            if isinstance(next_step(trigger, state), Debounce):
                with telemetry.span("debounce"):
                    self._steps.wait(trigger, self._deps.settings.debounce_s)
        match self._steps.run(replace(trigger, debounced=True)):
            case Done():
                return self._finish_task(trigger)
            case NewerEvent() if trigger.dispatch is not None:
                return False  # it may be what it was again, and an event may rely on this task
            case NewerEvent():
                self._steps.withdraw(trigger)
            case NewerTask():
                self._deferral.ensure_task(self._deps, trigger.subject)
        return True

    def _finish_task(self, trigger: Trigger) -> bool:
        dispatch = trigger.dispatch
        if dispatch is None:
            return True
        change = self._steps.transact(
            trigger, lambda now: self._rules.finish_task(now, trigger.inputs_key, dispatch)
        )
        return change.status is not TransactionStatus.MOVED

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
            if asked and (ended := self._note_failed_try(trigger)) is not None:
                return ended
            raise RetryLater(f"not served: {fault}") from fault

    def _note_failed_try(self, trigger: Trigger) -> bool | None:
        """Count a failed try; end the trigger where tries have failed for a day, else None."""
        try:
            change = self._steps.transact(
                trigger, lambda now: self._rules.note_failed_try(now, trigger.inputs_key)
            )
            if change.status is TransactionStatus.FINAL:
                return self._finish_task(trigger)
        except Exception as second:
            log.fault("failure not noted", second)
        return None
