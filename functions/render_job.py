"""The story of one event: gate → answer → debounce → hand over, as docs/contract.md tells it.

Section 1 of the contract from top to bottom, and what of section 4 concerns a request that is not
rendered. Answers by returning (acknowledged: a redelivery would change nothing) or by raising
`RetryLater` (it may cure it). Knows ports only; where a render is made is its dispatcher's matter,
what a transaction may change that of `transitions`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from functions import log, telemetry
from functions.clean_up import clean_up
from functions.contract import DocumentWrite, Gate, State, gate
from functions.dispatch import Dispatcher, Errand
from functions.errors import Code, RetryLater
from functions.output import shown_fields
from functions.ports import Means
from functions.record import Problem
from functions.rendering import IMAGE_FIELD, VIDEO_FIELD
from functions.request import Refusal
from functions.sight import Sight, look
from functions.standing import Asked, Change, Standing, Verdict
from functions.telemetry import Outcome

_PAUSE_S = 0.5  # before another look, where something changed between a look and its transaction
_MISSED = {Verdict.AGAIN: Outcome.MISSING, Verdict.FINAL: Outcome.FAILED}
_PATIENCE_S = 600.0  # how old a wish may be whose inexplicable failure is still retried


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One reason to look after an avatar: a delivered event, or somebody who asks."""

    avatar_id: str
    case: Gate
    relevant: object  # of the document for whose sake it is; None: it is gone
    since_s: float  # Unix time: how old the wish is
    deadline: float  # on the clock's monotonic scale


