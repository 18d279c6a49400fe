"""What is asked for is brought to its end: answered, refused, waited for, or handed over.

Point 4 of contract.md, section 1, as far as no event is needed for it, and what of section 4
concerns a request that is not rendered. Where a render is made is its dispatcher's matter, what a
transaction may change that of `transitions`.
"""

from collections.abc import Callable

from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD
from functions.domain.job_record import ErrorInfo
from functions.domain.request import Refusal
from functions.domain.snapshot import (
    AvatarSnapshot,
    RenderSpec,
    TransactionResult,
    TransactionStatus,
)
from functions.errors import Code, RetryLater
from functions.jobs.avatar_state import AvatarState, load_state
from functions.jobs.cleanup import dispose
from functions.jobs.dispatch import Dispatcher, RequestedRender
from functions.jobs.ports import Dependencies
from functions.jobs.trigger import Trigger
from functions.observability import log, telemetry
from functions.observability.telemetry import Outcome

_PAUSE_S = 0.5  # before another look, where something changed between a look and its transaction
_MISSED = {TransactionStatus.AGAIN: Outcome.MISSING, TransactionStatus.FINAL: Outcome.FAILED}


class RequestConclusion:
    """Bring requests to their end, many at once."""

    def __init__(self, deps: Dependencies, dispatcher: Dispatcher) -> None:
        self._deps = deps
        self._dispatcher = dispatcher
        self._rules = deps.transitions

    def conclude(self, trigger: Trigger) -> TransactionStatus:
        """Bring what is asked for to its end, looking again whenever something changed meanwhile.

        Returns:
            DONE: nothing is left to do for what triggered it. HANDED: a task will see to
            it. PAST: the document has changed since, so a newer event exists.

        Raises:
            RetryLater: a redelivery can cure what hindered it.
        """
        status = TransactionStatus.MOVED
        yielding = False
        while status not in (
            TransactionStatus.DONE,
            TransactionStatus.HANDED,
            TransactionStatus.PAST,
        ):
            status = self._settle(trigger, yielding=yielding)
            yielding = yielding or status is TransactionStatus.LOST
        return status

    def load_state(self, trigger: Trigger) -> AvatarState:
        """See what is asked for now; and delete what others have left to be deleted."""
        state = load_state(self._deps, trigger.avatar_id)
        self.finish(state.avatar)
        return state

    def finish(self, avatar: AvatarSnapshot) -> None:
        """Delete what others have left to be deleted, unless a clean-up is at it."""
        if not avatar.record.cleaning(avatar.now):
            dispose(self._deps, avatar.avatar_id, avatar.record, no_clean_up=True)

    def transact(
        self, trigger: Trigger, decide: Callable[[AvatarSnapshot], TransactionResult]
    ) -> TransactionResult:
        """Have this decided; and delete what it leaves to be deleted."""
        change = self._deps.ledger.transact(trigger.avatar_id, decide)
        if change.record is not None:
            dispose(self._deps, trigger.avatar_id, change.record)
        return change

    def answered(self, trigger: Trigger, state: AvatarState) -> bool:
        """(b) A listed result, or a final failure of this very request, answers at once."""
        spec, result = state.spec, state.result
        if spec is None:
            return False
        if result is not None:
            change = self.transact(trigger, lambda now: self._rules.reuse(now, spec, result))
            if change.record is not None:
                how = Outcome.REUSED
                log.info("answered by a kept result", outcome=how, fingerprint=spec.fingerprint)
                telemetry.outcome(how)
            return change.status is TransactionStatus.DONE
        avatar = state.avatar
        if not avatar.record.failed_for_good(spec.fingerprint):
            return False
        if self._rules.reshow_failure(avatar, spec).fields:
            self.transact(trigger, lambda now: self._rules.reshow_failure(now, spec))
        return True

    def wait(self, trigger: Trigger, seconds: float) -> None:
        """Wait for another job; never longer than this trigger's deadline."""
        left_s = trigger.deadline - self._deps.clock.monotonic()
        if left_s <= 0:
            raise RetryLater("another's work outlived this event's deadline")
        self._deps.clock.sleep(min(seconds, left_s))

    def _settle(self, trigger: Trigger, *, yielding: bool) -> TransactionStatus:
        """As `conclude`; anything else: look again."""
        state = self.load_state(trigger)
        if relieved(trigger, state):
            return TransactionStatus.HANDED
        if moved_on(trigger, state):
            return TransactionStatus.PAST
        if self.answered(trigger, state):
            return TransactionStatus.DONE
        if isinstance(state.ask, Refusal):
            return self._concluded(trigger, self._refuse(trigger, state.ask))
        if state.spec is None:
            return TransactionStatus.DONE
        if state.inputs is None:
            return self._concluded(trigger, self._miss(trigger, state, state.spec))
        image, video = state.inputs
        job = RequestedRender(
            avatar_id=trigger.avatar_id,
            spec=state.spec,
            image=image,
            video=video,
            in_work=state.avatar.record.in_work(state.spec.fingerprint, state.avatar.now),
            yielding=yielding,
            since_s=trigger.since_s,
            deadline=trigger.deadline,
        )
        return self._concluded(trigger, self._dispatcher.hand_over(job))

    def _refuse(self, trigger: Trigger, refusal: Refusal) -> TransactionStatus:
        change = self.transact(
            trigger, lambda now: self._rules.refuse(now, trigger.inputs_key, refusal)
        )
        if change.fields:
            code = None if refusal.code is None else refusal.code.value
            how, state = Outcome.REFUSED, refusal.state.value
            log.info("refused", outcome=how, code=code or "", state=state, reason=refusal.reason)
            telemetry.outcome(how, code)
        return change.status

    def _miss(self, trigger: Trigger, state: AvatarState, spec: RenderSpec) -> TransactionStatus:
        path, code, field = spec.request.image_path, Code.HERO_IMAGE_NOT_FOUND, IMAGE_FIELD
        if state.image is not None and spec.request.video_path is not None:
            path, code, field = spec.request.video_path, Code.HERO_VIDEO_NOT_FOUND, VIDEO_FIELD
        problem = ErrorInfo.of(code, field)
        change = self.transact(
            trigger, lambda now: self._rules.record_missing_input(now, spec, path, problem)
        )
        if change.status in _MISSED:
            how = _MISSED[change.status]
            log.info("input not found", outcome=how, code=code.value, path=path)
            telemetry.outcome(how, code.value)
        return change.status

    def _concluded(self, trigger: Trigger, status: TransactionStatus) -> TransactionStatus:
        """Translate a status: ended, to be redelivered, or to read again."""
        match status:
            case TransactionStatus.DONE | TransactionStatus.FINAL:
                return TransactionStatus.DONE
            case TransactionStatus.HANDED:
                return TransactionStatus.HANDED
            case TransactionStatus.AGAIN | TransactionStatus.NOT_YET:
                raise RetryLater("the next attempt is another delivery's")
            case TransactionStatus.BUSY:
                self.wait(trigger, self._deps.settings.poll_s)
            case _:
                self.wait(trigger, _PAUSE_S)
        return status


def moved_on(trigger: Trigger, state: AvatarState) -> bool:
    """Whether the document has changed since the trigger: a newer event exists."""
    return state.inputs_key != trigger.inputs_key


def relieved(trigger: Trigger, state: AvatarState) -> bool:
    """Whether another task has been dispatched for this avatar since the trigger's own."""
    other = state.avatar.record.dispatch
    return trigger.dispatch is not None and other is not None and other != trigger.dispatch
