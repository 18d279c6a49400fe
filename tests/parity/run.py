"""Runs all checks of a golden set."""

from pathlib import Path

import torch

from liveportrait_core.device import DeviceChoice, Precision
from liveportrait_core.model import Model, load_networks
from tests.golden.recipe import Seeds
from tests.golden.synthetic_weights import synthetic_tree
from tests.parity.functions import check_functions
from tests.parity.golden_set import GoldenFile, read_golden_file
from tests.parity.modules import check_modules


def run_checks(folder: Path, prefix: str) -> list[GoldenFile]:
    """Compare the product with a golden set, on the CPU in fp32.

    Args:
        folder: where the set's `.npz` files lie.
        prefix: the seed prefix of the set.
    """
    weights = synthetic_tree(prefix)
    choice = DeviceChoice(
        device=torch.device("cpu"), precision=Precision.FP32, reason="as the vectors were made"
    )
    model = Model(load_networks(weights), choice)
    modules, functions = (
        read_golden_file(folder, name, Seeds(prefix=prefix)) for name in ("modules", "functions")
    )
    check_modules(modules, model, weights)
    check_functions(functions, model)
    return [modules, functions]
