"""What only one engine can do, and the other's refusal."""

from typing import Any, cast

from liveportrait_core.engines.base import AnimationEngine, ClipEngine, PictureEngine
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import Engine, SyntheticIdle
from liveportrait_core.request import EngineMotion


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
            "accepted: that, or the engine liveportrait"
        )
    return cast(PictureEngine[Any, Any], engine)


def synthetic_motion(engine: Engine, idle: SyntheticIdle) -> EngineMotion:
    """Generate sway, breath and blinks.

    Raises:
        InvalidOption: the engine knows no such motion.
    """
    if engine is not Engine.MESH:
        raise InvalidOption(f"a synthetic motion was asked of the engine {engine}; accepted: mesh")
    from liveportrait_core.engines.mesh.idle import synthetic_idle

    return synthetic_idle(seed=idle.seed, seconds=idle.seconds, fps=idle.fps)
