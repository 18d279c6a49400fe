"""The methods of speaking that are known, their licences, and the choice of one.

Knows names only: whether a method is installed its own module tells.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from liveportrait_core.errors import InvalidOption, MethodNotInstalled, MethodNotLicensed
from liveportrait_core.options import SpeechMethod


@dataclass(frozen=True, kw_only=True)
class MethodLicence:
    """What a method's code and weights may be used for."""

    words: str
    is_free: bool  # for any use; else somebody here must have accepted it


LICENCES: Final = {
    SpeechMethod.WAV2LIP: MethodLicence(words="research only", is_free=False),
    SpeechMethod.JOYVASA: MethodLicence(words="MIT", is_free=True),
    SpeechMethod.VISEMES: MethodLicence(words="MIT", is_free=True),
}
"""The best first."""
VERSIONS: Final = {SpeechMethod.VISEMES: "visemes-1"}
"""Change with whatever changes the pixels of a talk and not those of its idle: readers, mouths."""


def choose_method(
    asked: SpeechMethod,
    *,
    installed: Collection[SpeechMethod],
    accepted: Collection[SpeechMethod] = (),
) -> SpeechMethod:
    """Return the method to take; of `auto` the best one that is installed and allowed.

    Args:
        asked: by the caller.
        installed: that can run here.
        accepted: whose licence was accepted here, of those that are not free.

    Raises:
        InvalidOption: no method is installed.
        MethodNotInstalled, MethodNotLicensed: the one that was asked for is not.
    """
    allowed = [name for name, licence in LICENCES.items() if licence.is_free or name in accepted]
    if asked is SpeechMethod.AUTO:
        best = next((name for name in allowed if name in installed), None)
        if best is None:
            raise InvalidOption("method is auto, and none is installed; accepted: an installed one")
        return best
    names = ", ".join(sorted(installed))
    if asked not in installed:
        raise MethodNotInstalled(f"method is {asked}; installed here: {names}")
    if asked not in allowed:
        raise MethodNotLicensed(
            f"method is {asked}, whose licence is “{LICENCES[asked].words}” and was not accepted "
            f"here; accepted: {', '.join(sorted(set(allowed) & set(installed)))}"
        )
    return asked
