"""What is converted for OpenVINO: five graphs of fixed shapes, made from the networks.

W is cut at its samplings of volumes, which OpenVINO does not have: hints along the axes and the
moving of the feature stay with torch, both small.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from liveportrait_core.engines.liveportrait.fast.decoding import Decode
from liveportrait_core.engines.liveportrait.fast.hints import axis_hints
from liveportrait_core.engines.liveportrait.fast.warping import Compress, MotionField
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT, NETWORK_PX
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks

APPEARANCE, MOTION = "appearance", "motion"
COMPRESS, FIELD, DECODE = "compress", "field", "decode"


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """One module with the shapes of its inputs."""

    name: str
    module: nn.Module
    shapes: tuple[tuple[int, ...], ...]


def graphs_of(networks: Networks, picture_px: int = NETWORK_PX) -> Iterator[Graph]:
    """Yield the graphs for one frame at a time; pictures of other sizes only in tests.

    Each is made when it is asked for: the fast forms are copies of most weights.
    """
    extractor, dense = networks.appearance_feature_extractor, networks.warping_module.dense_motion
    channels, size = extractor.reshape[0], extractor.volume_size(picture_px)
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
    yield Graph(name=DECODE, module=Decode(networks), shapes=(volume, (1, 1, *size[1:])))
