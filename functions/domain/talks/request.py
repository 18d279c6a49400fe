"""Read and validate a talk's `request`: contract.md, section 12. Pure.

The avatar's own request, and which sound may be read, are the part of `domain.request`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from functions.domain.field_values import (
    ABSENT,
    Clamp,
    boolean,
    choice,
    invalid,
    is_default,
    nonce,
)
from functions.domain.talks.document import REQUEST
from functions.errors import Code, Failure
from functions.talk_settings import WITHOUT_WEIGHTS, TalkMethods
from liveportrait_core import (
    MOST_SPEECH_STRENGTH,
    InvalidOption,
    SpeechMethod,
    TimedViseme,
    timed_visemes,
)
from liveportrait_core.errors import MethodNotInstalled, MethodNotLicensed
from liveportrait_core.limits import MAX_SPEECH_SECONDS
from liveportrait_core.speech.methods import (
    GFPGAN,
    LICENCES,
    choose_method,
    require_refiner,
)

_MAX_TEXT_CHARACTERS: Final = 5_000
_MOST_STRENGTH: Final = round(MOST_SPEECH_STRENGTH * 100)  # hundredths
_LIP_SYNC: Final = (SpeechMethod.WAV2LIP,)  # take frames, and change the mouth in them
_DOING: Final = {"head": (SpeechMethod.JOYVASA,), "base": _LIP_SYNC, "refine": _LIP_SYNC}
"""The methods that do more than move the mouth of the idle video, by the key that asks for it."""


@dataclass(frozen=True, kw_only=True)
class TalkRules:
    """What one deployment can, and may, do of talks."""

    methods: TalkMethods = WITHOUT_WEIGHTS  # of gate and renderer alike
    max_seconds: float = MAX_SPEECH_SECONDS  # of a sound


class Head(StrEnum):
    """What moves the head of a talk."""

    IDLE = "idle"  # as in the idle video: the talk can be cut into it
    SPEECH = "speech"  # the voice


class Base(StrEnum):
    """What a lip-sync method draws the mouth into."""

    IDLE = "idle"
    HERO_VIDEO = "heroVideo"


@dataclass(frozen=True, kw_only=True)
class TalkParameters:
    """The parameters of a talk as applied."""

    method: SpeechMethod = SpeechMethod.VISEMES  # never `auto`
    strength: int = 100  # hundredths, 0..150
    head: Head = Head.IDLE
    base: Base = Base.IDLE
    refine: bool = False


@dataclass(frozen=True, kw_only=True)
class Talk:
    """What is said, and how."""

    parameters: TalkParameters
    asked: SpeechMethod = SpeechMethod.AUTO  # as the client asked
    nonce: str | int | None
    audio_path: str = ""  # known once the rest is valid
    max_seconds: float  # of the sound; longer by silence alone, it is cut there
    text: str = ""  # "": none
    visemes: tuple[TimedViseme, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return everything that a fingerprint is made of, but the sound's generation."""
        how = self.parameters
        return {
            "method": how.method.value,
            "strength": how.strength,
            "head": how.head.value,
            "base": how.base.value,
            "refine": how.refine,
            "nonce": self.nonce,
            "maxSeconds": self.max_seconds,
            "text": self.text,
            "visemes": [[each.at_ms, each.viseme] for each in self.visemes],
        }


