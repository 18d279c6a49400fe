"""The networks in a size that computes in milliseconds, with weights from a seed."""

import torch

from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.networks.appearance_feature_extractor import (
    AppearanceFeatureExtractor,
)
from liveportrait_core.engines.liveportrait.networks.dense_motion import DenseMotionNetwork
from liveportrait_core.engines.liveportrait.networks.motion_extractor import MotionExtractor
from liveportrait_core.engines.liveportrait.networks.spade_generator import SpadeGenerator
from liveportrait_core.engines.liveportrait.networks.stitching_retargeting import (
    EYE_WIDTHS,
    LIP_WIDTHS,
    STITCHING_WIDTHS,
    KeypointPerceptron,
)
from liveportrait_core.engines.liveportrait.networks.warping import WarpingModule
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice, Precision


def small_networks() -> Networks:
    """Pictures of 32×32 in, of 64×64 out."""
    torch.manual_seed(0)
    dense_motion = DenseMotionNetwork(
        feature_channels=4, reshape_depth=2, compress=1, block_expansion=4, num_blocks=2,
        max_features=8,
    )  # fmt: skip
    networks = Networks(
        appearance_feature_extractor=AppearanceFeatureExtractor(
            block_expansion=2, reshape_channels=4, reshape_depth=2, num_residual_blocks=1
        ),
        motion_extractor=MotionExtractor(depths=(1, 1, 1, 1), dims=(4, 4, 8, 8)),
        warping_module=WarpingModule(
            block_expansion=4, reshape_channels=4, reshape_depth=2, dense_motion=dense_motion
        ),
        spade_generator=SpadeGenerator(block_expansion=4, num_middle_blocks=1, out_channels=4),
        stitching=KeypointPerceptron(STITCHING_WIDTHS),
        lip_retargeting=KeypointPerceptron(LIP_WIDTHS),
        eye_retargeting=KeypointPerceptron(EYE_WIDTHS),
    )
    for network in vars(networks).values():
        network.eval().requires_grad_(False)
    return networks


def small_model(precision: Precision = Precision.FP32, device: str = "cpu") -> Model:
    """A model of them."""
    choice = DeviceChoice(device=torch.device(device), precision=precision, reason="test")
    return Model(small_networks(), choice)


def overflow_in_fp16(generator: SpadeGenerator) -> None:
    """Make the generator leave fp16's range on its way to a picture that is finite in fp32.

    Its first convolution gives numbers above 65,504; the instance norms of its up blocks take the
    scale away again.
    """
    for parameter in generator.stem.parameters():
        parameter.mul_(1e7)
