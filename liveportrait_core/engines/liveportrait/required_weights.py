"""Which weight files the LivePortrait engine needs, as it is set up; whether they lie there.

Opens none of them, and no network: a process that renders nothing asks this too.
"""

from pathlib import Path

from liveportrait_core.engines.liveportrait.config import EngineConfig
from liveportrait_core.errors import EngineUnavailable, MethodNotInstalled
from liveportrait_core.face.choice import Detector
from liveportrait_core.species import Species
from liveportrait_core.weights.digests import missing_checkpoints
from liveportrait_core.weights.manifest import (
    ANIMAL_CHECKPOINTS,
    NETWORK_CHECKPOINTS,
    REQUIRED_CHECKPOINTS,
    Checkpoint,
    fetch_command,
    read_manifest,
)


def _wanted_files(weights: Path, config: EngineConfig, species: Species) -> tuple[Checkpoint, ...]:
    if species is Species.ANIMAL:
        return ANIMAL_CHECKPOINTS
    if config.detector is Detector.INSIGHTFACE:
        # Its 106 points tell no opening of the eyes: here the landmarks are needed in any case.
        return (*REQUIRED_CHECKPOINTS, Checkpoint.DETECTOR, Checkpoint.LANDMARKS_106)
    if config.accept_no_landmarks and missing_checkpoints(weights, (Checkpoint.LANDMARKS_203,)):
        return NETWORK_CHECKPOINTS
    return REQUIRED_CHECKPOINTS


def require_weights(
    weights: Path, config: EngineConfig, species: Species = Species.HUMAN
) -> tuple[Checkpoint, ...]:
    """Give the files that this config needs; whether they are whole is seen when they are read.

    Raises:
        EngineUnavailable: one of them is missing.
        MethodNotInstalled: one of the animals' is missing.
    """
    wanted = _wanted_files(weights, config, species)
    manifest = read_manifest(weights)
    missing = [
        [str(form.path) for form in manifest.files_for(checkpoint)][-1]  # as its authors publish it
        for checkpoint in missing_checkpoints(weights, wanted)
    ]
    if missing and species is Species.ANIMAL:
        raise MethodNotInstalled(
            f"the species is animal, and its networks are not installed: {weights}/ has no "
            f"{', '.join(missing)}. Run: {fetch_command(weights, wanted)}; or take the engine mesh"
        )
    if missing:
        raise EngineUnavailable(
            f"the liveportrait engine cannot run without {', '.join(missing)}, which {weights}/ "
            f"does not have. Run: {fetch_command(weights, wanted)}; or take the engine mesh, which "
            "needs no weights"
        )
    return wanted
