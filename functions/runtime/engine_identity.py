"""The engine that names the renders of a process which renders none: told, or worked out here.

Opens no engine and imports no library of one: a gate's image has none.
"""

from importlib.metadata import PackageNotFoundError

from functions.errors import InvalidSetting
from functions.settings import ENGINE_VERSION, Settings
from liveportrait_core import Engine, RenderError
from liveportrait_core.engines.choice import EngineConfig, EngineIdentity, engine_identity
from liveportrait_core.errors import InvalidOption


def engine_setup(settings: Settings) -> EngineConfig:
    """Return the configuration of LivePortrait in this deployment."""
    return EngineConfig(
        device=settings.device,
        precision=settings.precision,
        accept_no_landmarks=settings.emulated,
    )


def named_engine(settings: Settings) -> EngineIdentity:
    """Return the renderer's engine and its version.

    Raises:
        InvalidSetting: the version was not told, and what it is worked out of is not here.
        InvalidOption: neither version nor the renderer's precision was told.
    """
    told = settings.engine_version
    if told is not None:
        return EngineIdentity(engine=Engine(told.partition("-")[0]), engine_version=told)
    try:
        return engine_identity(settings.engine, settings.weights, engine_setup(settings))
    except InvalidOption:
        raise
    except (PackageNotFoundError, RenderError) as fault:
        raise InvalidSetting(
            f"{ENGINE_VERSION} is not set, and cannot be worked out here: {fault}. Accepted: the "
            "version that the renderer's log names as it starts (`python -m deploy` tells it)"
        ) from fault
