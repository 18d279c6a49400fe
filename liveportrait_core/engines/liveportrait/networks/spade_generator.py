"""G: paints the picture from the warped feature (liveportrait.md, N4).

SPADE ("spatially adaptive denormalisation"): every normalisation is scaled and shifted by maps
computed from the warped feature, which therefore enters twice: as content and as label.

The convolutions of the residual blocks were trained under spectral normalisation; `official` folds
it into plain weights when a checkpoint is loaded, so nothing of it is left here.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveportrait_core.engines.liveportrait.networks.blocks import width

LEAKY_SLOPE = 0.2
INSTANCE_NORM_EPSILON = 1e-5


def normalise(x: Tensor) -> Tensor:
    """Instance norm, no parameters: each channel of each sample to mean 0, variance 1."""
    return functional.instance_norm(x, eps=INSTANCE_NORM_EPSILON)


def activate(x: Tensor) -> Tensor:
    """G's activation."""
    return functional.leaky_relu(x, LEAKY_SLOPE)


class Modulation(nn.Module):
    """Scales and shifts a normalised map as the label says."""

    def __init__(self, channels: int, label_channels: int, hidden_channels: int = 128) -> None:
        super().__init__()
        self.shared = nn.Conv2d(label_channels, hidden_channels, 3, padding=1)
        self.gamma = nn.Conv2d(hidden_channels, channels, 3, padding=1)
        self.beta = nn.Conv2d(hidden_channels, channels, 3, padding=1)

    def forward(self, normalised: Tensor, label: Tensor) -> Tensor:
        """B×C×H×W, B×256×H×W → B×C×H×W."""
        hidden = functional.relu(self.shared(label))
        return normalised * (1 + self.gamma(hidden)) + self.beta(hidden)


class SpadeBlock(nn.Module):
    """Residual block with two modulated convolutions; a third where the width changes."""

    def __init__(self, in_channels: int, out_channels: int, label_channels: int) -> None:
        super().__init__()
        middle = min(in_channels, out_channels)
        self.modulate_0 = Modulation(in_channels, label_channels)
        self.conv_0 = nn.Conv2d(in_channels, middle, 3, padding=1)
        self.modulate_1 = Modulation(middle, label_channels)
        self.conv_1 = nn.Conv2d(middle, out_channels, 3, padding=1)
        self.shortcut: nn.Conv2d | None = None
        if in_channels != out_channels:
            self.modulate_shortcut = Modulation(in_channels, label_channels)
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """B×in×H×W and the label at any resolution → B×out×H×W."""
        if label.shape[2:] != x.shape[2:]:
            label = functional.interpolate(label, size=x.shape[2:])
        normalised = normalise(x)  # shared by the first modulation and the shortcut's
        y = self.conv_0(activate(self.modulate_0(normalised, label)))
        y = self.conv_1(activate(self.modulate_1(normalise(y), label)))
        if self.shortcut is not None:
            x = self.shortcut(self.modulate_shortcut(normalised, label))
        return x + y


class SpadeGenerator(nn.Module):
    """G: warped feature → RGB picture."""

    def __init__(
        self,
        *,
        upscale: int = 2,
        block_expansion: int = 64,
        max_features: int = 512,
        num_down_blocks: int = 2,
        out_channels: int = 64,
        num_middle_blocks: int = 6,
    ) -> None:
        super().__init__()
        label = width(block_expansion, num_down_blocks, max_features)
        wide = 2 * label
        self.stem = nn.Conv2d(label, wide, 3, padding=1)
        self.middle = nn.ModuleList(SpadeBlock(wide, wide, label) for _ in range(num_middle_blocks))
        self.up = nn.ModuleList(
            [SpadeBlock(wide, label, label), SpadeBlock(label, out_channels, label)]
        )
        self.to_image = nn.Conv2d(out_channels, 3 * upscale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(upscale)

    def forward(self, feature: Tensor) -> Tensor:
        """B×256×64×64 → B×3×512×512 in (0, 1)."""
        x = self.stem(feature)  # B×512×64×64
        for block in self.middle:
            x = block(x, feature)
        for block in self.up:
            x = block(functional.interpolate(x, scale_factor=2), feature)  # B×256×128², B×64×256²
        x = self.to_image(activate(x))  # B×12×256×256
        return torch.sigmoid(self.shuffle(x))
