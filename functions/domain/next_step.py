"""What is to be done for an avatar now: one decision, for the handler and for reconcile.

`Trigger` is the reason to look, `AvatarState` what is seen, and `next_step` says what follows from
both. Pure. Rules: contract.md, sections 1, 4 and 9.
"""

import math
from dataclasses import dataclass

from functions.domain.avatar_state import AvatarState
from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD
from functions.domain.job_record import Dispatch, ErrorInfo, Result
from functions.domain.request import Refusal
from functions.domain.snapshot import AvatarSnapshot, RenderJob, RenderSpec
from functions.domain.subject import Subject
from functions.domain.talks.document import AUDIO_FIELD
from functions.errors import Code


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A reason to handle an avatar: an event, a task, or reconcile."""

    subject: Subject
    inputs_key: object  # of the document that it is about; None: the document is gone
    since_s: float  # Unix time of the wish, by the database's clock: its save, or its dispatch
    deadline: float  # on the clock's monotonic scale
    dispatch: Dispatch | None = None  # the task that this ends; None: an event, or reconcile
    debounced: bool = True  # False: the slider may still be moving
    yielding: bool = False  # its render lost the lease, while the document stayed the same
    queues: bool = False  # renders are left to a queue, so none in work is waited for
    upgrades: bool = False  # nothing that another engine version has rendered answers it

    @classmethod
    def present(cls, avatar: AvatarSnapshot, *, deadline: float = math.inf) -> "Trigger":
        """Return a trigger for what the document asks for now."""
        dispatch = avatar.record.dispatch
        return cls(
            subject=avatar.subject,
            inputs_key=avatar.inputs_key,
            since_s=(avatar.now if dispatch is None else dispatch.at) / 1000,
            deadline=deadline,
            dispatch=dispatch,
        )


# --- the steps


@dataclass(frozen=True, kw_only=True)
class Done:
    """Nothing is left to do for what triggered it. Never the first step, only the last."""


@dataclass(frozen=True, kw_only=True)
class NewerEvent:
    """The document has changed since the trigger: an event of its own tells of that."""


@dataclass(frozen=True, kw_only=True)
class NewerTask:
    """Another task than the trigger's stands for this avatar, or none: this one was ended."""


@dataclass(frozen=True, kw_only=True)
class CleanUp:
    """There is no document: delete what was made for it."""


@dataclass(frozen=True, kw_only=True)
class Withdraw:
    """The document asks for nothing: take back `queued` and `rendering`."""


@dataclass(frozen=True, kw_only=True)
class Debounce:
    """Wait for the slider's next move, then look again."""

    queued: RenderSpec | None  # to be shown as `queued` meanwhile


@dataclass(frozen=True, kw_only=True)
class Reuse:
    """A listed result answers: publish it."""

    spec: RenderSpec
    result: Result


@dataclass(frozen=True, kw_only=True)
class ReshowFailure:
    """This very request has failed for good, which stands."""

    spec: RenderSpec


@dataclass(frozen=True, kw_only=True)
class Reject:
    """What is asked for is not rendered: show why."""

    inputs_key: object  # of the document that asks for it
    asked_before: str  # the ledger's fingerprint
    refusal: Refusal


@dataclass(frozen=True, kw_only=True)
class MissingInput:
    """Portrait, clip or sound is not there (yet)."""

    spec: RenderSpec
    path: str
    problem: ErrorInfo


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Another job renders this already: look again while its lease lives."""


Ending = Done | NewerEvent | NewerTask
Answer = Reuse | ReshowFailure | Reject | MissingInput
NextStep = Ending | CleanUp | Withdraw | Debounce | Answer | Wait | RenderJob


def next_step(trigger: Trigger, state: AvatarState) -> NextStep:
    """Decide what follows from the trigger, in the state that was just read."""
    if not trigger.debounced and (first := _first_step(trigger, state)) is not None:
        return first
    if trigger.dispatch not in (None, state.avatar.record.dispatch):
        return NewerTask()
    if _has_changed(trigger, state):
        return NewerEvent()
    if isinstance(state.ask, Refusal):
        return Reject(
            inputs_key=trigger.inputs_key,
            asked_before=state.avatar.record.fingerprint,
            refusal=state.ask,
        )
    if state.spec is None:
        return CleanUp() if state.avatar.document is None else Withdraw()
    return _known_answer(state, state.spec) or _render(trigger, state, state.spec)


def _first_step(trigger: Trigger, state: AvatarState) -> NextStep | None:
    """Decide before the debounce. None: there is nothing to wait for.

    An event is answered at once where that is possible, whatever has become of the document. A task
    is debounced only for another request than the dispatched one, whose own event is being
    debounced meanwhile, and will leave a task of its own.
    """
    spec = state.spec
    if trigger.dispatch is not None:
        changed = spec is not None and spec.fingerprint != trigger.dispatch.fingerprint
        return Debounce(queued=None) if changed else None
    if spec is not None and (answer := _known_answer(state, spec)) is not None:
        return answer
    return NewerEvent() if _has_changed(trigger, state) else Debounce(queued=spec)


def _has_changed(trigger: Trigger, state: AvatarState) -> bool:
    avatar = state.avatar
    if avatar.subject.is_talk and avatar.document is None:
        return False  # its avatar may be gone, of which no event of the talk tells: clean up
    return avatar.inputs_key != trigger.inputs_key


def _known_answer(state: AvatarState, spec: RenderSpec) -> Answer | None:
    """Return what answers this request without a render."""
    if state.result is not None:
        return Reuse(spec=spec, result=state.result)
    if state.avatar.record.failed_for_good(spec.fingerprint):
        return ReshowFailure(spec=spec)
    return None


def _render(trigger: Trigger, state: AvatarState, spec: RenderSpec) -> NextStep:
    avatar, request, inputs = state.avatar, spec.request, state.inputs
    if inputs.image is None:
        problem = ErrorInfo.of(Code.HERO_IMAGE_NOT_FOUND, IMAGE_FIELD)
        return MissingInput(spec=spec, path=request.image_path, problem=problem)
    if request.video_path is not None and inputs.video is None:
        problem = ErrorInfo.of(Code.HERO_VIDEO_NOT_FOUND, VIDEO_FIELD)
        return MissingInput(spec=spec, path=request.video_path, problem=problem)
    if request.talk is not None and inputs.sound is None:
        problem = ErrorInfo.of(Code.AUDIO_NOT_FOUND, AUDIO_FIELD)
        return MissingInput(spec=spec, path=request.talk.audio_path, problem=problem)
    if avatar.record.in_work(spec.fingerprint, avatar.now) and not trigger.queues:
        return Wait()
    return RenderJob(
        subject=trigger.subject,
        spec=spec,
        image=inputs.image,
        video=inputs.video,
        sound=inputs.sound,
        since_s=trigger.since_s,
        deadline=trigger.deadline,
        dispatch=trigger.dispatch,
        yielding=trigger.yielding,
    )
