"""The methods of speaking that are known by name, their licences, and the choice of one.

Knows names only: which are installed `pipeline.talk_methods` tells.
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


MIT: Final = MethodLicence(words="MIT", is_free=True)
RESEARCH_ONLY: Final = MethodLicence(words="research only", is_free=False)
VERSIONS: Final = {
    SpeechMethod.VISEMES: "visemes-1",
    SpeechMethod.JOYVASA: "joyvasa-1",
    SpeechMethod.WAV2LIP: "wav2lip-1",
}
"""Change with whatever changes the pixels of a talk and not those of its idle: readers, mouths."""


def choose_method(
    asked: str,
    *,
    installed: Mapping[str, MethodLicence],
    accepted: frozenset[str] = frozenset(),
) -> str:
    """Return the method to take; of `auto` the first that is installed and allowed.

    Args:
        asked: by the caller: `auto`, or any name.
        installed: that can run here, the best first, each with its licence.
        accepted: whose licence was accepted here, of those that are not free.

    Raises:
        InvalidOption: no method is installed.
        MethodNotInstalled, MethodNotLicensed: the one that was asked for is not.
    """
    allowed = [name for name, licence in installed.items() if licence.is_free or name in accepted]
    if asked == SpeechMethod.AUTO:
        if not allowed:
            raise InvalidOption("method is auto, and none is installed; accepted: an installed one")
        return allowed[0]
    if asked not in installed:
        names = ", ".join(sorted(installed))
        raise MethodNotInstalled(f"method is {asked}; installed here: {names}")
    if asked not in allowed:
        raise MethodNotLicensed(
            f"method is {asked}, whose licence is “{installed[asked].words}” and was not accepted "
            f"here; accepted: {', '.join(sorted(allowed))}"
        )
    return asked
