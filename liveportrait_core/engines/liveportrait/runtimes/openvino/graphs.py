"""What is converted for OpenVINO: seven graphs of fixed shapes, made from the networks.

W is cut at its samplings of volumes, which OpenVINO does not have: hints along the axes and the
moving of the feature stay with torch, both small. W and G are each cut once more, so that their
parts may compute in different precisions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from liveportrait_core.engines.liveportrait.fast.decoding import DecodeStart
from liveportrait_core.engines.liveportrait.fast.generator import GeneratorEnd
from liveportrait_core.engines.liveportrait.fast.hints import axis_hints
from liveportrait_core.engines.liveportrait.fast.warping import (
    Compress,
    Deformation,
    MotionContext,
)
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT, NETWORK_PX
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks
from liveportrait_core.engines.liveportrait.runtimes.device import Precision

APPEARANCE, MOTION = "appearance", "motion"
COMPRESS = "compress"
CONTEXT, DEFORMATION = "context", "deformation"
DECODE_START, DECODE_END = "decode-start", "decode-end"
FRAME_GRAPHS = (CONTEXT, DEFORMATION, DECODE_START, DECODE_END)
"""What computes every frame; the other graphs are always in fp32."""
_IN_BF16: dict[Precision, tuple[str, ...]] = {
    Precision.FP32: (),
    # Where rounding takes much time and little likeness (performance.md).
    Precision.MIXED: (DEFORMATION, DECODE_END),
    Precision.BF16: FRAME_GRAPHS,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """One module with the shapes of its inputs."""

    name: str
    module: nn.Module
    shapes: tuple[tuple[int, ...], ...]


def graph_precision(name: str, precision: Precision) -> Precision:
    """Return what one graph computes in, fp32 or bf16, where frames are wanted in `precision`."""
    return Precision.BF16 if name in _IN_BF16[precision] else Precision.FP32


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
    context = MotionContext(dense, size)
    yield Graph(name=CONTEXT, module=context, shapes=(compressed, *axes))
    known = (1, size[0], context.channels, *size[1:])
    deformation = Deformation(dense, size, context.channels)
    yield Graph(name=DEFORMATION, module=deformation, shapes=(known, tuple(points.shape)))
    start = DecodeStart(networks)
    yield Graph(name=DECODE_START, module=start, shapes=(volume, (1, 1, *size[1:])))
    stem, (height, width) = start.generator.stem, size[1:]
    begun, label = (1, stem.out_channels, height, width), (1, stem.in_channels, height, width)
    end = GeneratorEnd(networks.spade_generator)
    yield Graph(name=DECODE_END, module=end, shapes=(begun, label))
