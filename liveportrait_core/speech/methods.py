"""The methods of speaking, and refiners, that are known by name: licences, versions, the choice.

Knows names only: which are installed `pipeline.talk_methods` tells. The one place that decides
whether a licence stands in the way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from liveportrait_core.errors import InvalidOption, MethodNotInstalled, MethodNotLicensed
from liveportrait_core.options import SpeechMethod


@dataclass(frozen=True, kw_only=True)
class MethodLicence:
    """What a method's code and weights may be used for."""

    words: str
    is_free: bool  # for any use; else somebody here must have accepted it


GFPGAN: Final = "gfpgan"
"""The refiner of mouths that a lip-sync method painted."""
MIT: Final = MethodLicence(words="MIT", is_free=True)
RESEARCH_ONLY: Final = MethodLicence(words="research only", is_free=False)
LICENCES: Final[Mapping[str, MethodLicence]] = {
    SpeechMethod.JOYVASA: MIT,
    SpeechMethod.WAV2LIP: RESEARCH_ONLY,
    SpeechMethod.VISEMES: MIT,
    GFPGAN: MethodLicence(words="Apache-2.0, parts non-commercial", is_free=False),
}
"""Of the weights, where there are any: weights/manifest.json tells where each stands."""
VERSIONS: Final[Mapping[str, str]] = {
    SpeechMethod.VISEMES: "visemes-1",
    SpeechMethod.JOYVASA: "joyvasa-1",
    SpeechMethod.WAV2LIP: "wav2lip-1",
    GFPGAN: "gfpgan-1",
}
"""Change with whatever changes the pixels of a talk and not those of its idle: readers, mouths."""


def choose_method(
    asked: str,
    *,
    installed: Mapping[str, MethodLicence],
    accepted: frozenset[str] = frozenset(),
    is_told: bool = False,
) -> str:
    """Return the method to take; of `auto` the first that is installed and allowed.

    Args:
        asked: by the caller: `auto`, or any name.
        installed: that can run here, the best first, each with its licence.
        accepted: whose licence was accepted here, of those that are not free.
        is_told: timed visemes or a text say what the mouth does, which beats what is heard: `auto`
            is the method that follows them.

    Raises:
        InvalidOption: no method is installed.
        MethodNotInstalled, MethodNotLicensed: the one that was asked for is not.
    """
    if asked == SpeechMethod.AUTO and is_told and SpeechMethod.VISEMES in installed:
        asked = SpeechMethod.VISEMES
    if asked != SpeechMethod.AUTO:
        return _required("method", asked, installed, accepted)
    allowed = allowed_names(installed, accepted)
    if not allowed:
        raise InvalidOption("method is auto, and none is installed; accepted: an installed one")
    return allowed[0]


def require_refiner(
    *, installed: Mapping[str, MethodLicence], accepted: frozenset[str] = frozenset()
) -> str:
    """Return the refiner.

    Raises:
        MethodNotInstalled, MethodNotLicensed: it is not.
    """
    return _required("refiner", GFPGAN, installed, accepted)


def _required(
    kind: str, name: str, installed: Mapping[str, MethodLicence], accepted: frozenset[str]
) -> str:
    if name not in installed:
        names = ", ".join(sorted(installed)) or "none"
        raise MethodNotInstalled(f"{kind} is {name}; installed here: {names}")
    allowed = allowed_names(installed, accepted)
    if name not in allowed:
        raise MethodNotLicensed(
            f"{kind} is {name}, whose licence is “{installed[name].words}” and was not accepted "
            f"here; accepted: {', '.join(sorted(allowed)) or 'none'}"
        )
    return name


def allowed_names(
    installed: Mapping[str, MethodLicence], accepted: frozenset[str]
) -> tuple[str, ...]:
    """Return the names whose licence is free, or was accepted here."""
    return tuple(name for name, licence in installed.items() if licence.is_free or name in accepted)