class Doorway:
    """Answers events for as long as the instance lives, many at once."""

    def __init__(self, means: Means, dispatcher: Dispatcher) -> None:
        self._means = means
        self._dispatcher = dispatcher
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

        The same path as an event's, without an event and without its debounce.

        Raises:
            RetryLater: another call, later, can cure what hindered it.
        """
        deadline = self._deadline()
        with log.bound(avatar_id=avatar_id):
            self._serve(self._present(avatar_id, deadline), self._attend)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._means.settings.deadline_s

    def _present(self, avatar_id: str, deadline: float) -> Visit:
        """A visit for the sake of the document as it is."""
        try:
            document = self._means.ledger.read(avatar_id).document
        except Exception as fault:
            log.fault("document and ledger not read", fault)
            raise RetryLater(f"document and ledger not read: {fault}") from fault
        case = Gate.DELETED
        if document is not None:
            case = Gate.ASKED if document.opted_in else Gate.LEFT_QUEUED
        return Visit(
            avatar_id=avatar_id,
            case=case,
            relevant=None if document is None else document.relevant,
            since_s=self._clock.now(),
            deadline=deadline,
        )

    def _serve(self, visit: Visit, serve: Callable[[Visit], None]) -> None:
        try:
            serve(visit)
        except RetryLater as later:
            log.info("to be redelivered", reason=str(later))
            raise
        except Exception as fault:
            self._unexplained(visit, fault)

    # --- section 1: the gate

    def _enter(self, visit: Visit) -> None:
        match visit.case:
            case Gate.UNRELATED:
                return
            case Gate.MIRROR_TOUCHED:
                self._transact(visit, self._rules.heal)
            case Gate.ASKED:
                self._pursue(visit)
            case _:
                self._attend(visit)

    def _attend(self, visit: Visit) -> None:
        """Without waiting for what the next second may bring."""
        match visit.case:
            case Gate.DELETED:
                self._clean_up(visit)
            case Gate.LEFT_QUEUED:
                self._transact(visit, lambda now: self._rules.settle(now, visit.relevant))
            case _:
                self._conclude(visit)

    def _clean_up(self, visit: Visit) -> None:
        while clean_up(self._means, visit.avatar_id) is Verdict.BUSY:
            self._wait(visit, self._means.settings.poll_s)

    def _pursue(self, visit: Visit) -> None:
        """What is there now counts; the event only says that something may have changed."""
        with telemetry.span("gate"):
            sight = look(self._means, visit.avatar_id)
            if self._answered(visit, sight) or self._moved_on(visit, sight):
                return
            if sight.asked is not None:
                asked = sight.asked
                self._transact(visit, lambda now: self._rules.queue(now, asked))
        with telemetry.span("debounce"):
            self._debounce(visit)
        self._conclude(visit)

    def _debounce(self, visit: Visit) -> None:
        debounce_s = self._means.settings.debounce_s
        left_s = visit.since_s + debounce_s - self._clock.now()
        if left_s > 0:
            self._clock.sleep(min(left_s, debounce_s))

    def _conclude(self, visit: Visit) -> None:
        verdict = Verdict.MOVED
        yielding = False
        while verdict is not Verdict.DONE:  # otherwise something changed meanwhile: look again
            verdict = self._settle(visit, yielding=yielding)
            yielding = yielding or verdict is Verdict.LOST

    def _settle(self, visit: Visit, *, yielding: bool) -> Verdict:
        """Bring what is asked for now to its end: DONE; anything else: look again."""
        sight = look(self._means, visit.avatar_id)
        if self._moved_on(visit, sight) or self._answered(visit, sight):
            return Verdict.DONE
        if isinstance(sight.ask, Refusal):
            return self._concluded(visit, self._refuse(visit, sight.ask))
        if sight.asked is None:
            return Verdict.DONE
        if sight.inputs is None:
            return self._concluded(visit, self._miss(visit, sight, sight.asked))
        image, video = sight.inputs
        errand = Errand(
            avatar_id=visit.avatar_id,
            asked=sight.asked,
            image=image,
            video=video,
            in_work=sight.standing.record.in_work(sight.asked.fingerprint, sight.standing.now),
            yielding=yielding,
            since_s=visit.since_s,
            deadline=visit.deadline,
        )
        return self._concluded(visit, self._dispatcher.hand_over(errand))

    def _moved_on(self, visit: Visit, sight: Sight) -> bool:
        """Whether the document is no longer the visit's: a newer event exists."""
        return sight.relevant != visit.relevant

    def _answered(self, visit: Visit, sight: Sight) -> bool:
        """(b) A listed result, or a final failure of this very request, answers at once."""
        asked, result = sight.asked, sight.result
        if asked is None:
            return False
        if result is not None:
            change = self._transact(visit, lambda now: self._rules.reuse(now, asked, result))
            if change.record is not None:
                how = Outcome.REUSED
                log.info("answered by a kept result", outcome=how, fingerprint=asked.fingerprint)
                telemetry.outcome(how)
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
            how, state = Outcome.REFUSED, refusal.state.value
            log.info("refused", outcome=how, code=code or "", state=state, reason=refusal.reason)
            telemetry.outcome(how, code)
        return change.verdict

    def _miss(self, visit: Visit, sight: Sight, asked: Asked) -> Verdict:
        path, code, field = asked.request.image_path, Code.HERO_IMAGE_NOT_FOUND, IMAGE_FIELD
        if sight.image is not None and asked.request.video_path is not None:
            path, code, field = asked.request.video_path, Code.HERO_VIDEO_NOT_FOUND, VIDEO_FIELD
        problem = Problem.of(code, field)
        change = self._transact(visit, lambda now: self._rules.miss(now, asked, path, problem))
        if change.verdict in _MISSED:
            how = _MISSED[change.verdict]
            log.info("input not found", outcome=how, code=code.value, path=path)
            telemetry.outcome(how, code.value)
        return change.verdict

    def _concluded(self, visit: Visit, verdict: Verdict) -> Verdict:
        """What a verdict means for the visit: ended, to be redelivered, or to look again."""
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

    # --- faults nobody foresaw

    def _unexplained(self, visit: Visit, fault: Exception) -> None:
        """Before the claim: retried while the wish is young, then `failed` where possible."""
        log.fault("event not served", fault)
        young = self._clock.now() - visit.since_s < _PATIENCE_S
        if young or visit.case is Gate.DELETED:
            raise RetryLater(f"not served: {fault}") from fault
        if visit.case is not Gate.ASKED:
            return
        refusal = Refusal(state=State.FAILED, code=Code.INTERNAL)
        try:
            self._transact(visit, lambda now: self._rules.refuse(now, visit.relevant, refusal))
        except Exception as second:
            log.fault("failure not written", second)

    def _transact(self, visit: Visit, decide: Callable[[Standing], Change]) -> Change:
        return self._means.ledger.transact(visit.avatar_id, decide)
