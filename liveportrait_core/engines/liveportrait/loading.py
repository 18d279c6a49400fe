"""Assemble the LivePortrait engine from a folder of weights, or report what is missing.

Knows files and devices; what the parts do is theirs.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from liveportrait_core.engines.liveportrait.animals.engine import AnimalEngine
from liveportrait_core.engines.liveportrait.config import EngineConfig
from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.engines.liveportrait.model import (
    Model,
    load_networks,
    load_perceptrons,
)
from liveportrait_core.engines.liveportrait.required_weights import require_weights
from liveportrait_core.engines.liveportrait.runtimes.device import (
    DeviceChoice,
    RuntimeName,
    choose_device,
)
from liveportrait_core.engines.liveportrait.runtimes.torch_opening import open_torch
from liveportrait_core.face.choice import Detector
from liveportrait_core.face.finders import FaceFinder, InsightFaceFinder, MeshFinder
from liveportrait_core.face.landmarks import LandmarkNetwork
from liveportrait_core.face.session import CPU_PROVIDER, CUDA_PROVIDER
from liveportrait_core.species import Species
from liveportrait_core.weights.checkpoints import checked_path
from liveportrait_core.weights.digests import file_digest
from liveportrait_core.weights.manifest import (
    ANIMAL_CHECKPOINTS,
    NETWORK_CHECKPOINTS,
    Checkpoint,
)

_log = logging.getLogger(__name__)


def open_engine(weights: Path, config: EngineConfig) -> LivePortraitEngine:
    """Load everything this engine needs.

    Args:
        weights: folder of the downloaded files.
        config: what was chosen.

    Raises:
        InvalidOption: the device or the precision is unknown.
        EngineUnavailable: a file is missing or damaged, or the device is not there.
    """
    wanted = require_weights(weights, config)
    if Checkpoint.LANDMARKS_203 not in wanted:
        _log.warning(
            "%s has no landmark.onnx: the face mesh's points serve for crop and openings, "
            "which moves the result a little",
            weights,
        )
    choice = choose_device(config.device, config.precision)
    provider = CUDA_PROVIDER if choice.device.type == "cuda" else CPU_PROVIDER
    paths = {file: checked_path(weights, file) for file in wanted}
    finder: FaceFinder = MeshFinder()
    if config.detector is Detector.INSIGHTFACE:
        folder = paths[Checkpoint.DETECTOR].parent
        finder = InsightFaceFinder(folder, provider=provider, order=config.face_order)
    locate = None
    if Checkpoint.LANDMARKS_203 in paths:
        locate = LandmarkNetwork(paths[Checkpoint.LANDMARKS_203], provider=provider).locate
    digests = {file: file_digest(weights, path) for file, path in paths.items()}
    return LivePortraitEngine(
        _open_model(weights, choice, digests, NETWORK_CHECKPOINTS),
        finder,
        locate,
        digests=digests.values(),
        config=config,
    )


def open_animals(weights: Path, config: EngineConfig) -> AnimalEngine:
    """Load everything that animals need.

    People in driving frames are looked for by the face mesh alone, and only where frames are to
    be cropped.

    Args:
        weights: folder of the downloaded files.
        config: what was chosen.

    Raises:
        InvalidOption: the device or the precision is unknown.
        EngineUnavailable: a file is missing or damaged, or the device is not there.
    """
    wanted = require_weights(weights, config, Species.ANIMAL)
    choice = choose_device(config.device, config.precision)
    digests = {file: file_digest(weights, checked_path(weights, file)) for file in wanted}
    return AnimalEngine(
        _open_model(weights, choice, digests, ANIMAL_CHECKPOINTS),
        MeshFinder(),
        None,
        digests=digests.values(),
        config=config,
    )


def _open_model(
    weights: Path,
    choice: DeviceChoice,
    digests: Mapping[Checkpoint, str],
    networks: Sequence[Checkpoint],
) -> Model:
    if choice.runtime is not RuntimeName.OPENVINO:
        loaded = load_networks(weights, networks)
        by_torch, settled = open_torch(loaded, choice)
        return Model(loaded, settled, by_torch)
    from liveportrait_core.engines.liveportrait.runtimes.openvino.opening import open_openvino

    runtime, settled = open_openvino(
        weights,
        choice,
        [digests[file] for file in networks],
        lambda: load_networks(weights, networks),
    )
    return Model(load_perceptrons(weights), settled, runtime)
