"""Each rewritten convolution gives what the plain one gives, borders included."""

from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from liveportrait_core.engines.liveportrait.fast.batch_norm import fold_batch_norm
from liveportrait_core.engines.liveportrait.fast.depth_taps import FoldedDepthConv3d
from liveportrait_core.engines.liveportrait.fast.single_output import SingleOutputConv2d
from liveportrait_core.engines.liveportrait.fast.sub_pixel import (
    DoubledConv2d,
    DoubledConv3d,
    QuadrupledConv2d,
)

CLOSE = 2e-6
Norm = TypeVar("Norm", nn.BatchNorm2d, nn.BatchNorm3d)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def assert_close(fast: Tensor, plain: Tensor) -> None:
    assert fast.shape == plain.shape
    assert float((fast - plain).abs().max()) < CLOSE
    assert float(plain.std()) > 0.1


def shaken(norm: Norm) -> Norm:
    for value in norm.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 2)
    return norm.eval()


@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_batch_norm_is_folded_into_the_convolution_before_it(bias: bool) -> None:
    convolution, norm = nn.Conv2d(3, 5, 3, padding=1, bias=bias), shaken(nn.BatchNorm2d(5))
    x = torch.randn(2, 3, 4, 5)
    assert_close(fold_batch_norm(convolution, norm)(x), norm(convolution(x)))


@torch.inference_mode()
def test_a_batch_norm_of_volumes_is_folded_too() -> None:
    convolution, norm = nn.Conv3d(3, 5, 3, padding=1), shaken(nn.BatchNorm3d(5))
    x = torch.randn(2, 3, 4, 5, 6)
    assert_close(fold_batch_norm(convolution, norm)(x), norm(convolution(x)))


@pytest.mark.parametrize(("fast", "factor"), [(DoubledConv2d, 2), (QuadrupledConv2d, 4)])
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_convolution_over_an_enlarged_picture_is_computed_on_the_small_one(
    fast: type[nn.Module], factor: int, bias: bool
) -> None:
    plain = nn.Conv2d(3, 4, 3, padding=1, bias=bias)
    x = torch.randn(2, 3, 5, 4)
    assert_close(fast(plain)(x), plain(functional.interpolate(x, scale_factor=factor)))


@torch.inference_mode()
def test_a_convolution_over_an_enlarged_volume_is_computed_on_the_small_one() -> None:
    plain = nn.Conv3d(3, 4, 3, padding=1)
    x = torch.randn(2, 3, 3, 5, 4)
    assert_close(DoubledConv3d(plain)(x), plain(functional.interpolate(x, scale_factor=(1, 2, 2))))


@pytest.mark.parametrize("depth", [2, 9])
@torch.inference_mode()
def test_depth_taps_become_output_channels(depth: int) -> None:
    plain = nn.Conv3d(3, 4, 7, padding=3)
    x = torch.randn(2, 3, depth, 5, 6)
    assert_close(FoldedDepthConv3d(plain)(x.transpose(1, 2)).transpose(1, 2), plain(x))


@torch.inference_mode()
def test_a_convolution_to_one_channel_is_a_matrix_product() -> None:
    plain = nn.Conv2d(6, 1, 7, padding=3)
    x = torch.randn(2, 6, 9, 8)
    assert_close(SingleOutputConv2d(plain)(x), plain(x))
