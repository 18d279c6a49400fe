"""Learned methods of talking where it renders: whether they are there, and what each costs."""

from functions.errors import InvalidSetting
from functions.observability import log
from functions.settings import Settings
from functions.talk_settings import TalkMethods
from liveportrait_core import Engine, SpeechMethod
from liveportrait_core.errors import MethodNotInstalled
from liveportrait_core.renderer import Renderer, find_methods
from liveportrait_core.speech.methods import GFPGAN, LICENCES, VERSIONS, allowed_names

_TOLD_SECONDS = 10.0  # of the talk whose cost the log tells


def require_methods(settings: Settings, engine: Engine) -> None:
    """Refuse to start without a method, or refiner, that is offered. Opens nothing.

    Raises:
        InvalidSetting: one is not installed beside this engine.
    """
    offered = settings.talk_methods.offered
    found = find_methods(engine, settings.weights, frozenset(offered))
    for name in offered:
        try:
            found.choose_refiner() if name == GFPGAN else found.choose(name)
        except MethodNotInstalled as fault:
            raise InvalidSetting(
                f"LIVEPORTRAIT_TALK_METHODS names {name}: {fault}; accepted: methods that are "
                f"installed where it renders, weights in {settings.weights}/"
            ) from fault


def try_methods(renderer: Renderer, methods: TalkMethods) -> None:
    """Open those that may be used, and log what each costs; the first talk then waits for neither.

    Raises:
        EngineUnavailable: a weight file holds something else.
    """
    offered = {name: LICENCES[name] for name in methods.offered if name != SpeechMethod.VISEMES}
    names = allowed_names(offered, methods.accepted)
    for name, cost in renderer.talk_costs(names, seconds=_TOLD_SECONDS).items():
        log.info(
            "talk method open",
            method=name,
            method_version=VERSIONS[name],
            licence=LICENCES[name].words,
            open_seconds=round(cost.opening_seconds, 2),
            seconds_for_10_s=round(cost.seconds, 1),
            peak_mib=round(cost.peak_mib),
        )