class TalkInputs:
    """Reads a talk's `request`; afterwards `clamp` tells if a number was out of range."""

    def __init__(self, request: Mapping[str, object], rules: TalkRules) -> None:
        self._request = request
        self._rules = rules
        self.clamp = Clamp()

    def read(self) -> Talk:
        """Validate all but the sound's URL, in the order of the contract's table.

        Raises:
            Failure: a value is not accepted, or the method is not there.
        """
        visemes = self._visemes()
        text = self._text()
        asked = SpeechMethod(self._choice("method", SpeechMethod))
        return Talk(
            parameters=self._parameters(asked, is_told=bool(visemes or text)),
            asked=asked,
            nonce=nonce(*self._pick("renderNonce")),
            max_seconds=self._rules.max_seconds,
            text="" if visemes else text,  # timed visemes say more
            visemes=visemes,
        )

    def _pick(self, key: str) -> tuple[str, object]:
        return ".".join((*REQUEST, key)), self._request.get(key, ABSENT)

    def _parameters(self, method: SpeechMethod, *, is_told: bool) -> TalkParameters:
        head, base = Head(self._choice("head", Head)), Base(self._choice("base", Base))
        refine = boolean(*self._pick("refine"), default=False)
        wanted = {
            "head": head is not Head.IDLE, "base": base is not Base.IDLE, "refine": refine,
        }  # fmt: skip
        for key in (key for key, is_wanted in wanted.items() if is_wanted):
            method = self._able(method, key)
        method = self._available(method, is_told=is_told)
        if refine:
            self._require_refiner()
        self._require_base(base)
        return TalkParameters(
            method=method,
            strength=self.clamp.hundredths(*self._pick("strength"), 100, 0, _MOST_STRENGTH),
            head=head,
            base=base,
            refine=refine,
        )

    def _choice(self, key: str, kind: type[StrEnum]) -> str:
        words = tuple(each.value for each in kind)
        return choice(*self._pick(key), words, words[0])

    def _able(self, method: SpeechMethod, key: str) -> SpeechMethod:
        """Return the method, or for `auto` one that does what this key asks for.

        Raises:
            Failure: the method that was asked for does not do it.
        """
        able = _DOING[key]
        if method is SpeechMethod.AUTO:
            return able[0]
        if method in able:
            return method
        field, value = self._pick(key)
        raise invalid(field, value, f"with the method {method}, nothing but the default")

    def _available(self, method: SpeechMethod, *, is_told: bool) -> SpeechMethod:
        """Return the method, if this deployment has it and may use it."""
        field, _ = self._pick("method")
        methods = self._rules.methods
        offered = {name: LICENCES[name] for name in methods.offered if name != GFPGAN}
        try:
            return SpeechMethod(
                choose_method(method, installed=offered, accepted=methods.accepted, is_told=is_told)
            )
        except (MethodNotInstalled, MethodNotLicensed, InvalidOption) as error:
            raise Failure(Code(error.code), str(error), field=field) from error

    def _require_refiner(self) -> None:
        field, _ = self._pick("refine")
        methods = self._rules.methods
        offered = {name: LICENCES[name] for name in methods.offered if name == GFPGAN}
        try:
            require_refiner(installed=offered, accepted=methods.accepted)
        except (MethodNotInstalled, MethodNotLicensed) as error:
            raise Failure(Code(error.code), str(error), field=field) from error

    def _require_base(self, base: Base) -> None:
        if base is Base.HERO_VIDEO:
            field, _ = self._pick("base")
            raise Failure(
                Code.METHOD_NOT_INSTALLED,
                f"{field} is {base}, and no mouth is painted into a hero video here; accepted: "
                f"{Base.IDLE}",
                field=field,
            )

    def _text(self) -> str:
        field, value = self._pick("text")
        if is_default(value):
            return ""
        accepted = f"text of at most {_MAX_TEXT_CHARACTERS} characters"
        if not isinstance(value, str):
            raise invalid(field, value, accepted)
        if len(value) > _MAX_TEXT_CHARACTERS:  # told without the words
            length = f"{field} has {len(value)} characters; accepted: {accepted}"
            raise Failure(Code.INVALID_PARAMS, length, field=field)
        return value.strip()

    def _visemes(self) -> tuple[TimedViseme, ...]:
        field, value = self._pick("visemes")
        if is_default(value):
            return ()
        if not isinstance(value, list | tuple):
            raise invalid(field, value, "a list of {ms, viseme}")
        try:
            return timed_visemes(value)
        except InvalidOption as error:
            raise Failure(Code.INVALID_PARAMS, str(error), field=field) from error
