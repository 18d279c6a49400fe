"""Read and validate what an avatar document asks for, and compute its fingerprint.

Pure: no cloud, no clock, no file; the rules are the table of contract.md, section 2. A document
asks for a render (`RenderRequest`), for something that is not rendered (`Refusal`), or for nothing
(`NotOptedIn`).
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from functions.domain.document import (
    ABSENT,
    ALIASES,
    CONTRACT_VERSION,
    DYNAMICS_ENABLED,
    IMAGE_URL,
    INPUTS,
    TIMESTAMP,
    VIDEO_URL,
    FieldPath,
    Opaque,
    Snapshot,
    State,
    brief,
    dig,
    same,
)
from functions.domain.storage_paths import MediaPolicy, StoredObject, input_path, is_own_output
from functions.domain.subject import Subject
from functions.errors import Code, Failure
from liveportrait_core import (
    AnimationRegion,
    InvalidSlider,
    PortraitEdit,
    RenderOptions,
    RenderWarning,
    SyntheticIdle,
)

_MAX_NONCE_CHARACTERS = 64
_EXACT_DOUBLES = 2**53  # from here on a double may mean one of several integers


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The parameters of a render as applied: clamped, real numbers in whole hundredths."""

    driving_multiplier: int = 40  # hundredths, 0..100
    normalize_lip: bool = True
    animation_region: AnimationRegion = AnimationRegion.ALL
    pasteback: bool = True
    scale: int = 230  # hundredths, 100..320
    source_max_dim: int = 1600  # pixels, 512..2048
    edit: str = ""  # of the face that the animation begins with, as `PortraitEdit.parse` reads it

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
        )


@dataclass(frozen=True, kw_only=True)
class RenderRequest:
    """What a document asks to be rendered, without the generations of its objects."""

    parameters: Parameters
    nonce: str | int | None
    image_path: str
    video_path: str | None  # None: a synthetic idle, where the deployment has it on
    warnings: tuple[str, ...] = ()

    def same_render(self, other: object) -> bool:
        """Tell whether both ask for the same video of the same two paths."""
        return isinstance(other, RenderRequest) and (
            (self.parameters, self.image_path, self.video_path)
            == (other.parameters, other.image_path, other.video_path)
            and same(self.nonce, other.nonce)
        )


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

    def read(self, subject: Subject, document: Snapshot | None) -> Ask:
        """Validate a document: first `dynamicsEnabled`, then missing inputs, parameters, URLs."""
        if document is None or not document.opted_in:
            return NotOptedIn()
        try:
            if not _boolean(".".join(DYNAMICS_ENABLED), dig(document.fields, DYNAMICS_ENABLED)):
                return Refusal(state=State.DISABLED)
            return self._request(subject.avatar_id, document)
        except Failure as failure:
            missing = failure.code in (Code.MISSING_HERO_IMAGE, Code.MISSING_HERO_VIDEO)
            return Refusal(
                state=State.BLOCKED if missing else State.FAILED,
                code=failure.code,
                field=failure.field,
                reason=str(failure),
            )

    def is_own_output(self, avatar_id: str, url: object) -> bool:
        """Tell whether a value is the URL of a result of this avatar, kept or retired."""
        return isinstance(url, str) and is_own_output(url, policy=self.policy, avatar_id=avatar_id)

    def _request(self, avatar_id: str, document: Snapshot) -> RenderRequest:
        image_url = _present(document, IMAGE_URL, Code.MISSING_HERO_IMAGE)
        video_url: object = None
        if not (self.synthetic_idle and _is_missing(dig(document.fields, VIDEO_URL))):
            video_url = _present(document, VIDEO_URL, Code.MISSING_HERO_VIDEO)
        parameters = _Inputs(document.inputs or {})
        return RenderRequest(
            parameters=parameters.read(),
            nonce=parameters.nonce(),
            image_path=self._allowed(avatar_id, document, image_url, IMAGE_URL),
            video_path=None
            if video_url is None
            else self._allowed(avatar_id, document, video_url, VIDEO_URL),
            warnings=(RenderWarning.PARAM_CLAMPED.value,) if parameters.clamped else (),
        )

    def _allowed(self, avatar_id: str, document: Snapshot, url: object, field: FieldPath) -> str:
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
) -> str:
    """Return the 16 hex digits that name a render; a missing object has no generation.

    Made of paths and generations, never URLs: a rotated token is no reason to render again.
    """
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
    if request.video_path is None:
        content["video"] = ["synthetic", SyntheticIdle.seconds, str(SyntheticIdle.fps)]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_missing(value: object) -> bool:
    return value is ABSENT or value is None or value == ""


