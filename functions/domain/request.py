"""Read and validate what an avatar document asks for.

Pure: no cloud, no clock, no file; the rules are the table of contract.md, section 2. A document
asks for a render (`RenderRequest`), for something that is not rendered (`Refusal`), or for nothing
(`NotOptedIn`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from functions.domain.document import (
    DYNAMICS_ENABLED,
    IMAGE_URL,
    INPUTS,
    MAX_INPUTS_BYTES,
    VIDEO_URL,
    Document,
    Snapshot,
    State,
)
from functions.domain.field_values import (
    FieldPath,
    boolean,
    brief,
    dig,
    invalid,
    is_missing,
    present,
    same,
)
from functions.domain.parameters import AvatarInputs, Parameters
from functions.domain.storage_paths import MediaPolicy, input_path, is_own_output
from functions.domain.subject import Subject
from functions.domain.talks.document import AUDIO_URL, TalkSnapshot
from functions.domain.talks.request import Talk, TalkInputs, TalkRules
from functions.errors import Code, Failure
from liveportrait_core import RenderWarning

_BLOCKING = (Code.MISSING_HERO_IMAGE, Code.MISSING_HERO_VIDEO, Code.MISSING_AUDIO)
_CLAMPED = (RenderWarning.PARAM_CLAMPED.value,)


@dataclass(frozen=True, kw_only=True)
class RenderRequest:
    """What a document asks to be rendered, without the generations of its objects."""

    parameters: Parameters
    nonce: str | int | None
    image_path: str
    video_path: str | None  # None: a synthetic idle, where the deployment has it on
    talk: Talk | None = None  # what is said in it; None: an idle video
    warnings: tuple[str, ...] = ()

    @property
    def input_paths(self) -> tuple[str, ...]:
        """The paths of its objects: portrait, clip, and a talk's sound."""
        sound = None if self.talk is None else self.talk.audio_path
        return tuple(filter(None, (self.image_path, self.video_path, sound)))

    def same_render(self, other: object) -> bool:
        """Tell whether both ask for the same video of the same paths."""
        return isinstance(other, RenderRequest) and (
            (self.parameters, self.image_path, self.video_path)
            == (other.parameters, other.image_path, other.video_path)
            and same(self.nonce, other.nonce)
            and same(self._said(), other._said())
        )

    def _said(self) -> Mapping[str, object] | None:
        """Return the talk, comparable as values of documents are."""
        if self.talk is None:
            return None
        return {**self.talk.as_json(), "audio": self.talk.audio_path}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A document that asks for something that is not rendered."""

    state: State  # disabled, blocked or failed
    code: Code | None = None
    field: str | None = None
    reason: str = ""  # for the log


@dataclass(frozen=True, kw_only=True)
class NotOptedIn:
    """A document that asks for nothing."""


Ask = RenderRequest | Refusal | NotOptedIn


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads what avatar documents ask for, under the policy of one deployment."""

    policy: MediaPolicy
    synthetic_idle: bool = False  # also move avatars without a hero video
    talks: TalkRules = field(default_factory=TalkRules)

    def read(self, subject: Subject, document: Document | None) -> Ask:
        """Validate a document: first `dynamicsEnabled`, then missing inputs, parameters, URLs.

        A talk asks for the avatar's own request besides: first that is validated, then the talk's.
        """
        if document is None or not document.opted_in:
            return NotOptedIn()
        avatar = document.avatar if isinstance(document, TalkSnapshot) else document
        if not isinstance(avatar, Snapshot):
            return NotOptedIn()
        try:
            if not boolean(".".join(DYNAMICS_ENABLED), dig(avatar.fields, DYNAMICS_ENABLED)):
                return Refusal(state=State.DISABLED)
            request = self._request(subject.avatar_id, avatar)
            if isinstance(document, TalkSnapshot):
                request = self._talking(request, subject.avatar_id, document)
            return request
        except Failure as failure:
            return Refusal(
                state=State.BLOCKED if failure.code in _BLOCKING else State.FAILED,
                code=failure.code,
                field=failure.field,
                reason=str(failure),
            )

    def is_own_output(self, avatar_id: str, url: object) -> bool:
        """Tell whether a value is the URL of a result of this avatar, kept or retired."""
        return isinstance(url, str) and is_own_output(url, policy=self.policy, avatar_id=avatar_id)

    def _request(self, avatar_id: str, document: Snapshot) -> RenderRequest:
        image_url = present(document.fields, IMAGE_URL, Code.MISSING_HERO_IMAGE)
        video_url: object = None
        if not (self.synthetic_idle and is_missing(dig(document.fields, VIDEO_URL))):
            video_url = present(document.fields, VIDEO_URL, Code.MISSING_HERO_VIDEO)
        if document.inputs_key.too_large:
            kib = MAX_INPUTS_BYTES // 1024
            raise invalid(".".join(INPUTS), document.inputs, f"a map of at most {kib} KiB")
        inputs = AvatarInputs(document.inputs or {})
        return RenderRequest(
            parameters=inputs.read(),
            nonce=inputs.nonce(),
            image_path=self._allowed(avatar_id, document, image_url, IMAGE_URL),
            video_path=None
            if video_url is None
            else self._allowed(avatar_id, document, video_url, VIDEO_URL),
            warnings=_CLAMPED if inputs.clamp.applied else (),
        )

    def _talking(
        self, request: RenderRequest, avatar_id: str, document: TalkSnapshot
    ) -> RenderRequest:
        url = present(document.fields, AUDIO_URL, Code.MISSING_AUDIO)
        inputs = TalkInputs(document.request or {}, self.talks)
        talk = inputs.read()
        path = self._allowed(avatar_id, document, url, AUDIO_URL)
        return replace(
            request,
            talk=replace(talk, audio_path=path),
            warnings=_CLAMPED if inputs.clamp.applied else request.warnings,
        )

    def _allowed(self, avatar_id: str, document: Document, url: object, field: FieldPath) -> str:
        path = None
        if isinstance(url, str):
            path = input_path(url, policy=self.policy, avatar_id=avatar_id, user_id=document.owner)
        if path is None:
            # The query may hold a token or a signature: keep it out of the message.
            shown = url[:200].partition("?")[0] if isinstance(url, str) else brief(url)
            raise Failure(
                Code.URL_NOT_ALLOWED,
                f"{'.'.join(field)} is {shown!r}; accepted: an object of bucket "
                f"{self.policy.bucket} under avatars/{avatar_id}/ but not under its livePortrait/",
                field=".".join(field),
            )
        return path
