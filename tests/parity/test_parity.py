"""The parity command itself: it holds on our set, and notices what it must notice."""

from pathlib import Path

import numpy as np
import pytest
import torch

from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.networks.all_networks import empty_networks
from liveportrait_core.engines.liveportrait.networks.official import StateDict, load_official
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice, Precision
from tests.golden.recipe import Seeds
from tests.golden.synthetic_weights import ANIMALS, synthetic_state
from tests.parity.__main__ import OUR_SET, main
from tests.parity.animals import check_crops, check_motion
from tests.parity.functions import check_functions
from tests.parity.golden_set import GoldenFile, read_golden_file, tolerance
from tests.parity.run import ANIMAL_SET, CHECKS

LENGTHY = (ANIMAL_SET, "modules", "editing")
"""Most of a minute each; the networks of the first two are `e2e`'s too. `make parity` has all."""


@pytest.mark.timeout(1200)  # 20 s each where nothing else runs, many times that elsewhere
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.soak) if name in LENGTHY else name for name in CHECKS],
)
def test_parity_holds_on_our_set(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--golden", str(OUR_SET), "--file", name])
    lines = capsys.readouterr().out.splitlines()
    assert status == 0, "\n".join(line for line in lines if "FAIL" in line)
    assert all(line.startswith(f"{name}/") and line.endswith(" ok") for line in lines[:-2])
    assert lines[-1] == "parity holds"


def test_crops_and_motion_of_animals_hold_on_our_set() -> None:
    """What of the animals needs no large network; all of them takes a minute."""
    golden = read_golden_file(OUR_SET, ANIMAL_SET, Seeds(prefix=ANIMALS))
    check_crops(golden)
    check_motion(golden, model_of_small_networks(""))
    assert failures(golden) == set()
    assert all(array.startswith("e2e_") for array in golden.unchecked())


def model_of_small_networks(prefix: str) -> Model:
    """Only S and R have weights: all that `functions.npz` needs."""
    networks = empty_networks()
    for name, network in (
        ("stitching", networks.stitching),
        ("lip", networks.lip_retargeting),
        ("eye", networks.eye_retargeting),
    ):
        load_official(network, synthetic_state(Seeds(prefix=prefix), name))
    choice = DeviceChoice(device=torch.device("meta"), precision=Precision.FP32, reason="test")
    return Model(networks, choice)


def checked(golden: GoldenFile, prefix: str) -> GoldenFile:
    golden.seeds = Seeds(prefix=prefix)
    check_functions(golden, model_of_small_networks(prefix))
    return golden


def our_functions() -> GoldenFile:
    return read_golden_file(OUR_SET, "functions", Seeds())


def failures(golden: GoldenFile) -> set[str]:
    return {check.name.partition("/")[2] for check in golden.checks if not check.ok}


def perceptron(state: StateDict, x: np.ndarray) -> np.ndarray:
    """A perceptron in plain numpy, from its official state dict."""
    layers = sorted({int(key.split(".")[1]) for key in state})
    for layer in layers:
        weight, bias = (
            state[f"mlp.{layer}.{part}"].double().numpy() for part in ("weight", "bias")
        )
        x = x @ weight.T + bias
        if layer != layers[-1]:
            x = np.maximum(x, 0)
    return x.astype(np.float32)


def another_set(prefix: str) -> GoldenFile:
    """Our set with everything that depends on weights made again from another prefix."""
    golden = our_functions()
    states = {n: synthetic_state(Seeds(prefix=prefix), n) for n in ("stitching", "lip", "eye")}
    arrays = golden.arrays
    for name, state in states.items():
        arrays[f"mlp_{name}_out"] = perceptron(state, arrays[f"mlp_{name}_in"])
    source, driving = arrays["stitch_xs"].reshape(4, 63), arrays["stitch_xd"].reshape(4, 63)
    raw = perceptron(states["stitching"], np.concatenate([source, driving], axis=1))
    arrays["stitch_raw"] = raw
    arrays["stitch_out"] = arrays["stitch_xd"] + raw[:, :63].reshape(4, 21, 3)
    arrays["stitch_out"][:, :, :2] += raw[:, None, 63:]
    for name in ("eye", "lip"):
        question = np.concatenate([source, arrays[f"retarget_{name}_ratio"]], axis=1)
        arrays[f"retarget_{name}_out"] = perceptron(states[name], question).reshape(4, 21, 3)
    return golden


def test_another_set_holds_with_its_own_prefix_only() -> None:
    assert failures(checked(another_set("other/"), "other/")) == set()
    depends_on_weights = {
        "mlp_stitching_out", "mlp_lip_out", "mlp_eye_out", "stitch_raw", "stitch_out",
        "retarget_eye_out", "retarget_lip_out",
    }  # fmt: skip
    assert failures(checked(another_set("other/"), "")) == depends_on_weights


def test_a_picture_from_another_prefix_fails_by_name() -> None:
    golden = read_golden_file(OUR_SET, "modules", Seeds(prefix="other/"))
    golden.compare_picture("F_image", golden.seeds.lattice("F/image", 256, 256, 16))
    [check] = golden.checks
    assert not check.ok
    assert "FAIL (another picture: is PREFIX the seed prefix of this set?)" in str(check)


def test_an_array_nobody_looks_at_is_named() -> None:
    golden = our_functions()
    golden.arrays["something_new"] = np.zeros(3)
    assert checked(golden, "").unchecked() == ["something_new"]


@pytest.mark.parametrize("change", [1e-4, np.nan, np.inf])
def test_a_changed_number_fails(change: float) -> None:
    golden = our_functions()
    golden.arrays["rot_matrix"][3, 1, 2] += change
    assert failures(checked(golden, "")) == {"rot_matrix"}


def test_a_changed_shape_fails() -> None:
    golden = our_functions()
    golden.arrays["ratio_lip"] = golden.arrays["ratio_lip"][:, 0]
    assert failures(checked(golden, "")) == {"ratio_lip"}


@pytest.mark.parametrize("part", ["__val", "__stats", "__proj", "__shape"])
def test_a_summary_is_compared_in_every_part(part: str) -> None:
    golden = read_golden_file(OUR_SET, "modules", Seeds())
    values = np.random.default_rng(0).standard_normal((1, 64, 8, 8)).astype(np.float32)
    flat = values.reshape(-1).astype(np.float64)
    golden.arrays |= {
        "F_first__shape": np.array(values.shape),
        "F_first__idx": np.arange(7),
        "F_first__val": values.reshape(-1)[:7].copy(),
        "F_first__stats": np.array(
            [flat.mean(), flat.std(), np.abs(flat).max(), flat.min(), flat.max()]
        ),
        "F_first__proj": golden.seeds.projections("F_first", flat),
    }
    golden.compare_summary("F_first", values)
    golden.arrays["F_first" + part][0] += 1
    golden.compare_summary("F_first", values)
    assert [check.ok for check in golden.checks] == [True, False]


def test_a_picture_may_differ_by_one_level_in_few_values_only() -> None:
    golden = read_golden_file(OUR_SET, "modules", Seeds())
    levels = golden.arrays["G2_uint8_small"].copy()
    levels[0, 0, 0] += 1
    golden.compare_levels("G2_uint8_small", levels, share=0.001)
    levels[0] += 1
    golden.compare_levels("G2_uint8_small", levels, share=0.001)
    levels = golden.arrays["G2_uint8_small"].copy()
    levels[0, 0, 0] += 2
    golden.compare_levels("G2_uint8_small", levels, share=0.001)
    assert [check.ok for check in golden.checks] == [True, False, False]


def test_no_check_goes_without_a_tolerance_of_its_own() -> None:
    with pytest.raises(LookupError, match="no tolerance for modules2/x"):
        tolerance("modules2/x")


def test_an_incomplete_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"functions\.npz"):
        read_golden_file(tmp_path, "functions", Seeds())
