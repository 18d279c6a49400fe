"""The networks are the official ones: same keys, shapes, types, sizes and epsilons."""

import json
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.networks import spade_generator
from liveportrait_core.engines.liveportrait.networks.all_networks import empty_networks
from liveportrait_core.engines.liveportrait.networks.convnextv2 import (
    ConvNeXtV2,
    GlobalResponseNorm,
)
from liveportrait_core.engines.liveportrait.networks.official import (
    TensorForm,
    fold_spectral_norm,
    load_official,
    official_forms,
    official_key,
)
from liveportrait_core.engines.liveportrait.networks.spade_generator import SpadeGenerator
from liveportrait_core.engines.liveportrait.networks.stitching_retargeting import KeypointPerceptron
from liveportrait_core.errors import CheckpointMismatch
from tests.golden.synthetic_weights import OFFICIAL_KEYS

OFFICIAL_NAMES = {
    "appearance_feature_extractor": "appearance_feature_extractor",
    "motion_extractor": "motion_extractor",
    "warping_module": "warping_module",
    "spade_generator": "spade_generator",
    "stitching": "stitching",
    "lip_retargeting": "lip",
    "eye_retargeting": "eye",
}
PARAMETERS = {
    "appearance_feature_extractor": 836_224,
    "motion_extractor": 28_118_728,
    "warping_module": 45_529_829,
    "spade_generator": 55_365_388,
    "stitching": 45_249,
    "lip_retargeting": 37_311,
    "eye_retargeting": 144_703,
}


def networks() -> dict[str, nn.Module]:
    empty = empty_networks()
    return {field.name: getattr(empty, field.name) for field in fields(empty)}


def form(entry: Any) -> TensorForm:
    if isinstance(entry, dict):
        return TensorForm(shape=tuple(entry["shape"]), dtype=getattr(torch, entry["dtype"]))
    return TensorForm(shape=tuple(entry), dtype=torch.float32)


@pytest.mark.parametrize("name", OFFICIAL_NAMES)
def test_every_official_key_has_its_place_and_nothing_else(name: str) -> None:
    official = json.loads(OFFICIAL_KEYS.read_bytes())[OFFICIAL_NAMES[name]]
    assert official_forms(networks()[name]) == {key: form(value) for key, value in official.items()}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_number_of_parameters(name: str) -> None:
    assert sum(each.numel() for each in networks()[name].parameters()) == PARAMETERS[name]


def test_two_parameters_never_share_an_official_name() -> None:
    for network in networks().values():
        keys = list(network.state_dict())
        assert len({official_key(network, key) for key in keys}) == len(keys)


def test_the_epsilons() -> None:
    epsilons: dict[str, set[float]] = {}
    for name, network in networks().items():
        for module in network.modules():
            if isinstance(epsilon := getattr(module, "eps", None), float):
                epsilons.setdefault(f"{name} {type(module).__name__}", set()).add(epsilon)
    assert epsilons == {
        "appearance_feature_extractor BatchNorm2d": {1e-5},
        "appearance_feature_extractor BatchNorm3d": {1e-5},
        "motion_extractor LayerNorm": {1e-6},
        "motion_extractor ChannelLayerNorm": {1e-6},
        "motion_extractor GlobalResponseNorm": {1e-6},
        "warping_module BatchNorm2d": {1e-5},
        "warping_module BatchNorm3d": {1e-5},
    }
    assert spade_generator.INSTANCE_NORM_EPSILON == 1e-5


def test_the_epsilons_are_in_effect() -> None:
    tiny = torch.full((1, 1, 2, 2), 1e-3) * torch.tensor([1.0, -1.0])
    expected = tiny / (1e-6 + 1e-5) ** 0.5
    torch.testing.assert_close(spade_generator.normalise(tiny), expected)
    response = GlobalResponseNorm(2)
    nn.init.ones_(response.gamma)
    x = torch.zeros(1, 2, 2, 2)
    x[..., 0] = 1e-6  # energies 2e-6 and 0, their mean 1e-6
    torch.testing.assert_close(response(x)[..., 0], torch.full((1, 2, 2), 2e-6))


def test_the_backbone_takes_the_mean_before_its_last_norm() -> None:
    backbone = ConvNeXtV2(depths=(1, 1), dims=(4, 8)).eval()
    features = backbone(torch.rand(3, 3, 16, 16))
    torch.testing.assert_close(features.mean(dim=1), torch.zeros(3), atol=1e-6, rtol=0)


def perceptron_state() -> dict[str, Tensor]:
    return {
        "mlp.0.weight": torch.rand(3, 2),
        "mlp.0.bias": torch.rand(3),
        "mlp.2.weight": torch.rand(1, 3),
        "mlp.2.bias": torch.rand(1),
    }


def test_loading_leaves_a_frozen_network_in_eval_mode() -> None:
    network = KeypointPerceptron((2, 3, 1))
    load_official(network, perceptron_state())
    assert not network.training
    assert not any(each.requires_grad for each in network.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mlp.2.bias": None}, r"1 missing: mlp\.2\.bias"),
        ({"mlp.4.bias": torch.rand(1)}, r"1 left over: mlp\.4\.bias"),
        (
            {"mlp.0.bias": torch.rand(4)},
            r"1 of another form: mlp\.0\.bias float32 4 instead of float32 3",
        ),
        ({"mlp.0.bias": torch.rand(3).half()}, r"mlp\.0\.bias float16 3 instead of float32 3"),
        ({"mlp.0.bias": None, "x": torch.rand(1)}, r"1 missing: mlp\.0\.bias; 1 left over: x"),
    ],
)
def test_loading_is_strict(change: dict[str, Tensor | None], message: str) -> None:
    state = {**perceptron_state(), **change}
    kept = {key: value for key, value in state.items() if value is not None}
    with pytest.raises(CheckpointMismatch, match=message):
        load_official(KeypointPerceptron((2, 3, 1)), kept)


def test_folding_gives_what_spectral_normalisation_computes() -> None:
    torch.manual_seed(0)
    convolution = nn.utils.spectral_norm(nn.Conv2d(4, 6, 3, padding=1))
    convolution(torch.rand(1, 4, 8, 8))  # one step of its power iteration
    convolution.eval()
    state = {f"conv.{key}": value for key, value in convolution.state_dict().items()}
    x = torch.rand(1, 4, 8, 8)
    folded = nn.functional.conv2d(x, fold_spectral_norm(state, "conv"), convolution.bias, padding=1)
    torch.testing.assert_close(folded, convolution(x))


def test_a_small_generator_loads_and_paints() -> None:
    sizes = {"block_expansion": 4, "max_features": 32, "num_middle_blocks": 1, "out_channels": 4}
    generator = SpadeGenerator(**sizes)
    forms = official_forms(generator)
    load_official(generator, {key: torch.rand(each.shape) for key, each in forms.items()})
    picture = generator(torch.rand(2, 16, 8, 8))
    assert picture.shape == (2, 3, 64, 64)
    assert ((picture >= 0) & (picture <= 1)).all()