def _present(document: Snapshot, field: FieldPath, code: Code) -> object:
    value = dig(document.fields, field)
    if _is_missing(value):
        raise Failure(code, f"{'.'.join(field)} is {brief(value)}", field=".".join(field))
    return value


def _invalid(field: str, value: object, accepted: str) -> Failure:
    shown = brief(value)
    return Failure(Code.INVALID_PARAMS, f"{field} is {shown}; accepted: {accepted}", field=field)


def _boolean(field: str, value: object, default: bool = True) -> bool:
    if value is ABSENT or value is None:
        return default
    if not isinstance(value, bool):
        raise _invalid(field, value, "true or false")
    return value


class _Inputs:
    """Reads `training.livePortrait`; afterwards `clamped` tells if a number was out of range."""

    def __init__(self, inputs: Mapping[str, object]) -> None:
        self._inputs = inputs
        self.clamped = False

    def read(self) -> Parameters:
        default = Parameters()
        return Parameters(
            driving_multiplier=self._hundredths(
                "drivingMultiplier", default.driving_multiplier, 0, 100
            ),
            normalize_lip=_boolean(*self._pick("normalizeLip")),
            animation_region=self._region(),
            pasteback=_boolean(*self._pick("pasteback")),
            scale=self._hundredths("scale", default.scale, 100, 320),
            source_max_dim=self._source_max_dim(default.source_max_dim),
            edit=self._edit(),
        )

    def nonce(self) -> str | int | None:
        field, value = self._pick("renderNonce")
        if value is ABSENT or value is None:
            return None
        if isinstance(value, Opaque) and value.kind == TIMESTAMP:
            return f"{TIMESTAMP} {value.text}"
        if isinstance(value, str) and len(value) <= _MAX_NONCE_CHARACTERS:
            return value
        number = _whole(value)
        if number is None or (isinstance(value, float) and abs(value) >= _EXACT_DOUBLES):
            accepted = f"text of at most {_MAX_NONCE_CHARACTERS} characters, a whole number"
            raise _invalid(field, value, f"{accepted} or a timestamp")
        return number

    def _pick(self, key: str) -> tuple[str, object]:
        """Return the field path as stored, and its value."""
        name = next((name for name in ALIASES[key] if name in self._inputs), key)
        return ".".join((*INPUTS, name)), self._inputs.get(name, ABSENT)

    def _region(self) -> AnimationRegion:
        field, value = self._pick("animationRegion")
        if value is ABSENT or value is None:
            return AnimationRegion.ALL
        known = {region.value: region for region in AnimationRegion}
        text = value.strip().lower() if isinstance(value, str) else ""
        if text not in known:
            raise _invalid(field, value, ", ".join(known))
        return known[text]

    def _hundredths(self, key: str, default: int, low: int, high: int) -> int:
        field, value = self._pick(key)
        if value is ABSENT or value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise _invalid(field, value, f"a number from {low / 100} to {high / 100}")
        # Limit the value before multiplying: 1e308 * 100 is infinite.
        return self._clamp(round(min(max(value, -1), 1000) * 100), low, high)

    def _source_max_dim(self, default: int) -> int:
        field, value = self._pick("sourceMaxDim")
        if value is ABSENT or value is None:
            return default
        pixels = _whole(value)
        if pixels is None:
            raise _invalid(field, value, "a whole number from 512 to 2048")
        return self._clamp(pixels, 512, 2048)

    def _edit(self) -> str:
        field, value = self._pick("edit")
        if value is ABSENT or value is None:
            return ""
        if not isinstance(value, Mapping):
            raise _invalid(field, value, "a map from sliders to numbers")
        try:
            edit, clamped = PortraitEdit.from_fields(value)
        except InvalidSlider as error:
            raise Failure(Code.INVALID_PARAMS, str(error), field=f"{field}.{error.name}") from error
        self.clamped = self.clamped or clamped
        return str(edit)

    def _clamp(self, value: int, low: int, high: int) -> int:
        self.clamped = self.clamped or not low <= value <= high
        return min(max(value, low), high)


def _whole(value: object) -> int | None:
    """Return a whole number, which Dart writes as a double on phones; None: it is none."""
    if isinstance(value, float) and value.is_integer():  # neither NaN nor infinite
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _finite(value: int | float) -> bool:
    return isinstance(value, int) or math.isfinite(value)
