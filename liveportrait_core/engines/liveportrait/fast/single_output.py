"""A large convolution with one output channel as a matrix product.

For the 7×7 convolution from 2272 channels to the occlusion: one product gives what every tap takes
from every pixel, and a convolution whose kernel is one tap a channel adds them up in place.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class SingleOutputConv2d(nn.Module):
    """A k×k convolution of padding k//2 from many channels to one."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        if plain.out_channels != 1:
            raise ValueError(f"the convolution has {plain.out_channels} outputs; accepted: 1")
        _, _, height, width = plain.weight.shape
        taps = height * width
        by_tap = plain.weight[0].permute(1, 2, 0).reshape(taps, -1, 1, 1)
        self.by_tap = nn.Parameter(by_tap.contiguous(), requires_grad=False)
        gather = torch.eye(taps).reshape(1, taps, height, width)
        self.gather = nn.Parameter(gather, requires_grad=False)
        self.bias = plain.bias
        self.padding = (height // 2, width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×1×H×W."""
        taken = functional.conv2d(x, self.by_tap)  # B×taps×H×W
        return functional.conv2d(taken, self.gather, self.bias, padding=self.padding)
