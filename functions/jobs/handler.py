"""The story of one event or task: gate → answer → debounce → its end, as contract.md tells it.

Sections 1 and 9 of the contract from top to bottom. Answers by returning (acknowledged: a
redelivery would change nothing) or by raising `RetryLater` (it may cure it). Knows ports only; how
a request is concluded is `conclusion`'s part.
"""

from collections.abc import Callable
from dataclasses import replace

from functions.domain.document import DocumentWrite, Gate, gate
from functions.domain.failed_tries import note
from functions.domain.snapshot import TransactionStatus
from functions.domain.withdrawal import settle
from functions.errors import RetryLater
from functions.jobs.cleanup import clean_up
from functions.jobs.conclusion import RequestConclusion, moved_on
from functions.jobs.dispatch import Dispatcher
from functions.jobs.ports import Dependencies
from functions.jobs.trigger import Trigger
from functions.observability import log, telemetry


class RenderHandler:
    """Answers events and tasks for as long as the instance lives, many at once."""

    def __init__(self, deps: Dependencies, dispatcher: Dispatcher) -> None:
        self._deps = deps
        self._conclusion = RequestConclusion(deps, dispatcher)
        self._rules = deps.transitions
        self._clock = deps.clock

    def handle_event(self, write: DocumentWrite) -> None:
        """Serve one event to its end.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """
        trigger = Trigger(
            avatar_id=write.avatar_id,
            case=gate(write),
            inputs_key=None if write.after is None else write.after.inputs_key,
            since_s=write.committed_s,
            deadline=self._deadline(),
        )
        with log.bound(avatar_id=trigger.avatar_id):
            self._serve(trigger, self._enter)

    def handle_task(self, avatar_id: str) -> None:
        """Look at an avatar as it is now, and bring what it asks for to its end.

        The same path as an event's, without an event and without its debounce. Where a task stands
        for the avatar, this is it: its dispatch is taken off the ledger, but only while the
        document still is what has been brought to its end.

        Raises:
            RetryLater: another call, later, can cure what hindered it.
        """
        deadline = self._deadline()
        with log.bound(avatar_id=avatar_id):
            first = trigger = self._present(avatar_id, deadline)
            while self._serve(trigger, self._attend) is TransactionStatus.MOVED:
                trigger = replace(self._present(avatar_id, deadline), dispatch=first.dispatch)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._deps.settings.deadline_s

    def _present(self, avatar_id: str, deadline: float) -> Trigger:
        """A trigger for the document as it is now."""
        try:
            avatar = self._deps.ledger.read(avatar_id)
        except Exception as fault:
            log.fault("document and ledger not read", fault)
            raise RetryLater(f"document and ledger not read: {fault}") from fault
        self._conclusion.finish(avatar)
        document, dispatch = avatar.document, avatar.record.dispatch
        case = Gate.DELETED
        if document is not None:
            case = Gate.ASKED if document.opted_in else Gate.LEFT_QUEUED
        return Trigger(
            avatar_id=avatar_id,
            case=case,
            inputs_key=None if document is None else document.inputs_key,
            since_s=(avatar.now if dispatch is None else dispatch.at) / 1000,
            deadline=deadline,
            dispatch=dispatch,
        )

    def _serve(
        self, trigger: Trigger, serve: Callable[[Trigger], TransactionStatus]
    ) -> TransactionStatus:
        try:
            return serve(trigger)
        except RetryLater as later:
            log.info("to be redelivered", reason=str(later))
            raise
        except Exception as fault:
            return self._unexplained(trigger, fault)

    # --- an event: section 1, the gate

    def _enter(self, trigger: Trigger) -> TransactionStatus:
        match trigger.case:
            case Gate.UNRELATED:
                return TransactionStatus.DONE
            case Gate.MIRROR_TOUCHED:
                return self._conclusion.transact(trigger, self._rules.repair_mirror).status
            case Gate.ASKED:
                status = self._pursue(trigger)
                return self._settle(trigger) if status is TransactionStatus.PAST else status
            case _:
                return self._tidy(trigger)

    def _tidy(self, trigger: Trigger) -> TransactionStatus:
        """What is to be done where nothing is asked for."""
        if trigger.case is Gate.DELETED:
            while clean_up(self._deps, trigger.avatar_id) is TransactionStatus.BUSY:
                self._conclusion.wait(trigger, self._deps.settings.poll_s)
            return TransactionStatus.DONE
        return self._settle(trigger)

    def _settle(self, trigger: Trigger) -> TransactionStatus:
        """Take back what a document shows that asks for nothing any more.

        A job that is still at it is waited for, because it may be killed: but by one alone, and
        where a task stands for it, by that task.
        """
        busy = TransactionStatus.BUSY
        while (change := self._conclusion.transact(trigger, settle)).status is busy:
            if change.dispatch is not None and trigger.dispatch is None:
                break
            self._conclusion.wait(trigger, self._deps.settings.poll_s)
        return TransactionStatus.DONE

    def _pursue(self, trigger: Trigger) -> TransactionStatus:
        """What is there now counts; the event only says that something may have changed."""
        began = self._clock.monotonic()
        with telemetry.span("gate"):
            state = self._conclusion.load_state(trigger)
            if self._conclusion.answered(trigger, state):
                return TransactionStatus.DONE
            if moved_on(trigger, state):
                return TransactionStatus.PAST
            if state.spec is not None:
                spec = state.spec
                self._conclusion.transact(trigger, lambda now: self._rules.queue(now, spec))
        with telemetry.span("debounce"):
            elapsed_s = self._clock.monotonic() - began
            self._debounce(trigger, state.avatar.now / 1000 + elapsed_s)
        return self._conclusion.conclude(trigger)

    def _debounce(self, trigger: Trigger, now_s: float) -> None:
        """Wait until the save is as old as the debounce, by the database's clock."""
        debounce_s = self._deps.settings.debounce_s
        left_s = trigger.since_s + debounce_s - now_s
        if left_s > 0:
            self._clock.sleep(min(left_s, debounce_s))

    # --- a task, or reconcile: section 9

    def _attend(self, trigger: Trigger) -> TransactionStatus:
        """MOVED: there is something else to attend to now; anything else: this is at its end."""
        if trigger.case is not Gate.ASKED:
            self._tidy(trigger)
            return self._finish_task(trigger)
        if trigger.dispatch is not None:
            self._await_the_save(trigger, trigger.dispatch.fingerprint)
        status = self._conclusion.conclude(trigger)
        if status is TransactionStatus.PAST and trigger.dispatch is None:
            return self._settle(trigger)
        if status is TransactionStatus.PAST:
            # It may be what it was again, and an event may rely on this task.
            return TransactionStatus.MOVED
        return self._finish_task(trigger) if status is TransactionStatus.DONE else status

    def _await_the_save(self, trigger: Trigger, dispatched: str) -> None:
        """Debounce a request that is not the dispatched one: the slider may still be moving.

        Its own event is being debounced meanwhile, and will leave a task of its own.
        """
        state = self._conclusion.load_state(trigger)
        if state.spec is not None and state.spec.fingerprint != dispatched:
            with telemetry.span("debounce"):
                self._conclusion.wait(trigger, self._deps.settings.debounce_s)

    def _finish_task(self, trigger: Trigger) -> TransactionStatus:
        if trigger.dispatch is None:
            return TransactionStatus.DONE
        return self._conclusion.transact(
            trigger, lambda now: self._rules.finish_task(now, trigger.inputs_key)
        ).status

    # --- unforeseen faults

    def _unexplained(self, trigger: Trigger, fault: Exception) -> TransactionStatus:
        """Before the claim: never acknowledged for being old, but told where it lasts."""
        log.fault("event not served", fault)
        try:
            if trigger.case is Gate.ASKED and self._note(trigger) is TransactionStatus.FINAL:
                return self._finish_task(trigger)
        except Exception as second:
            log.fault("failure not noted", second)
        raise RetryLater(f"not served: {fault}") from fault

    def _note(self, trigger: Trigger) -> TransactionStatus:
        reader = self._rules.reader
        return self._conclusion.transact(
            trigger, lambda now: note(now, trigger.inputs_key, reader)
        ).status
