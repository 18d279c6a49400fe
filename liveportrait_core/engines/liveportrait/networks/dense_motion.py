"""The dense motion network inside W: from two sets of key points to a flow of the volume.

See liveportrait.md, N3.2 and N3.3.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.engines.liveportrait.networks.blocks import Hourglass3d
from liveportrait_core.engines.liveportrait.networks.grid import (
    VolumeSize,
    gaussian_heatmaps,
    identity_grid,
    sample_volume,
)

KEYPOINT_VARIANCE = 0.01
"""Of the Gaussian around a key point, in the units of the [−1, 1] cube."""


class DenseMotion(NamedTuple):
    """Where each cell of the volume comes from, and how much of it is visible."""

    mask: Tensor  # B×22×16×64×64: weight of each sparse motion, 1 in sum; 0 is "no motion"
    deformation: Tensor  # B×16×64×64×3 float32, coordinates (x, y, z) to sample at
    occlusion: Tensor  # B×1×64×64 in (0, 1)


class DenseMotionNetwork(nn.Module):
    """Chooses, per cell, among the motions of the key points and no motion at all."""

    def __init__(
        self,
        *,
        num_keypoints: int = KEYPOINT_COUNT,
        feature_channels: int = 32,
        reshape_depth: int = 16,
        compress: int = 4,
        block_expansion: int = 32,
        num_blocks: int = 5,
        max_features: int = 1024,
    ) -> None:
        super().__init__()
        motions = num_keypoints + 1  # one more than key points: no motion
        self.compress = nn.Conv3d(feature_channels, compress, 1)
        self.norm = nn.BatchNorm3d(compress)
        self.hourglass = Hourglass3d(
            motions * (1 + compress),  # per motion a heat map and the compressed feature
            block_expansion=block_expansion,
            num_blocks=num_blocks,
            max_features=max_features,
        )
        context = self.hourglass.out_channels
        self.mask = nn.Conv3d(context, motions, 7, padding=3)
        self.occlusion = nn.Conv2d(context * reshape_depth, 1, 7, padding=3)

    def forward(
        self, feature: Tensor, driving_keypoints: Tensor, source_keypoints: Tensor
    ) -> DenseMotion:
        """B×32×16×64×64, B×21×3, B×21×3 → `DenseMotion`."""
        size = (feature.shape[2], feature.shape[3], feature.shape[4])
        grid = identity_grid(size, feature.device)
        # Key point k moves the whole volume by one vector.
        shifts = source_keypoints - driving_keypoints  # B×21×3
        compressed = torch.relu(self.norm(self.compress(feature)))  # B×4×16×64×64
        # Under autocast everything with coordinates stays in float32: sampling takes the type of
        # what it is given, and no matrix product is used.
        shifted = shifted_volumes(compressed.float(), grid, shifts)  # B×22×4×16×64×64
        heatmaps = motion_heatmaps(driving_keypoints, source_keypoints, size)
        hints = torch.cat([heatmaps, shifted], dim=2).flatten(1, 2)  # B×110×16×64×64
        context = self.hourglass(hints)  # B×142×16×64×64
        mask = torch.softmax(self.mask(context).float(), dim=1)  # B×22×16×64×64
        occlusion = torch.sigmoid(self.occlusion(context.flatten(1, 2)))  # from B×2272×64×64
        # The mask sums to 1, so the identity leaves the sum and no motion adds nothing to it.
        moves = mask[:, 1:, ..., None] * shifts[:, :, None, None, None, :]  # B×21×16×64×64×3
        return DenseMotion(mask=mask, deformation=grid + moves.sum(dim=1), occlusion=occlusion)


def shifted_volumes(volume: Tensor, grid: Tensor, shifts: Tensor) -> Tensor:
    """Stack the volume, unmoved and moved by each shift → B×(1+K)×C×D×H×W."""
    motions = torch.cat([torch.zeros_like(shifts[:, :1]), shifts], dim=1)  # B×(1+K)×3
    batch, count = motions.shape[:2]
    grids = grid + motions[:, :, None, None, None, :]  # B×(1+K)×D×H×W×3
    repeated = volume.unsqueeze(1).expand(-1, count, -1, -1, -1, -1)
    sampled = sample_volume(repeated.flatten(0, 1), grids.flatten(0, 1))
    return sampled.reshape(batch, count, *volume.shape[1:])


def motion_heatmaps(
    driving_keypoints: Tensor, source_keypoints: Tensor, size: VolumeSize
) -> Tensor:
    """Return heat maps of starts (−) and ends (+) → B×(1+K)×1×D×H×W, the first all zero."""
    driving = gaussian_heatmaps(driving_keypoints, size, KEYPOINT_VARIANCE)
    source = gaussian_heatmaps(source_keypoints, size, KEYPOINT_VARIANCE)
    difference = driving - source  # B×K×D×H×W
    return torch.cat([torch.zeros_like(difference[:, :1]), difference], dim=1).unsqueeze(2)
