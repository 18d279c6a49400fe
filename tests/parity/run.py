"""Runs all checks of a golden set."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch

from liveportrait_core.engines.liveportrait.model import Model, load_networks
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice, Precision
from liveportrait_core.species import Species
from liveportrait_core.weights.manifest import ANIMAL_CHECKPOINTS
from tests.golden.recipe import Seeds
from tests.golden.synthetic_weights import ANIMALS, animal_tree, synthetic_tree
from tests.parity.animals import check_animals
from tests.parity.editing import check_editing
from tests.parity.end_to_end import check_end_to_end
from tests.parity.functions import check_functions
from tests.parity.geometry import check_geometry
from tests.parity.golden_set import GoldenFile, read_golden_file
from tests.parity.joyvasa import check_joyvasa
from tests.parity.modules import check_modules
from tests.parity.motion import check_motion
from tests.parity.wav2lip import check_wav2lip

CHECKS: dict[str, Callable[[GoldenFile, Model], None]] = {
    "functions": check_functions,
    "geometry": check_geometry,
    "motion": check_motion,
    "modules": check_modules,
    "e2e": check_end_to_end,
    "editing": check_editing,
    "joyvasa": check_joyvasa,
    "wav2lip": check_wav2lip,
    "animals": check_animals,
}
ANIMAL_SET = "animals"
"""The file whose networks are the animals'."""


def run_checks(folder: Path, prefix: str, names: Iterable[str] = CHECKS) -> Iterator[GoldenFile]:
    """Compare the product with a golden set, file by file, on the CPU in fp32.

    Args:
        folder: where the set's `.npz` files lie.
        prefix: the seed prefix of the set.
        names: which of the files.

    Raises:
        OSError: one of the files is not there.
    """
    models: dict[Species, Model] = {}
    for name in names:
        species = Species.ANIMAL if name == ANIMAL_SET else Species.HUMAN
        if species not in models:
            models[species] = _model(prefix, species)
        seeds = Seeds(prefix=prefix + ANIMALS if species is Species.ANIMAL else prefix)
        golden = read_golden_file(folder, name, seeds)
        CHECKS[name](golden, models[species])
        yield golden


def _model(prefix: str, species: Species) -> Model:
    choice = DeviceChoice(
        device=torch.device("cpu"), precision=Precision.FP32, reason="as the vectors were made"
    )
    if species is Species.ANIMAL:
        return Model(load_networks(animal_tree(prefix), ANIMAL_CHECKPOINTS), choice)
    return Model(load_networks(synthetic_tree(prefix)), choice)
