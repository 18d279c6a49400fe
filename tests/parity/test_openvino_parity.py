"""A whole render by OpenVINO in fp32 against the golden vectors, within torch's tolerances."""

import pytest

from liveportrait_core.engines.liveportrait.model import Model, load_networks, load_perceptrons
from liveportrait_core.engines.liveportrait.runtimes.device import choose_device
from liveportrait_core.engines.liveportrait.runtimes.openvino.opening import open_openvino
from liveportrait_core.weights.checkpoints import checked_path
from liveportrait_core.weights.digests import file_digest
from liveportrait_core.weights.manifest import NETWORK_CHECKPOINTS
from tests.golden.recipe import Seeds
from tests.golden.synthetic_weights import synthetic_tree
from tests.parity.__main__ import OUR_SET
from tests.parity.end_to_end import check_end_to_end
from tests.parity.golden_set import read_golden_file


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_render_by_openvino_holds_parity() -> None:
    tree = synthetic_tree()
    digests = [
        file_digest(tree, checked_path(tree, checkpoint)) for checkpoint in NETWORK_CHECKPOINTS
    ]
    runtime, choice = open_openvino(
        tree, choose_device("cpu", "fp32"), digests, lambda: load_networks(tree)
    )
    golden = read_golden_file(OUR_SET, "e2e", Seeds())
    check_end_to_end(golden, Model(load_perceptrons(tree), choice, runtime))
    failed = [str(check) for check in golden.checks if not check.ok]
    assert failed == []
    assert any("final_0" in check.name for check in golden.checks)
