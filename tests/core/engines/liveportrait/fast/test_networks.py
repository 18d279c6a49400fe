"""W and G in their fast forms against the plain ones, on small networks."""

import pytest
import torch

from liveportrait_core.engines.liveportrait.fast.generator import GeneratorEnd, GeneratorStart
from liveportrait_core.engines.liveportrait.fast.hints import (
    axis_hints,
    hint_channels,
    plain_order,
)
from liveportrait_core.engines.liveportrait.fast.warping import Compress, Flatten, MotionField
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.networks.dense_motion import (
    motion_heatmaps,
    shifted_volumes,
)
from liveportrait_core.engines.liveportrait.networks.grid import identity_grid, sample_volume
from tests.core.small_networks import small_networks

CLOSE = 2e-6
SIZE = (2, 8, 8)


@pytest.fixture(scope="module")
def networks() -> Networks:
    """Their batch norms do something."""
    networks = small_networks()
    torch.manual_seed(1)
    for name, buffer in networks.warping_module.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    return networks


def keypoints() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    driving = torch.rand(2, 21, 3) * 2 - 1  # some leave the volume
    return driving, driving + 0.2 * torch.randn(2, 21, 3)


@torch.inference_mode()
def test_hints_are_products_along_the_axes() -> None:
    driving, source = keypoints()
    volume = torch.randn(2, 3, 4, 8, 6)
    fast = hint_channels(volume, axis_hints(driving, source, (4, 8, 6)))
    moved = shifted_volumes(volume, identity_grid((4, 8, 6), volume.device), source - driving)
    heat = motion_heatmaps(driving, source, (4, 8, 6))
    plain = torch.cat([heat, moved], dim=2).flatten(1, 2)
    assert float((fast - plain[:, plain_order(22, 3)]).abs().max()) < 5e-6
    assert float(plain.std()) > 0.1


@torch.inference_mode()
def test_no_hint_is_subnormal() -> None:
    """A processor takes three times as long for a convolution in fp32 that is given such."""
    size = (16, 64, 64)
    hints = hint_channels(torch.zeros(2, 1, *size), axis_hints(*keypoints(), size)).abs()
    assert not ((hints > 0) & (hints < torch.finfo(torch.float32).tiny)).any()


@torch.inference_mode()
def test_the_warping_module_cut_at_its_samplings_moves_the_same(networks: Networks) -> None:
    driving, source = keypoints()
    feature = torch.randn(2, 4, *SIZE)
    plain = networks.warping_module(feature, driving, source)
    dense = networks.warping_module.dense_motion
    compressed = Compress(dense)(feature)
    deformation, occlusion = MotionField(dense, SIZE)(
        compressed, source - driving, *axis_hints(driving, source, SIZE)
    )
    moved = sample_volume(feature, deformation)
    flat = Flatten(networks.warping_module)(moved, occlusion)
    assert float((deformation - plain.deformation).abs().max()) < CLOSE
    assert float((occlusion - plain.occlusion).abs().max()) < CLOSE
    assert float((flat - plain.feature).abs().max()) < CLOSE
    assert float(plain.feature.std()) > 0.05


@torch.inference_mode()
def test_the_generator_paints_the_same(networks: Networks) -> None:
    torch.manual_seed(3)
    channels = networks.spade_generator.stem.in_channels
    feature = torch.randn(2, channels, 8, 8)
    plain = networks.spade_generator(feature)
    begun = GeneratorStart(networks.spade_generator)(feature)
    fast = GeneratorEnd(networks.spade_generator)(begun, feature)
    assert float((fast - plain).abs().max()) < CLOSE
    assert float(plain.std()) > 0.05
