"""Read which methods of talking a deployment offers, and which licences it accepts.

Pure: `settings` passes the environment in. Gate and renderer are told the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.errors import InvalidSetting
from liveportrait_core import SpeechMethod
from liveportrait_core.speech.methods import GFPGAN, LICENCES

_METHODS = "LIVEPORTRAIT_TALK_METHODS"
_LICENCES = "LIVEPORTRAIT_ACCEPTED_LICENCES"
_NOT_FREE = tuple(name for name, licence in LICENCES.items() if not licence.is_free)


@dataclass(frozen=True, kw_only=True)
class TalkMethods:
    """What talks may be made by, the best first."""

    offered: tuple[str, ...] = (SpeechMethod.VISEMES,)  # `gfpgan` among them refines mouths
    accepted: frozenset[str] = frozenset()  # whose licence is accepted, of those not free


WITHOUT_WEIGHTS = TalkMethods()


def talk_methods(environment: Mapping[str, str], engine: str) -> TalkMethods:
    """Return what the variables offer: visemes alone by default.

    Raises:
        InvalidSetting: a name is unknown, or a method that the engine cannot have.
    """
    named = _names(environment, _METHODS, tuple(LICENCES)) or WITHOUT_WEIGHTS.offered
    if SpeechMethod.JOYVASA in named and engine == "mesh":
        raise InvalidSetting(
            f"{_METHODS} names joyvasa and LIVEPORTRAIT_ENGINE is 'mesh', whose motion it does "
            "not give; accepted: without, or the engine 'liveportrait'"
        )
    if GFPGAN in named and SpeechMethod.WAV2LIP not in named:
        raise InvalidSetting(
            f"{_METHODS} names gfpgan, which refines mouths that wav2lip paints; accepted: both, "
            "or neither"
        )
    return TalkMethods(
        offered=tuple(named), accepted=frozenset(_names(environment, _LICENCES, _NOT_FREE))
    )


def _names(
    environment: Mapping[str, str], variable: str, known: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the names that a variable lists, in the order of those that are known."""
    text = environment.get(variable)
    if text is None:
        return ()
    listed = [name.strip() for name in text.split(",")]
    if not set(listed) <= set(known):
        raise InvalidSetting(
            f"{variable} is {text!r}; accepted: a list of {', '.join(known)}, with commas"
        )
    return tuple(name for name in known if name in listed)
