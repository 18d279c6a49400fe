"""The story of one event or task: gate → answer → debounce → its end, as docs/contract.md tells it.

Sections 1 and 9 of the contract from top to bottom. Answers by returning (acknowledged: a
redelivery would change nothing) or by raising `RetryLater` (it may cure it). Knows ports only; how
a wish comes to its end is `pursuit`'s part.
"""

from collections.abc import Callable
from dataclasses import replace

from functions.domain.document import DocumentWrite, Gate, gate
from functions.domain.failed_tries import note
from functions.domain.snapshot import Verdict
from functions.domain.withdrawal import settle
from functions.errors import RetryLater
from functions.jobs.cleanup import clean_up
from functions.jobs.dispatch import Dispatcher
from functions.jobs.ports import Means
from functions.jobs.pursuit import Pursuit, moved_on
from functions.jobs.trigger import Visit
from functions.observability import log, telemetry


class Doorway:
    """Answers events and tasks for as long as the instance lives, many at once."""

    def __init__(self, means: Means, dispatcher: Dispatcher) -> None:
        self._means = means
        self._pursuit = Pursuit(means, dispatcher)
        self._rules = means.transitions
        self._clock = means.clock

    def answer(self, write: DocumentWrite) -> None:
        """Serve one event to its end.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """
        visit = Visit(
            avatar_id=write.avatar_id,
            case=gate(write),
            relevant=None if write.after is None else write.after.relevant,
            since_s=write.committed_s,
            deadline=self._deadline(),
        )
        with log.bound(avatar_id=visit.avatar_id):
            self._serve(visit, self._enter)

    def see_to(self, avatar_id: str) -> None:
        """Look at an avatar as it is now, and bring what it asks for to its end.

        The same path as an event's, without an event and without its debounce. Where a task stands
        for the avatar, this is it: its dispatch is taken off the ledger, but only while the
        document still is what has been brought to its end.

        Raises:
            RetryLater: another call, later, can cure what hindered it.
        """
        deadline = self._deadline()
        with log.bound(avatar_id=avatar_id):
            first = visit = self._present(avatar_id, deadline)
            while self._serve(visit, self._attend) is Verdict.MOVED:
                visit = replace(self._present(avatar_id, deadline), dispatch=first.dispatch)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._means.settings.deadline_s

    def _present(self, avatar_id: str, deadline: float) -> Visit:
        """A visit for the sake of the document as it is."""
        try:
            standing = self._means.ledger.read(avatar_id)
        except Exception as fault:
            log.fault("document and ledger not read", fault)
            raise RetryLater(f"document and ledger not read: {fault}") from fault
        document, dispatch = standing.document, standing.record.dispatch
        case = Gate.DELETED
        if document is not None:
            case = Gate.ASKED if document.opted_in else Gate.LEFT_QUEUED
        return Visit(
            avatar_id=avatar_id,
            case=case,
            relevant=None if document is None else document.relevant,
            since_s=(standing.now if dispatch is None else dispatch.at) / 1000,
            deadline=deadline,
            dispatch=dispatch,
        )

    def _serve(self, visit: Visit, serve: Callable[[Visit], Verdict]) -> Verdict:
        try:
            return serve(visit)
        except RetryLater as later:
            log.info("to be redelivered", reason=str(later))
            raise
        except Exception as fault:
            return self._unexplained(visit, fault)

    # --- an event: section 1, the gate

    def _enter(self, visit: Visit) -> Verdict:
        match visit.case:
            case Gate.UNRELATED:
                return Verdict.DONE
            case Gate.MIRROR_TOUCHED:
                return self._pursuit.transact(visit, self._rules.heal).verdict
            case Gate.ASKED:
                verdict = self._pursue(visit)
                return self._settle(visit) if verdict is Verdict.PAST else verdict
            case _:
                return self._tidy(visit)

    def _tidy(self, visit: Visit) -> Verdict:
        """What is to be done where nothing is asked for."""
        if visit.case is Gate.DELETED:
            while clean_up(self._means, visit.avatar_id) is Verdict.BUSY:
                self._pursuit.wait(visit, self._means.settings.poll_s)
            return Verdict.DONE
        return self._settle(visit)

    def _settle(self, visit: Visit) -> Verdict:
        """Take back what a document shows that asks for nothing any more.

        A job that is still at it is waited for, because it may be killed: but by one alone, and
        where a task stands for it, by that task.
        """
        while (change := self._pursuit.transact(visit, settle)).verdict is Verdict.BUSY:
            if change.dispatch is not None and visit.dispatch is None:
                break
            self._pursuit.wait(visit, self._means.settings.poll_s)
        return Verdict.DONE

    def _pursue(self, visit: Visit) -> Verdict:
        """What is there now counts; the event only says that something may have changed."""
        began = self._clock.monotonic()
        with telemetry.span("gate"):
            sight = self._pursuit.look(visit)
            if self._pursuit.answered(visit, sight):
                return Verdict.DONE
            if moved_on(visit, sight):
                return Verdict.PAST
            if sight.asked is not None:
                asked = sight.asked
                self._pursuit.transact(visit, lambda now: self._rules.queue(now, asked))
        with telemetry.span("debounce"):
            elapsed_s = self._clock.monotonic() - began
            self._debounce(visit, sight.standing.now / 1000 + elapsed_s)
        return self._pursuit.conclude(visit)

    def _debounce(self, visit: Visit, now_s: float) -> None:
        """Wait until the save has come to rest: by the database's clock, whatever this one says."""
        debounce_s = self._means.settings.debounce_s
        left_s = visit.since_s + debounce_s - now_s
        if left_s > 0:
            self._clock.sleep(min(left_s, debounce_s))

    # --- a task, or somebody who asks: section 9

    def _attend(self, visit: Visit) -> Verdict:
        """MOVED: there is something else to attend to now; anything else: this is at its end."""
        if visit.case is not Gate.ASKED:
            self._tidy(visit)
            return self._rest(visit)
        if visit.dispatch is not None:
            self._await_the_save(visit, visit.dispatch.fingerprint)
        verdict = self._pursuit.conclude(visit)
        if verdict is Verdict.PAST and visit.dispatch is None:
            return self._settle(visit)
        if verdict is Verdict.PAST:
            return Verdict.MOVED  # it may be what it was again: whoever relies on this task knows
        return self._rest(visit) if verdict is Verdict.DONE else verdict

    def _await_the_save(self, visit: Visit, dispatched: str) -> None:
        """A wish that is not the dispatched one may be a slider still moving: let it come to rest.

        Its own event is being debounced meanwhile, and will leave a task of its own.
        """
        sight = self._pursuit.look(visit)
        if sight.asked is not None and sight.asked.fingerprint != dispatched:
            with telemetry.span("debounce"):
                self._pursuit.wait(visit, self._means.settings.debounce_s)

    def _rest(self, visit: Visit) -> Verdict:
        if visit.dispatch is None:
            return Verdict.DONE
        return self._pursuit.transact(
            visit, lambda now: self._rules.rest(now, visit.relevant)
        ).verdict

    # --- faults nobody foresaw

    def _unexplained(self, visit: Visit, fault: Exception) -> Verdict:
        """Before the claim: never acknowledged for being old, but told where it lasts."""
        log.fault("event not served", fault)
        try:
            if visit.case is Gate.ASKED and self._note(visit) is Verdict.FINAL:
                return self._rest(visit)
        except Exception as second:
            log.fault("failure not noted", second)
        raise RetryLater(f"not served: {fault}") from fault

    def _note(self, visit: Visit) -> Verdict:
        reader = self._rules.reader
        return self._pursuit.transact(visit, lambda now: note(now, visit.relevant, reader)).verdict
