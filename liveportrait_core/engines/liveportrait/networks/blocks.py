"""The convolution blocks that several networks share.

A block is convolution, batch norm, activation in that order unless it says otherwise. Knows no
network's configuration.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def width(base: int, level: int, limit: int) -> int:
    """Return the channels at a level of a pyramid that doubles from `base` up to `limit`."""
    return min(limit, base * 2**level)


class ConvBlock2d(nn.Module):
    """3×3 convolution, batch norm, ReLU: B×in×H×W → B×out×H×W."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×out×H×W."""
        return functional.relu(self.norm(self.conv(x)))


class DownBlock2d(ConvBlock2d):
    """A `ConvBlock2d` at full resolution, then 2×2 average pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×out×H/2×W/2."""
        return functional.avg_pool2d(super().forward(x), 2)


class ConvBlock3d(nn.Module):
    """3×3×3 convolution, batch norm, ReLU: B×in×D×H×W → B×out×D×H×W."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.BatchNorm3d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×D×H×W → B×out×D×H×W."""
        return functional.relu(self.norm(self.conv(x)))


class DownBlock3d(ConvBlock3d):
    """A `ConvBlock3d` at full resolution, then average pooling of H and W; D stays."""

    def forward(self, x: Tensor) -> Tensor:
        """B×in×D×H×W → B×out×D×H/2×W/2."""
        return functional.avg_pool3d(super().forward(x), (1, 2, 2))


class UpBlock3d(ConvBlock3d):
    """Nearest up-sampling of H and W, then a `ConvBlock3d`; D stays."""

    def forward(self, x: Tensor) -> Tensor:
        """B×in×D×H×W → B×out×D×2H×2W."""
        return super().forward(functional.interpolate(x, scale_factor=(1, 2, 2)))


class ResidualBlock3d(nn.Module):
    """Pre-activation residual block: twice batch norm, ReLU, convolution; plus the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm3d(channels)
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm2 = nn.BatchNorm3d(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """B×C×D×H×W → the same shape; no activation after the sum."""
        y = self.conv1(functional.relu(self.norm1(x)))
        y = self.conv2(functional.relu(self.norm2(y)))
        return x + y


class Hourglass3d(nn.Module):
    """Encoder and decoder over H and W with skips; D never changes.

    The decoder's last skip is the input itself, so the output has
    `block_expansion + in_channels` channels.
    """

    def __init__(
        self, in_channels: int, *, block_expansion: int, num_blocks: int, max_features: int
    ) -> None:
        super().__init__()
        widths = [width(block_expansion, level, max_features) for level in range(num_blocks + 1)]
        skips = [in_channels, *widths[1:]]  # channels at each level on the way down
        self.down_blocks = nn.ModuleList(
            DownBlock3d(skips[level], skips[level + 1]) for level in range(num_blocks)
        )
        self.up_blocks = nn.ModuleList(
            UpBlock3d(
                widths[level + 1] + (skips[level + 1] if level + 1 < num_blocks else 0),
                widths[level],
            )
            for level in reversed(range(num_blocks))
        )
        self.out_channels = block_expansion + in_channels
        self.last = ConvBlock3d(self.out_channels, self.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×D×H×W → B×(block_expansion + in)×D×H×W; H and W divisible by 2^num_blocks."""
        levels = [x]
        for down in self.down_blocks:
            levels.append(down(levels[-1]))
        y = levels.pop()
        for up in self.up_blocks:
            y = torch.cat([up(y), levels.pop()], dim=1)
        return self.last(y)
