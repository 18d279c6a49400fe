"""What only one engine can do, and the other's refusal."""

from typing import TYPE_CHECKING, Any, cast

from liveportrait_core.engines.base import AnimationEngine, ClipEngine, PictureEngine
from liveportrait_core.engines.liveportrait.config import DEFAULT_CONFIG, EngineConfig
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import Engine, SyntheticIdle
from liveportrait_core.request import EngineMotion

if TYPE_CHECKING:  # the networks import torch
    from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
    from liveportrait_core.engines.liveportrait.network_engine import NetworkEngine


def clip_engine(engine: AnimationEngine[Any, Any]) -> ClipEngine[Any, Any, Any]:
    """Return the engine, as one that also takes pictures as driving and clips as portraits.

    Raises:
        InvalidOption: it does not.
    """
    picture_engine(engine)
    if not hasattr(engine, "animate_source"):
        raise InvalidOption(
            "the portrait is a clip, and animals are animated in pictures only; accepted: a "
            "picture, or the species human"
        )
    return cast(ClipEngine[Any, Any, Any], engine)


def picture_engine(engine: AnimationEngine[Any, Any]) -> PictureEngine[Any, Any]:
    """Return the engine, as one that also takes pictures as driving.

    Raises:
        InvalidOption: it does not.
    """
    if engine.engine is not Engine.LIVEPORTRAIT:
        raise InvalidOption(
            f"the engine {engine.engine} animates a picture by a clip, nothing else; "
            "accepted: a portrait that is a picture and a driving file that is a clip, or the "
            "engine liveportrait"
        )
    return cast(PictureEngine[Any, Any], engine)


def editing_engine(engine: AnimationEngine[Any, Any]) -> "LivePortraitEngine":
    """Return the engine, as one that makes motion of key-framed edits.

    Raises:
        InvalidOption: it does not.
    """
    if not hasattr(engine, "edit_motion"):
        raise InvalidOption(
            "key-framed edits were to become a motion template, and the engine "
            f"{engine.engine} has none; accepted: the engine liveportrait, and a person's portrait"
        )
    return cast("LivePortraitEngine", engine)


def configured(
    engine: AnimationEngine[Any, Any], config: EngineConfig
) -> AnimationEngine[Any, Any]:
    """Return the engine as it applies motion by this configuration, without loading it again.

    Raises:
        InvalidOption: only LivePortrait can be configured.
    """
    if engine.engine is Engine.LIVEPORTRAIT:
        opened = cast("NetworkEngine", engine).configured(config)
        return cast(AnimationEngine[Any, Any], opened)
    if config != DEFAULT_CONFIG:
        raise InvalidOption(
            f"options of LivePortrait were given, which the engine {engine.engine} would ignore; "
            "accepted: the defaults, or the engine liveportrait"
        )
    return engine


def synthetic_motion(engine: Engine, idle: SyntheticIdle) -> EngineMotion:
    """Generate sway, breath and blinks.

    Raises:
        InvalidOption: the engine knows no such motion.
    """
    if engine is not Engine.MESH:
        raise InvalidOption(f"a synthetic motion was asked of the engine {engine}; accepted: mesh")
    from liveportrait_core.engines.mesh.idle import synthetic_idle

    return synthetic_idle(seed=idle.seed, seconds=idle.seconds, fps=idle.fps)
