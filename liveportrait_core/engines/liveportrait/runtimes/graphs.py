"""What is converted for OpenVINO: five graphs of fixed shapes, made from the networks.

W is cut at its samplings of volumes, which OpenVINO does not have: hints along the axes and the
moving of the feature stay with torch, both small.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.fast.generator import FastGenerator
from liveportrait_core.engines.liveportrait.fast.hints import axis_hints
from liveportrait_core.engines.liveportrait.fast.warping import Compress, Flatten, MotionField
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT, NETWORK_PX
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.networks.grid import VolumeSize

APPEARANCE, MOTION = "appearance", "motion"
COMPRESS, FIELD, DECODE = "compress", "field", "decode"


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """One module with the shapes of its inputs."""

    name: str
    module: nn.Module
    shapes: tuple[tuple[int, ...], ...]


class Decode(nn.Module):
    """What comes after W's second sampling, and G."""

    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.flatten = Flatten(networks.warping_module)
        self.generator = FastGenerator(networks.spade_generator)

    def forward(self, moved: Tensor, occlusion: Tensor) -> Tensor:
        """B×32×16×64×64, B×1×64×64 → B×3×512×512 in (0, 1)."""
        return self.generator(self.flatten(moved, occlusion))


def graphs_of(networks: Networks, picture_px: int = NETWORK_PX) -> Iterator[Graph]:
    """Yield the graphs for one frame at a time; pictures of other sizes only in tests.

    Each is made when it is asked for: the fast forms are copies of most weights.
    """
    extractor, dense = networks.appearance_feature_extractor, networks.warping_module.dense_motion
    channels, depth = extractor.reshape
    side = picture_px // 2 ** len(extractor.down_blocks)
    size: VolumeSize = (depth, side, side)
    picture = (1, 3, picture_px, picture_px)
    points = torch.zeros(1, KEYPOINT_COUNT, 3)
    axes = tuple(tuple(hint.shape) for hint in axis_hints(points, points, size))
    volume = (1, channels, *size)
    compressed = (1, dense.compress.out_channels, *size)
    yield Graph(name=APPEARANCE, module=extractor, shapes=(picture,))
    yield Graph(name=MOTION, module=networks.motion_extractor, shapes=(picture,))
    yield Graph(name=COMPRESS, module=Compress(dense), shapes=(volume,))
    yield Graph(
        name=FIELD,
        module=MotionField(dense, size),
        shapes=(compressed, tuple(points.shape), *axes),
    )
    yield Graph(name=DECODE, module=Decode(networks), shapes=(volume, (1, 1, side, side)))
