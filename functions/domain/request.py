"""Read and validate what an avatar document asks for, and compute its fingerprint.

Pure: no cloud, no clock, no file; the rules are the table of contract.md, section 2. A document
asks for a render (`RenderRequest`), for something that is not rendered (`Refusal`), or for nothing
(`NotOptedIn`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from functions.domain.animals import face_points_of, species_of
from functions.domain.document import (
    ABSENT,
    ALIASES,
    CONTRACT_VERSION,
    DYNAMICS_ENABLED,
    IMAGE_URL,
    INPUTS,
    MAX_INPUTS_BYTES,
    VIDEO_URL,
    Document,
    FieldPath,
    Snapshot,
    State,
    brief,
    dig,
    same,
)
from functions.domain.field_values import (
    Clamp,
    boolean,
    choice,
    invalid,
    is_default,
    is_missing,
    nonce,
    present,
    whole,
)
from functions.domain.storage_paths import MediaPolicy, StoredObject, input_path, is_own_output
from functions.domain.subject import Subject
from functions.domain.talks.document import AUDIO_URL, TalkSnapshot
from functions.domain.talks.request import Talk, TalkInputs, TalkRules
from functions.errors import Code, Failure
from liveportrait_core import (
    ANIMAL_REVISION,
    LARGEST_MULTIPLIER,
    PASTED_BACK,
    AnimationRegion,
    FacePlace,
    InvalidSlider,
    PortraitEdit,
    RenderOptions,
    RenderWarning,
    Species,
    SpeechMethod,
    SyntheticIdle,
    parse_face_location,
)
from liveportrait_core.speech.methods import GFPGAN, VERSIONS

_BLOCKING = (Code.MISSING_HERO_IMAGE, Code.MISSING_HERO_VIDEO, Code.MISSING_AUDIO)
_CLAMPED = (RenderWarning.PARAM_CLAMPED.value,)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The parameters of a render as applied: clamped, real numbers in whole hundredths."""

    driving_multiplier: int = 40  # hundredths, 0..100, of animals 0..200
    normalize_lip: bool = True
    animation_region: AnimationRegion = AnimationRegion.ALL
    pasteback: bool = True
    scale: int = 230  # hundredths, 100..320
    source_max_dim: int = 1600  # pixels, 512..2048
    edit: str = ""  # of the face that the animation begins with, as `PortraitEdit.parse` reads it
    species: Species = Species.HUMAN
    face_points: str = ""  # of an animal, as `parse_face_location` reads it

    def options(self, max_seconds: float) -> RenderOptions:
        """Return the options for the renderer."""
        return RenderOptions(
            driving_multiplier=self.driving_multiplier / 100,
            normalize_lip=self.normalize_lip,
            animation_region=self.animation_region,
            paste_back=self.pasteback,
            source_crop_scale=self.scale / 100,
            source_max_dim_px=self.source_max_dim,
            edit=PortraitEdit.parse(self.edit),
            max_seconds=max_seconds,
            species=self.species,
            face_points=parse_face_location(self.face_points) if self.face_points else None,
        )


