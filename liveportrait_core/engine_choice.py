"""Which engine renders: by what is asked for and what files are there. Opens none."""

from dataclasses import dataclass
from pathlib import Path

from liveportrait_core.engine_setup import USUAL_SETUP, EngineSetup
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import Engine
from liveportrait_core.weights.digests import missing_checkpoints
from liveportrait_core.weights.manifest import REQUIRED_CHECKPOINTS


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """Which engine, and why, in words for people."""

    engine: Engine
    reason: str


def choose_engine(engine: str, weights: Path, setup: EngineSetup = USUAL_SETUP) -> EngineChoice:
    """Choose by what is asked for and what files are there; opens nothing.

    No device is touched and no thread begun, so that a server may still fork after it.

    Args:
        engine: "liveportrait", "mesh" or "auto" (LivePortrait when its weights are complete, else
            mesh).
        weights: folder of LivePortrait's downloaded weights.
        setup: how LivePortrait is put together.

    Raises:
        InvalidOption: another name.
        EngineUnavailable: LivePortrait was asked for, and a file of it is missing.
    """
    if engine not in (*Engine, "auto"):
        raise InvalidOption(f"engine is {engine!r}; accepted: liveportrait, mesh, auto")
    if engine == Engine.MESH:
        return EngineChoice(engine=Engine.MESH, reason="mesh was asked for")
    missing = missing_checkpoints(weights, REQUIRED_CHECKPOINTS)
    if engine == "auto" and missing:
        more = f" (nor {len(missing) - 1} other files)" if missing[1:] else ""
        lacking = f"LivePortrait's weights are not complete: {weights}/ has no {missing[0]}{more}"
        return EngineChoice(engine=Engine.MESH, reason=lacking)
    # Torch takes seconds to import, which neither --help nor the mesh engine has use for.
    from liveportrait_core.assembly import require_files

    require_files(weights, setup)
    reason = f"{weights}/ is complete" if engine == "auto" else "liveportrait was asked for"
    return EngineChoice(engine=Engine.LIVEPORTRAIT, reason=reason)
