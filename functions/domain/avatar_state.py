"""What `next_step` looks at: an avatar, what its document asks for, and the objects concerned.

Pure: objects are looked up by a function handed in. Rules: contract.md, sections 2 and 3.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from functions.domain.document import IMAGE_FIELD, VIDEO_FIELD, State
from functions.domain.fingerprint import fingerprint, said_in
from functions.domain.job_record import PublishedObject, Result
from functions.domain.request import Ask, Refusal, RenderRequest
from functions.domain.snapshot import AvatarSnapshot, RenderSpec
from functions.domain.storage_paths import OWNER_KEY, StoredObject
from functions.domain.talks.document import AUDIO_FIELD
from functions.domain.talks.request import Head
from functions.errors import Code

Find = Callable[[str], StoredObject | None]
Accepts = Callable[[str], bool]  # whether an engine version's results answer like our own


@dataclass(frozen=True, kw_only=True)
class InputObjects:
    """The objects that a request names; None: it is not there, or the request names none."""

    image: StoredObject | None = None
    video: StoredObject | None = None
    sound: StoredObject | None = None

    @classmethod
    def of(cls, request: RenderRequest, find: Find) -> "InputObjects":
        """Look for the objects of a request."""
        return cls(
            image=find(request.image_path),
            video=None if request.video_path is None else find(request.video_path),
            sound=None if request.talk is None else find(request.talk.audio_path),
        )

    def refusal(self, avatar: AvatarSnapshot) -> Refusal | None:
        """Return why they are not rendered; None: all are this avatar's and its owner's."""
        fields = ((self.image, IMAGE_FIELD), (self.video, VIDEO_FIELD), (self.sound, AUDIO_FIELD))
        for found, name in fields:
            if found is not None and (reason := _not_owned(found, avatar)):
                code = Code.INPUT_NOT_OWNED
                return Refusal(state=State.FAILED, code=code, field=name, reason=reason)
        return None


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


@dataclass(frozen=True, kw_only=True)
class AvatarState:
    """An avatar at one moment: its snapshot, what it asks for, and the objects concerned."""

    avatar: AvatarSnapshot
    ask: Ask
    spec: RenderSpec | None = None  # only where a render is asked for
    inputs: InputObjects = field(default_factory=InputObjects)
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
        inputs = InputObjects.of(ask, find)
        if (refusal := inputs.refusal(avatar)) is not None:
            return cls(avatar=avatar, ask=refusal)
        named = _fingerprints(ask, inputs)
        own = named(engine_version=engine_version)
        if accepts is not None and not avatar.record.attends_to(own, avatar.now):
            others = (each for each in avatar.record.results if each.engine == engine)
            answers = (each for each in others if accepts(each.engine_version))
            engine_version = _version_of(answers, named, find) or engine_version
        name = named(engine_version=engine_version)
        listed = avatar.record.result(name)
        fit = listed is not None and in_place(listed, find)
        spec = RenderSpec(
            inputs_key=avatar.document.inputs_key,
            asked_before=avatar.record.fingerprint,
            request=ask,
            fingerprint=name,
            wish=named(engine_version=""),
            engine=engine,
            engine_version=engine_version,
            unfit=None if fit else listed,
            idle_fingerprint=_idle_fingerprint(ask, inputs, engine_version),
            said="" if ask.talk is None else said_in(ask.talk, inputs.sound),
        )
        result = listed if fit else None
        return cls(avatar=avatar, ask=ask, spec=spec, inputs=inputs, result=result)


def _fingerprints(request: RenderRequest, inputs: InputObjects) -> Callable[..., str]:
    """Return what names a request for these objects, for each `engine_version`."""
    return partial(fingerprint, request, image=inputs.image, video=inputs.video, sound=inputs.sound)


def _version_of(results: Iterable[Result], named: Callable[..., str], find: Find) -> str:
    """Return the engine version of the first result that answers a request; "": none does."""
    for each in results:
        if each.fingerprint == named(engine_version=each.engine_version) and in_place(each, find):
            return each.engine_version
    return ""


def _idle_fingerprint(request: RenderRequest, inputs: InputObjects, engine_version: str) -> str:
    """Return the fingerprint of the idle video that moves as a talk's head does; "": none does."""
    if request.talk is None or request.talk.parameters.head is not Head.IDLE:
        return ""
    quiet = _fingerprints(replace(request, talk=None), inputs)
    return quiet(engine_version=engine_version)


def in_place(result: Result, find: Find) -> bool:
    """Tell whether both objects of a result are still the published ones."""
    return all(is_published(kept, find) for kept in result.objects)


def is_published(kept: PublishedObject, find: Find) -> bool:
    """Tell whether the object at this path is still the published one."""
    found = find(kept.path)
    return found is not None and found.generation == kept.generation