@dataclass(frozen=True, kw_only=True)
class RenderRequest:
    """What a document asks to be rendered, without the generations of its objects."""

    parameters: Parameters
    nonce: str | int | None
    image_path: str
    video_path: str | None  # None: a synthetic idle, where the deployment has it on
    talk: Talk | None = None  # what is said in it; None: an idle video
    warnings: tuple[str, ...] = ()

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
        parameters = _Inputs(document.inputs or {})
        return RenderRequest(
            parameters=parameters.read(),
            nonce=parameters.nonce(),
            image_path=self._allowed(avatar_id, document, image_url, IMAGE_URL),
            video_path=None
            if video_url is None
            else self._allowed(avatar_id, document, video_url, VIDEO_URL),
            warnings=_CLAMPED if parameters.clamp.applied else (),
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


def fingerprint(
    request: RenderRequest,
    *,
    engine_version: str,
    image: StoredObject | None,
    video: StoredObject | None,
    sound: StoredObject | None = None,
) -> str:
    """Return the 16 hex digits that name a render; a missing object has no generation.

    Made of paths and generations, never URLs: a rotated token is no reason to render again.
    """
    content = _idle_content(request, engine_version, image, video)
    if request.talk is not None:
        content |= _talk_content(request.talk, sound)
    return _digest(content)


def said_in(talk: Talk, sound: StoredObject | None) -> str:
    """Return a digest of what a talk asks for by itself, whatever its avatar asks for.

    `auto` has one whatever it comes to: a method that is offered later is no other request.
    """
    if talk.asked is SpeechMethod.AUTO:
        parameters = replace(talk.parameters, method=SpeechMethod.VISEMES)
        talk = replace(talk, parameters=parameters)
    return _digest(_talk_content(talk, sound))


def _talk_content(talk: Talk, sound: StoredObject | None) -> dict[str, object]:
    content: dict[str, object] = {
        "talk": talk.as_json(),
        "methodVersion": VERSIONS[talk.parameters.method],
        "sound": [talk.audio_path, sound.generation if sound else None],
    }
    if talk.parameters.refine:
        content["refinerVersion"] = VERSIONS[GFPGAN]
    return content


def _digest(content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _idle_content(
    request: RenderRequest,
    engine_version: str,
    image: StoredObject | None,
    video: StoredObject | None,
) -> dict[str, object]:
    wanted = request.parameters
    content: dict[str, object] = {
        "contract": CONTRACT_VERSION,
        "engineVersion": engine_version,
        "parameters": {
            "drivingMultiplier": wanted.driving_multiplier,
            "normalizeLip": wanted.normalize_lip,
            "animationRegion": wanted.animation_region.value,
            "pasteback": wanted.pasteback,
            "scale": wanted.scale,
            "sourceMaxDim": wanted.source_max_dim,
        },
        "nonce": request.nonce,
        "image": [request.image_path, image.generation if image else None],
        "video": [request.video_path, video.generation if video else None],
    }
    if wanted.edit:
        content["edit"] = wanted.edit
    if wanted.species is Species.ANIMAL:
        # The engine's version is that of people's networks.
        content["animal"] = [ANIMAL_REVISION, wanted.face_points]
    if request.video_path is None:
        content["video"] = ["synthetic", SyntheticIdle.seconds, str(SyntheticIdle.fps)]
    return content


class _Inputs:
    """Reads `training.livePortrait`; afterwards `clamp` tells if a number was out of range."""

    def __init__(self, inputs: Mapping[str, object]) -> None:
        self._inputs = inputs
        self.clamp = Clamp()

    def read(self) -> Parameters:
        default = Parameters()
        species = species_of(*self._pick("species"))
        strongest = round(100 * LARGEST_MULTIPLIER[species])
        return Parameters(
            driving_multiplier=self.clamp.hundredths(
                *self._pick("drivingMultiplier"), default.driving_multiplier, 0, strongest
            ),
            normalize_lip=boolean(*self._pick("normalizeLip")),
            animation_region=self._region(),
            pasteback=boolean(*self._pick("pasteback"), default=PASTED_BACK[species]),
            scale=self.clamp.hundredths(*self._pick("scale"), default.scale, 100, 320),
            source_max_dim=self._source_max_dim(default.source_max_dim),
            edit=self._edit(),
            species=species,
            face_points=self._face_points(species),
        )

    def nonce(self) -> str | int | None:
        return nonce(*self._pick("renderNonce"))

    def _pick(self, key: str) -> tuple[str, object]:
        """Return the field path as stored, and its value."""
        name = next((name for name in ALIASES[key] if name in self._inputs), key)
        return ".".join((*INPUTS, name)), self._inputs.get(name, ABSENT)

    def _region(self) -> AnimationRegion:
        accepted = tuple(region.value for region in AnimationRegion)
        return AnimationRegion(
            choice(*self._pick("animationRegion"), accepted, AnimationRegion.ALL)
        )

    def _source_max_dim(self, default: int) -> int:
        field, value = self._pick("sourceMaxDim")
        if is_default(value):
            return default
        pixels = whole(value)
        if pixels is None:
            raise invalid(field, value, "a whole number from 512 to 2048")
        return self.clamp.within(pixels, 512, 2048)

    def _face_points(self, species: Species) -> str:
        if species is Species.HUMAN:
            return ""
        field, value = self._pick("facePoints")
        points = face_points_of(field, value, self.clamp)
        if points == FacePlace.CROPPED and boolean(*self._pick("pasteback"), default=False):
            raise invalid(field, value, "points, or pasteback false: there is nothing around it")
        return points

    def _edit(self) -> str:
        field, value = self._pick("edit")
        if is_default(value):
            return ""
        if not isinstance(value, Mapping):
            raise invalid(field, value, "a map from sliders to numbers")
        try:
            edit, clamped = PortraitEdit.from_fields(value)
        except InvalidSlider as error:
            raise Failure(Code.INVALID_PARAMS, str(error), field=f"{field}.{error.name}") from error
        self.clamp.applied = self.clamp.applied or clamped
        return str(edit)
