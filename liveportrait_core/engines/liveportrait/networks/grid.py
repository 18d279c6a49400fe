"""Coordinates in the feature volume and sampling along them (liveportrait.md, N3.1).

Coordinates lie in [−1, 1], order (x, y, z). The grid puts its end points exactly on ±1 (corners
aligned) while sampling takes ±1 as the outer edges of the outer cells (corners not aligned). That
mismatch is how the networks were trained; both halves are kept.
"""

import torch
from torch import Tensor
from torch.nn import functional

VolumeSize = tuple[int, int, int]
"""Depth, height and width of a feature volume."""


def axis(length: int, device: torch.device) -> Tensor:
    """`length` float32 coordinates from −1 to 1, both included."""
    return torch.arange(length, dtype=torch.float32, device=device) * 2 / (length - 1) - 1


def identity_grid(size: VolumeSize, device: torch.device) -> Tensor:
    """Return the grid that moves nothing: D×H×W×3 float32, last axis (x, y, z)."""
    z, y, x = (axis(length, device) for length in size)
    zz, yy, xx = torch.meshgrid(z, y, x, indexing="ij")
    return torch.stack([xx, yy, zz], dim=-1)


def gaussian_heatmaps(keypoints: Tensor, size: VolumeSize, variance: float) -> Tensor:
    """exp(−½·‖grid − keypoint‖² / variance): B×K×3 (x, y, z) → B×K×D×H×W."""
    z, y, x = (axis(length, keypoints.device) for length in size)
    kx, ky, kz = keypoints.unsqueeze(-1).unbind(2)  # each B×K×1
    squared = (
        ((x - kx) ** 2)[:, :, None, None, :]
        + ((y - ky) ** 2)[:, :, None, :, None]
        + ((z - kz) ** 2)[:, :, :, None, None]
    )
    return torch.exp(-0.5 * squared / variance)


def sample_volume(volume: Tensor, grid: Tensor) -> Tensor:
    """Sample trilinearly, zero outside: B×C×D×H×W at B×D×H×W×3 → B×C×D×H×W."""
    return functional.grid_sample(
        volume, grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
