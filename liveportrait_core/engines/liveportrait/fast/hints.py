"""What W's hourglass is told about each motion, by products along one axis at a time.

Every key point moves the whole volume by one vector, so sampling it trilinearly is a linear map
along each axis, and a Gaussian around a point is a product of three. Both are exact: the grid is
the plain form's, mismatch of its two halves included (`networks.grid`).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.networks.dense_motion import KEYPOINT_VARIANCE
from liveportrait_core.engines.liveportrait.networks.grid import VolumeSize, axis

_LEAST_FACTOR = 1e-12
"""Smaller factors of a Gaussian are zero: the product of three is then no subnormal number, with
which a processor takes three times as long for a convolution in fp32."""


class AxisHints(NamedTuple):
    """For each of 1+K motions and each axis, outputs × inputs; for each of K points, a profile."""

    move_z: Tensor  # B×(1+K)×D×D
    move_y: Tensor  # B×(1+K)×H×H
    move_x: Tensor  # B×(1+K)×W×W
    driving_z: Tensor  # B×K×D; of the Gaussians
    driving_y: Tensor  # B×K×H
    driving_x: Tensor  # B×K×W
    source_z: Tensor
    source_y: Tensor
    source_x: Tensor


def axis_hints(driving_keypoints: Tensor, source_keypoints: Tensor, size: VolumeSize) -> AxisHints:
    """B×K×3 (x, y, z) twice → `AxisHints`."""
    shifts = source_keypoints - driving_keypoints
    motions = torch.cat([torch.zeros_like(shifts[:, :1]), shifts], dim=1)
    depth, height, width = size
    return AxisHints(
        _moves(motions[..., 2], depth),
        _moves(motions[..., 1], height),
        _moves(motions[..., 0], width),
        *_profiles(driving_keypoints, size),
        *_profiles(source_keypoints, size),
    )


def hint_channels(compressed: Tensor, hints: AxisHints) -> Tensor:
    """B×C×D×H×W → B×((1+K)·(1+C))×D×H×W: all heat maps, the first zero, then all moved volumes.

    The plain form has them motion by motion: see `plain_order`.
    """
    batch, channels, depth, height, width = compressed.shape
    heat = _product(hints.driving_x, hints.driving_y, hints.driving_z) - _product(
        hints.source_x, hints.source_y, hints.source_z
    )
    heat = torch.cat([torch.zeros_like(heat[:, :1]), heat], dim=1)
    # Along z first: it leaves the shortest products to the longer axes.
    moved = hints.move_z.unsqueeze(2) @ compressed.flatten(3).unsqueeze(1)
    moved = moved.reshape(batch, -1, channels * depth, height, width)
    moved = hints.move_y.unsqueeze(2) @ moved
    moved = moved.flatten(2, 3) @ hints.move_x.transpose(2, 3)
    return torch.cat([heat, moved.reshape(batch, -1, depth, height, width)], dim=1)


def plain_order(motions: int, channels: int) -> list[int]:
    """Return, for each channel of `hint_channels`, its place in the plain form."""
    group = 1 + channels
    heat = [motion * group for motion in range(motions)]
    moved = [motion * group + 1 + c for motion in range(motions) for c in range(channels)]
    return heat + moved


def _moves(shifts: Tensor, length: int) -> Tensor:
    """Return linear sampling along one axis, zero outside: B×N → B×N×outputs×inputs."""
    wanted = axis(length, shifts.device) + shifts.unsqueeze(-1)  # B×N×outputs
    cells = ((wanted + 1) * length - 1) / 2
    inputs = torch.arange(length, dtype=cells.dtype, device=cells.device)
    return torch.relu(1 - (cells.unsqueeze(-1) - inputs).abs())


def _profiles(keypoints: Tensor, size: VolumeSize) -> list[Tensor]:
    """Return the Gaussian's factors along z, y and x: each B×K×length."""
    x, y, z = keypoints.unsqueeze(-1).unbind(2)
    factors = (
        torch.exp(-0.5 * (axis(length, point.device) - point) ** 2 / KEYPOINT_VARIANCE)
        for point, length in zip((z, y, x), size, strict=True)
    )
    return [torch.where(factor < _LEAST_FACTOR, 0, factor) for factor in factors]


def _product(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    plane = y[:, :, :, None] * x[:, :, None, :]
    return z[:, :, :, None, None] * plane[:, :, None]
