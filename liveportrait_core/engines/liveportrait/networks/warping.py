"""W: moves the portrait's feature volume to the driving key points and flattens it for G.

See liveportrait.md, N3.4.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.engines.liveportrait.networks.blocks import width
from liveportrait_core.engines.liveportrait.networks.dense_motion import DenseMotionNetwork
from liveportrait_core.engines.liveportrait.networks.grid import sample_volume


class Warped(NamedTuple):
    """W's output."""

    feature: Tensor  # B×256×64×64, for G
    deformation: Tensor  # B×16×64×64×3
    occlusion: Tensor  # B×1×64×64 in (0, 1)


class FlattenBlock(nn.Module):
    """3×3 convolution, batch norm, leaky ReLU of slope 0.01 (G's slopes are 0.2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×out×H×W."""
        return functional.leaky_relu(self.norm(self.conv(x)), 0.01)


class WarpingModule(nn.Module):
    """W: feature volume and two sets of key points → `Warped`."""

    def __init__(
        self,
        *,
        num_keypoints: int = KEYPOINT_COUNT,
        block_expansion: int = 64,
        max_features: int = 512,
        num_down_blocks: int = 2,
        reshape_channels: int = 32,
        reshape_depth: int = 16,
        dense_motion: DenseMotionNetwork | None = None,
    ) -> None:
        super().__init__()
        out_channels = width(block_expansion, num_down_blocks, max_features)
        self.dense_motion = dense_motion or DenseMotionNetwork(
            num_keypoints=num_keypoints,
            feature_channels=reshape_channels,
            reshape_depth=reshape_depth,
        )
        self.flatten = FlattenBlock(reshape_channels * reshape_depth, out_channels)
        self.project = nn.Conv2d(out_channels, out_channels, 1)

    def forward(
        self, feature: Tensor, driving_keypoints: Tensor, source_keypoints: Tensor
    ) -> Warped:
        """B×32×16×64×64, B×21×3, B×21×3 (x, y, z in [−1, 1]) → `Warped`."""
        motion = self.dense_motion(feature, driving_keypoints, source_keypoints)
        moved = sample_volume(feature.float(), motion.deformation)  # B×32×16×64×64
        x = self.flatten(moved.flatten(1, 2))  # B×512×64×64 → B×256×64×64
        x = self.project(x) * motion.occlusion
        return Warped(feature=x, deformation=motion.deformation, occlusion=motion.occlusion)
