"""The choice of an engine by what is requested and what files exist, and its version.

Opens none: neither torch nor a device is touched.
"""

from dataclasses import dataclass
from pathlib import Path

from liveportrait_core.engines.liveportrait.config import (
    DEFAULT_CONFIG,
    EngineConfig,
    engine_version,
)
from liveportrait_core.engines.liveportrait.required_weights import require_weights
from liveportrait_core.engines.mesh.version import mesh_version
from liveportrait_core.errors import EngineUnavailable, InvalidOption
from liveportrait_core.face.choice import finder_version
from liveportrait_core.options import Engine
from liveportrait_core.species import Species
from liveportrait_core.weights.digests import missing_checkpoints, present_form
from liveportrait_core.weights.manifest import (
    ANIMAL_CHECKPOINTS,
    PROJECT_MANIFEST,
    REQUIRED_CHECKPOINTS,
    Checkpoint,
    choose_files,
    read_manifest,
)

__all__ = [
    "EngineChoice",
    "EngineConfig",
    "EngineIdentity",
    "choose_engine",
    "engine_identity",
    "planned_identity",
]

_NEEDED = {Species.HUMAN: REQUIRED_CHECKPOINTS, Species.ANIMAL: ANIMAL_CHECKPOINTS}


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """Which engine, and why, in words for people."""

    engine: Engine
    reason: str


@dataclass(frozen=True, kw_only=True)
class EngineIdentity:
    """What names an engine's renders; the opened engine has the very same."""

    engine: Engine
    engine_version: str


def choose_engine(
    engine: str,
    weights: Path,
    config: EngineConfig = DEFAULT_CONFIG,
    species: Species = Species.HUMAN,
) -> EngineChoice:
    """Choose by what is asked for and what files are there; opens nothing.

    No device is touched and no thread begun, so that a server may still fork after it.

    Args:
        engine: "liveportrait", "mesh" or "auto" (LivePortrait when its weights are complete, else
            mesh).
        weights: folder of LivePortrait's downloaded weights.
        config: how LivePortrait is put together.
        species: who is to be animated.

    Raises:
        InvalidOption: another name.
        EngineUnavailable: LivePortrait was asked for, and a file of it is missing.
    """
    if engine not in (*Engine, "auto"):
        raise InvalidOption(f"engine is {engine!r}; accepted: liveportrait, mesh, auto")
    if engine == Engine.MESH:
        return EngineChoice(engine=Engine.MESH, reason="mesh was asked for")
    missing = missing_checkpoints(weights, _NEEDED[species])
    if engine == "auto" and missing:
        more = f" (nor {len(missing) - 1} other files)" if missing[1:] else ""
        lacking = f"LivePortrait's weights are not complete: {weights}/ has no {missing[0]}{more}"
        return EngineChoice(engine=Engine.MESH, reason=lacking)
    require_weights(weights, config, species)
    reason = f"{weights}/ is complete" if engine == "auto" else "liveportrait was asked for"
    return EngineChoice(engine=Engine.LIVEPORTRAIT, reason=reason)


def engine_identity(
    engine: str, weights: Path, config: EngineConfig = DEFAULT_CONFIG
) -> EngineIdentity:
    """Compute the version that this engine has when opened; open nothing.

    The digests are the manifest's: an engine whose files have others does not open.

    Args:
        engine: as `choose_engine` takes it.
        weights: folder of LivePortrait's downloaded weights; only sizes are looked at.
        config: of LivePortrait; its precision is that of the machine that will render.

    Raises:
        InvalidOption: the precision is left to the device, which is not asked here.
        EngineUnavailable: LivePortrait was asked for, and a file of it is missing.
    """
    choice = choose_engine(engine, weights, config)
    if choice.engine is Engine.MESH:
        return EngineIdentity(engine=choice.engine, engine_version=mesh_version())
    _require_precision(config)
    wanted = require_weights(weights, config)
    return _liveportrait(config, wanted, [_digest(weights, checkpoint) for checkpoint in wanted])


def planned_identity(engine: Engine, config: EngineConfig = DEFAULT_CONFIG) -> EngineIdentity:
    """Compute the version that an engine will have with the files that `make weights` brings.

    Needs none of them: the manifest has their digests.

    Args:
        engine: which one.
        config: of LivePortrait, with the detector that needs no files of its own; its precision
            is that of the machine that will render.

    Raises:
        InvalidOption: the precision is left to the device, which is not asked here.
    """
    if engine is Engine.MESH:
        return EngineIdentity(engine=engine, engine_version=mesh_version())
    _require_precision(config)
    chosen = choose_files(read_manifest(PROJECT_MANIFEST.parent))
    digests = {wanted.file.checkpoint: wanted.file.sha256 for wanted in chosen}
    return _liveportrait(config, REQUIRED_CHECKPOINTS, [digests[c] for c in REQUIRED_CHECKPOINTS])


def _require_precision(config: EngineConfig) -> None:
    if config.precision == "auto":
        raise InvalidOption(
            "precision is 'auto', which only the device that renders can tell; accepted: fp32, "
            "fp16, bf16, mixed, the one it renders in"
        )


def _liveportrait(
    config: EngineConfig, wanted: tuple[Checkpoint, ...], digests: list[str]
) -> EngineIdentity:
    version = engine_version(
        config,
        finder_version=finder_version(config.detector),
        has_landmarks=Checkpoint.LANDMARKS_203 in wanted,
        precision=config.precision,
        digests=digests,
    )
    return EngineIdentity(engine=Engine.LIVEPORTRAIT, engine_version=version)


def _digest(weights: Path, checkpoint: Checkpoint) -> str:
    form = present_form(weights, read_manifest(weights), checkpoint)
    if form is None:
        raise EngineUnavailable(f"{checkpoint} has gone from {weights}/ just now")
    return form.sha256
