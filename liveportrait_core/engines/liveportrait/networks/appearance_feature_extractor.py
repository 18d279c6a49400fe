"""F: the portrait's appearance as a feature volume (liveportrait.md, N1)."""

from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.networks.blocks import (
    ConvBlock2d,
    DownBlock2d,
    ResidualBlock3d,
    width,
)
from liveportrait_core.engines.liveportrait.networks.grid import VolumeSize


class AppearanceFeatureExtractor(nn.Module):
    """F: RGB picture → feature volume."""

    def __init__(
        self,
        *,
        image_channels: int = 3,
        block_expansion: int = 64,
        num_down_blocks: int = 2,
        max_features: int = 512,
        reshape_channels: int = 32,
        reshape_depth: int = 16,
        num_residual_blocks: int = 6,
    ) -> None:
        super().__init__()
        widths = [width(block_expansion, i, max_features) for i in range(num_down_blocks + 1)]
        self.reshape = (reshape_channels, reshape_depth)
        self.stem = ConvBlock2d(image_channels, block_expansion)
        self.down_blocks = nn.ModuleList(
            DownBlock2d(widths[i], widths[i + 1]) for i in range(num_down_blocks)
        )
        self.to_volume = nn.Conv2d(widths[-1], reshape_channels * reshape_depth, 1)
        self.residual_blocks = nn.ModuleList(
            ResidualBlock3d(reshape_channels) for _ in range(num_residual_blocks)
        )

    def volume_size(self, picture_px: int) -> VolumeSize:
        """Return the size of the volume that square pictures become."""
        side = picture_px // 2 ** len(self.down_blocks)
        return self.reshape[1], side, side

    def forward(self, image: Tensor) -> Tensor:
        """B×3×256×256 in [0, 1], no mean or deviation taken off → B×32×16×64×64."""
        x = self.stem(image)  # B×64×256×256
        for down in self.down_blocks:
            x = down(x)  # B×128×128×128, B×256×64×64
        x = self.to_volume(x)  # B×512×64×64
        x = x.unflatten(1, self.reshape)  # B×32×16×64×64: channel-major, depth-minor
        for block in self.residual_blocks:
            x = block(x)
        return x
