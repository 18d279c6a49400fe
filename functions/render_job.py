"""The story of one event: gate → claim → render → outcome, as docs/contract.md tells it.

Sections 1 and 4 of the contract, from top to bottom. Answers by returning (acknowledged: a
redelivery would change nothing) or by raising `RetryLater` (it may cure it). Knows ports only;
what a claimed render does is `rendering`'s part, what a transaction may change that of
`transitions`.
"""

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from functions import log
from functions.clean_up import clean_up
from functions.contract import DocumentWrite, Gate, State, gate
from functions.errors import Code, LeaseLost, RetryLater, Stopped
from functions.output import shown_fields
from functions.ports import Means
from functions.record import Problem
from functions.reference import StoredObject
from functions.rendering import IMAGE_FIELD, VIDEO_FIELD, Assignment, Rendering, problem_of
from functions.request import Refusal
from functions.sight import Sight, look
from functions.standing import Asked, Change, Claim, Standing, Verdict

_LOCK_WAIT_S = 60.0
_PAUSE_S = 0.5  # before another look, where something changed between a look and its transaction
_PATIENCE_S = 600.0  # how old an event may be whose inexplicable failure is still retried


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One delivery of an event."""

    write: DocumentWrite
    relevant: object  # of the document as the event tells it
    deadline: float  # on the clock's monotonic scale


class Doorway:
    """Answers events for as long as the instance lives: many at once, rendering one at a time."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._rules = means.transitions
        self._clock = means.clock
        self._lock = threading.Lock()

    def answer(self, write: DocumentWrite) -> None:
        """Serve one event to its end.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """
        visit = Visit(
            write=write,
            relevant=None if write.after is None else write.after.relevant,
            deadline=self._clock.monotonic() + self._means.settings.deadline_s,
        )
        with log.bound(avatar_id=write.avatar_id):
            try:
                self._enter(visit)
            except RetryLater as later:
                log.info("to be redelivered", reason=str(later))
                raise
            except Exception as fault:
                self._unexplained(visit, fault)

    # --- section 1: the gate

    def _enter(self, visit: Visit) -> None:
        match gate(visit.write):
            case Gate.UNRELATED:
                return
            case Gate.DELETED:
                self._clean_up(visit)
            case Gate.MIRROR_TOUCHED:
                self._transact(visit, self._rules.heal)
            case Gate.LEFT_QUEUED:
                self._transact(visit, lambda now: self._rules.settle(now, visit.relevant))
            case Gate.ASKED:
                self._pursue(visit)

    def _clean_up(self, visit: Visit) -> None:
        while clean_up(self._means, visit.write.avatar_id) is Verdict.BUSY:
            self._wait(visit, self._means.settings.poll_s)

    def _pursue(self, visit: Visit) -> None:
        """What is there now counts; the event only says that something may have changed."""
        sight = look(self._means, visit.write.avatar_id)
        if self._answered(visit, sight) or self._moved_on(visit, sight):
            return
        if sight.asked is not None:
            asked = sight.asked
            self._transact(visit, lambda now: self._rules.queue(now, asked))
        self._debounce(visit)
        verdict = Verdict.MOVED
        yielding = False
        while verdict is not Verdict.DONE:  # otherwise something changed meanwhile: look again
            verdict = self._settle(visit, yielding=yielding)
            yielding = yielding or verdict is Verdict.LOST

    def _debounce(self, visit: Visit) -> None:
        debounce_s = self._means.settings.debounce_s
        left_s = visit.write.committed_s + debounce_s - self._clock.now()
        if left_s > 0:
            self._clock.sleep(min(left_s, debounce_s))

    def _settle(self, visit: Visit, *, yielding: bool) -> Verdict:
        """Bring what is asked for now to its end: DONE; anything else: look again."""
        sight = look(self._means, visit.write.avatar_id)
        if self._moved_on(visit, sight) or self._answered(visit, sight):
            return Verdict.DONE
        if isinstance(sight.ask, Refusal):
            return self._concluded(visit, self._refuse(visit, sight.ask))
        if sight.asked is None:
            return Verdict.DONE
        if sight.inputs is None:
            return self._concluded(visit, self._miss(visit, sight, sight.asked))
        if sight.standing.record.in_work(sight.asked.fingerprint, sight.standing.now):
            return self._concluded(visit, Verdict.BUSY)
        verdict = self._claim_and_render(visit, sight.asked, sight.inputs, yielding=yielding)
        return self._concluded(visit, verdict)

    def _moved_on(self, visit: Visit, sight: Sight) -> bool:
        """Whether the document is no longer the event's: a newer event exists."""
        return sight.relevant != visit.relevant

    def _answered(self, visit: Visit, sight: Sight) -> bool:
        """(b) A listed result, or a final failure of this very request, answers at once."""
        asked, result = sight.asked, sight.result
        if asked is None:
            return False
        if result is not None:
            change = self._transact(visit, lambda now: self._rules.reuse(now, asked, result))
            if change.record is not None:
                log.info("answered by a kept result", fingerprint=asked.fingerprint)
            return change.verdict is Verdict.DONE
        standing = sight.standing
        if not standing.record.failed_for_good(asked.fingerprint):
            return False
        if standing.document is not None and shown_fields(standing.document, standing.record):
            self._transact(visit, lambda now: self._rules.restate(now, asked))
        return True

    # --- what is not rendered

    def _refuse(self, visit: Visit, refusal: Refusal) -> Verdict:
        change = self._transact(visit, lambda now: self._rules.refuse(now, visit.relevant, refusal))
        if change.fields:
            code = None if refusal.code is None else refusal.code.value
            log.info("refused", state=refusal.state.value, code=code, reason=refusal.reason)
        return change.verdict

    def _miss(self, visit: Visit, sight: Sight, asked: Asked) -> Verdict:
        path, code, field = asked.request.image_path, Code.HERO_IMAGE_NOT_FOUND, IMAGE_FIELD
        if sight.image is not None and asked.request.video_path is not None:
            path, code, field = asked.request.video_path, Code.HERO_VIDEO_NOT_FOUND, VIDEO_FIELD
        problem = Problem.of(code, field)
        change = self._transact(visit, lambda now: self._rules.miss(now, asked, path, problem))
        log.info("input not found", path=path, verdict=change.verdict.value)
        return change.verdict

    def _concluded(self, visit: Visit, verdict: Verdict) -> Verdict:
        """What a verdict means for the event: ended, to be redelivered, or to look again."""
        match verdict:
            case Verdict.DONE | Verdict.FINAL:
                return Verdict.DONE
            case Verdict.AGAIN | Verdict.NOT_YET:
                raise RetryLater("the next attempt is another delivery's")
            case Verdict.BUSY:
                self._wait(visit, self._means.settings.poll_s)
            case _:
                self._wait(visit, _PAUSE_S)
        return verdict

    def _wait(self, visit: Visit, seconds: float) -> None:
        """Let somebody else work; never longer than one's own deadline."""
        left_s = visit.deadline - self._clock.monotonic()
        if left_s <= 0:
            raise RetryLater("another's work outlived this event's deadline")
        self._clock.sleep(min(seconds, left_s))

    # --- section 4: the claim and the render

    def _claim_and_render(
        self,
        visit: Visit,
        asked: Asked,
        inputs: tuple[StoredObject, StoredObject | None],
        *,
        yielding: bool,
    ) -> Verdict:
        if not self._lock.acquire(timeout=_LOCK_WAIT_S):
            raise RetryLater(f"another render held this instance for {_LOCK_WAIT_S:.0f} s")
        try:
            claim = Claim(owner=str(uuid4()), asked=asked)
            verdict = self._claim(visit, claim, yielding=yielding)
            if verdict is not Verdict.CLAIMED:
                return verdict
            image, video = inputs
            assignment = Assignment(
                avatar_id=visit.write.avatar_id,
                claim=claim,
                image=image,
                video=video,
                deadline=visit.deadline,
            )
            with log.bound(render_id=asked.fingerprint):
                return self._render(visit, assignment)
        finally:
            self._lock.release()

    def _claim(self, visit: Visit, claim: Claim, *, yielding: bool) -> Verdict:
        left_s = visit.deadline - self._clock.monotonic()
        if left_s < self._means.settings.deadline_s / 2:
            raise RetryLater(f"only {left_s:.0f} s are left of this event's deadline")
        return self._means.ledger.transact(
            visit.write.avatar_id,
            lambda now: self._rules.claim(now, claim, left_s, yielding=yielding),
            counting=True,
        ).verdict

    def _render(self, visit: Visit, assignment: Assignment) -> Verdict:
        log.info("claimed", request_id=assignment.claim.owner, engine=assignment.claim.asked.engine)
        try:
            return self._outcome(visit, Rendering(self._means, assignment))
        except Exception as fault:  # the lease runs out by itself
            self._log_fault("the outcome could not be written", fault)
            raise RetryLater("the outcome could not be written") from fault

    def _outcome(self, visit: Visit, rendering: Rendering) -> Verdict:
        """Render; failures become outcomes."""
        try:
            rendering.run()
            return Verdict.DONE
        except Stopped as stop:
            log.info("render stopped", reason=str(stop), kind=type(stop).__name__)
            rendering.withdraw()
            return Verdict.LOST if isinstance(stop, LeaseLost) else Verdict.MOVED
        except Exception as fault:
            return self._failed(visit, rendering, fault)

    def _failed(self, visit: Visit, rendering: Rendering, fault: Exception) -> Verdict:
        problem, claim = problem_of(fault), rendering.claim
        if problem.code is Code.INTERNAL:
            self._log_fault("render failed", fault)
        else:
            log.warning("render failed", code=problem.code.value, reason=str(fault))
        verdict = self._transact(visit, lambda now: self._rules.fail(now, claim, problem)).verdict
        if verdict in (Verdict.LOST, Verdict.MOVED):
            rendering.withdraw()
        else:
            rendering.discard()
        return verdict

    # --- faults nobody foresaw

    def _unexplained(self, visit: Visit, fault: Exception) -> None:
        """Before the claim: retried while the event is young, then `failed` where possible."""
        self._log_fault("event not served", fault)
        young = self._clock.now() - visit.write.committed_s < _PATIENCE_S
        if young or visit.write.after is None:
            raise RetryLater(f"not served: {fault}") from fault
        if gate(visit.write) is not Gate.ASKED:
            return
        refusal = Refusal(state=State.FAILED, code=Code.INTERNAL)
        try:
            self._transact(visit, lambda now: self._rules.refuse(now, visit.relevant, refusal))
        except Exception as second:
            self._log_fault("failure not written", second)

    def _log_fault(self, message: str, fault: Exception) -> None:
        log.error(message, reason=str(fault), stack="".join(traceback.format_exception(fault)))

    def _transact(self, visit: Visit, decide: Callable[[Standing], Change]) -> Change:
        return self._means.ledger.transact(visit.write.avatar_id, decide)
