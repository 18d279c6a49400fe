"""What is asked for is brought to its end: answered, refused, waited for, or handed over.

Point 4 of docs/contract.md, section 1, as far as no event is needed for it, and what of section 4
concerns a request that is not rendered. Where a render is made is its dispatcher's matter, what a
transaction may change that of `transitions`.
"""

from collections.abc import Callable

from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD
from functions.domain.job_record import Problem
from functions.domain.request import Refusal
from functions.domain.snapshot import Asked, Change, Standing, Verdict
from functions.errors import Code, RetryLater
from functions.jobs.avatar_state import Sight, look
from functions.jobs.dispatch import Dispatcher, Errand
from functions.jobs.disposal import dispose
from functions.jobs.ports import Means
from functions.jobs.trigger import Visit
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome

_PAUSE_S = 0.5  # before another look, where something changed between a look and its transaction
_MISSED = {Verdict.AGAIN: Outcome.MISSING, Verdict.FINAL: Outcome.FAILED}


class Pursuit:
    """Follows wishes, many at once."""

    def __init__(self, means: Means, dispatcher: Dispatcher) -> None:
        self._means = means
        self._dispatcher = dispatcher
        self._rules = means.transitions

    def conclude(self, visit: Visit) -> Verdict:
        """Bring what is asked for to its end, looking again whenever something changed meanwhile.

        Returns:
            DONE: nothing is left to do for what the visit is about. HANDED: a task will see to
            it. PAST: the document is no longer the visit's, so a newer event exists.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """
        verdict = Verdict.MOVED
        yielding = False
        while verdict not in (Verdict.DONE, Verdict.HANDED, Verdict.PAST):
            verdict = self._settle(visit, yielding=yielding)
            yielding = yielding or verdict is Verdict.LOST
        return verdict

    def look(self, visit: Visit) -> Sight:
        """See what is asked for now; and delete what others have left to be deleted."""
        sight = look(self._means, visit.avatar_id)
        standing = sight.standing
        if not standing.record.cleaning(standing.now):
            dispose(self._means, visit.avatar_id, standing.record)
        return sight

    def transact(self, visit: Visit, decide: Callable[[Standing], Change]) -> Change:
        """Have this decided; and delete what it leaves to be deleted."""
        change = self._means.ledger.transact(visit.avatar_id, decide)
        if change.record is not None:
            dispose(self._means, visit.avatar_id, change.record)
        return change

    def answered(self, visit: Visit, sight: Sight) -> bool:
        """(b) A listed result, or a final failure of this very request, answers at once."""
        asked, result = sight.asked, sight.result
        if asked is None:
            return False
        if result is not None:
            change = self.transact(visit, lambda now: self._rules.reuse(now, asked, result))
            if change.record is not None:
                how = Outcome.REUSED
                log.info("answered by a kept result", outcome=how, fingerprint=asked.fingerprint)
                telemetry.outcome(how)
            return change.verdict is Verdict.DONE
        standing = sight.standing
        if not standing.record.failed_for_good(asked.fingerprint):
            return False
        if self._rules.restate(standing, asked).fields:
            self.transact(visit, lambda now: self._rules.restate(now, asked))
        return True

    def wait(self, visit: Visit, seconds: float) -> None:
        """Let somebody else work; never longer than one's own deadline."""
        left_s = visit.deadline - self._means.clock.monotonic()
        if left_s <= 0:
            raise RetryLater("another's work outlived this event's deadline")
        self._means.clock.sleep(min(seconds, left_s))

    def _settle(self, visit: Visit, *, yielding: bool) -> Verdict:
        """As `conclude`; anything else: look again."""
        sight = self.look(visit)
        if relieved(visit, sight):
            return Verdict.HANDED
        if moved_on(visit, sight):
            return Verdict.PAST
        if self.answered(visit, sight):
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

    def _refuse(self, visit: Visit, refusal: Refusal) -> Verdict:
        change = self.transact(visit, lambda now: self._rules.refuse(now, visit.relevant, refusal))
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
        change = self.transact(visit, lambda now: self._rules.miss(now, asked, path, problem))
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
            case Verdict.HANDED:
                return Verdict.HANDED
            case Verdict.AGAIN | Verdict.NOT_YET:
                raise RetryLater("the next attempt is another delivery's")
            case Verdict.BUSY:
                self.wait(visit, self._means.settings.poll_s)
            case _:
                self.wait(visit, _PAUSE_S)
        return verdict


def moved_on(visit: Visit, sight: Sight) -> bool:
    """Whether the document is no longer the visit's: a newer event exists."""
    return sight.relevant != visit.relevant


def relieved(visit: Visit, sight: Sight) -> bool:
    """Whether another task has come to stand for this avatar since the visit's own."""
    other = sight.standing.record.dispatch
    return visit.dispatch is not None and other is not None and other != visit.dispatch
