"""ConvNeXt V2, the backbone of the motion extractor (liveportrait.md, N2). Knows no heads."""

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
"""In every normalisation of this backbone; torch's LayerNorm default would be 1e-5."""


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """B×C×H×W → the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GlobalResponseNorm(nn.Module):
    """Weighs each channel by its energy over the picture, relative to the other channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.eps = EPSILON
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        """B×H×W×C → the same shape."""
        energy = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)  # B×1×1×C
        relative = energy / (energy.mean(dim=-1, keepdim=True) + self.eps)
        return self.gamma * (x * relative) + self.beta + x


class ConvNeXtBlock(nn.Module):
    """Depth-wise 7×7, then a channel MLP with global response norm, plus the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPSILON)
        self.expand = nn.Linear(channels, 4 * channels)
        self.response_norm = GlobalResponseNorm(4 * channels)
        self.project = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B×C×H×W → the same shape."""
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))  # B×H×W×C
        y = self.response_norm(functional.gelu(self.expand(y)))  # B×H×W×4C; the exact GELU
        return x + self.project(y).permute(0, 3, 1, 2)


class Reduction(nn.Module):
    """Channel layer norm, then a 2×2 convolution of stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = ChannelLayerNorm(in_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×out×H/2×W/2."""
        return self.conv(self.norm(x))


class Stem(nn.Module):
    """A 4×4 convolution of stride 4, then channel layer norm: the other order than `Reduction`."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 4, stride=4)
        self.norm = ChannelLayerNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×out×H/4×W/4."""
        return self.norm(self.conv(x))


class ConvNeXtV2(nn.Module):
    """The backbone: picture → one feature vector. Defaults: the tiny size."""

    def __init__(
        self,
        *,
        image_channels: int = 3,
        depths: tuple[int, ...] = (3, 3, 9, 3),
        dims: tuple[int, ...] = (96, 192, 384, 768),
    ) -> None:
        super().__init__()
        self.downsample = nn.ModuleList(
            [
                Stem(image_channels, dims[0]),
                *(Reduction(dims[i], dims[i + 1]) for i in range(len(dims) - 1)),
            ]
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNeXtBlock(dim) for _ in range(depth)))
            for depth, dim in zip(depths, dims, strict=True)
        )
        self.norm = nn.LayerNorm(dims[-1], eps=EPSILON)

    def forward(self, image: Tensor) -> Tensor:
        """B×3×256×256 in [0, 1] → B×768."""
        x = image
        for downsample, stage in zip(self.downsample, self.stages, strict=True):
            x = stage(downsample(x))  # B×96×64×64, B×192×32×32, B×384×16×16, B×768×8×8
        return self.norm(x.mean(dim=(2, 3)))
