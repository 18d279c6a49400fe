"""What is to be done for an avatar now: one decision, for the handler and for reconcile.

`AvatarState` is what a document asks for and what answers it already, `Trigger` the reason to look,
and `next_step` says what follows from both. Pure: objects are looked up by a function handed in.
Rules: contract.md, sections 1, 4 and 9.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD, State
from functions.domain.job_record import Dispatch, ErrorInfo, PublishedObject, Result
from functions.domain.request import Ask, Refusal, RenderRequest, fingerprint, said_in
from functions.domain.snapshot import AvatarSnapshot, RenderJob, RenderSpec
from functions.domain.storage_paths import OWNER_KEY, StoredObject
from functions.domain.subject import Subject
from functions.domain.talks.document import AUDIO_FIELD
from functions.domain.talks.request import Head
from functions.errors import Code

Find = Callable[[str], StoredObject | None]
Accepts = Callable[[str], bool]  # whether an engine version's results answer like our own


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A reason to handle an avatar: an event, a task, or reconcile."""

    subject: Subject
    inputs_key: object  # of the document for whose sake it is; None: it is gone
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


@dataclass(frozen=True, kw_only=True)
class AvatarState:
    """An avatar at one moment: its snapshot, what it asks for, and the objects concerned."""

    avatar: AvatarSnapshot
    ask: Ask
    spec: RenderSpec | None = None  # only where a render is asked for
    image: StoredObject | None = None  # None: not there
    video: StoredObject | None = None
    sound: StoredObject | None = None
    result: Result | None = None  # listed for it, its objects still in place

    @classmethod
    def of(
        cls,
        avatar: AvatarSnapshot,
        ask: Ask,
        *,
        engine: str,
        engine_version: str,
        find: Find,
        accepts: Accepts | None = None,
    ) -> "AvatarState":
        """Fingerprint what is asked for, and look for its objects.

        Where another version of the engine has rendered this already, and is accepted, the request
        is named as that version names it: a change of the version alone renders nothing.

        Args:
            avatar: document and ledger.
            ask: what the document asks for.
            engine: the engine that would render.
            engine_version: its full version, as documents show it.
            find: returns the object at a path, if there is one.
            accepts: the other versions whose results answer; None: there are none.
        """
        if avatar.document is None or not isinstance(ask, RenderRequest):
            return cls(avatar=avatar, ask=ask)
        image = find(ask.image_path)
        video = None if ask.video_path is None else find(ask.video_path)
        sound = None if ask.talk is None else find(ask.talk.audio_path)
        for found, field in ((image, IMAGE_FIELD), (video, VIDEO_FIELD), (sound, AUDIO_FIELD)):
            if found is not None and (reason := _not_owned(found, avatar)):
                code = Code.INPUT_NOT_OWNED
                refusal = Refusal(state=State.FAILED, code=code, field=field, reason=reason)
                return cls(avatar=avatar, ask=refusal)
        named = partial(fingerprint, ask, image=image, video=video, sound=sound)
        own = named(engine_version=engine_version)
        if accepts is not None and not avatar.record.attends_to(own, avatar.now):
            others = (each for each in avatar.record.results if each.engine == engine)
            answers = (each for each in others if accepts(each.engine_version))
            engine_version = _version_of(answers, named, find) or engine_version
        name, wish = named(engine_version=engine_version), named(engine_version="")
        idle = said = ""
        if ask.talk is not None:
            if ask.talk.parameters.head is Head.IDLE:  # else no idle video moves as it does
                quiet = replace(ask, talk=None)
                idle = fingerprint(quiet, engine_version=engine_version, image=image, video=video)
            said = said_in(ask.talk, sound)
        listed = avatar.record.result(name)
        fit = listed is not None and in_place(listed, find)
        spec = RenderSpec(
            inputs_key=avatar.document.inputs_key,
            asked_before=avatar.record.fingerprint,
            request=ask,
            fingerprint=name,
            wish=wish,
            engine=engine,
            engine_version=engine_version,
            unfit=None if fit else listed,
            idle_fingerprint=idle,
            said=said,
        )
        return cls(
            avatar=avatar,
            ask=ask,
            spec=spec,
            image=image,
            video=video,
            sound=sound,
            result=listed if fit else None,
        )


def _version_of(results: Iterable[Result], named: Callable[..., str], find: Find) -> str:
    """Return the engine version of the first result that answers a request; "": none does."""
    for each in results:
        if each.fingerprint == named(engine_version=each.engine_version) and in_place(each, find):
            return each.engine_version
    return ""


def in_place(result: Result, find: Find) -> bool:
    """Tell whether both objects of a result are still the published ones."""
    return all(is_published(kept, find) for kept in (result.video, result.poster))


def is_published(kept: PublishedObject, find: Find) -> bool:
    """Tell whether the object at this path is still the published one."""
    found = find(kept.path)
    return found is not None and found.generation == kept.generation


def _not_owned(found: StoredObject, avatar: AvatarSnapshot) -> str:
    """Return why an input is not this avatar's and its owner's; "": it is.

    An id may have been used before, by another owner: uploads from then are never rendered.
    """
    if found.created < avatar.oldest_input:
        return f"{found.path} is older than the avatar's last deletion; accepted: a new upload"
    owner = None if avatar.document is None else avatar.document.owner
    if found.metadata.get(OWNER_KEY, owner) != owner:
        return f"{found.path} has another user's {OWNER_KEY}; accepted: the document's userId"
    return ""


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
    avatar, request = state.avatar, spec.request
    if state.image is None:
        problem = ErrorInfo.of(Code.HERO_IMAGE_NOT_FOUND, IMAGE_FIELD)
        return MissingInput(spec=spec, path=request.image_path, problem=problem)
    if request.video_path is not None and state.video is None:
        problem = ErrorInfo.of(Code.HERO_VIDEO_NOT_FOUND, VIDEO_FIELD)
        return MissingInput(spec=spec, path=request.video_path, problem=problem)
    if request.talk is not None and state.sound is None:
        problem = ErrorInfo.of(Code.AUDIO_NOT_FOUND, AUDIO_FIELD)
        return MissingInput(spec=spec, path=request.talk.audio_path, problem=problem)
    if avatar.record.in_work(spec.fingerprint, avatar.now) and not trigger.queues:
        return Wait()
    return RenderJob(
        subject=trigger.subject,
        spec=spec,
        image=state.image,
        video=state.video,
        sound=state.sound,
        since_s=trigger.since_s,
        deadline=trigger.deadline,
        dispatch=trigger.dispatch,
        yielding=trigger.yielding,
    )
