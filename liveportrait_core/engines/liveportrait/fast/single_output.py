"""A large convolution with one output channel as a matrix product.

For the 7×7 convolution from 2272 channels to the occlusion: one product gives what every tap takes
from every pixel, and a convolution whose kernel is one tap a channel adds them up in place.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveportrait_core.engines.liveportrait.fast.batch_norm import with_weights


class SingleOutputConv2d(nn.Module):
    """A k×k convolution of padding k//2 from many channels to one."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        if plain.out_channels != 1:
            raise ValueError(f"the convolution has {plain.out_channels} outputs; accepted: 1")
        _, _, height, width = plain.weight.shape
        taps = height * width
        by_tap = plain.weight[0].permute(1, 2, 0).reshape(taps, -1, 1, 1)
        with torch.device("meta"):
            self.by_tap = with_weights(nn.Conv2d(1, 1, 1), by_tap, None)
        gather = torch.eye(taps, device=by_tap.device).reshape(1, taps, height, width)
        self.gather = nn.Parameter(gather, requires_grad=False)
        self.bias = plain.bias
        self.padding = (height // 2, width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×1×H×W."""
        taken = self.by_tap(x).to(self.gather.dtype)  # B×taps×H×W
        return functional.conv2d(taken, self.gather, self.bias, padding=self.padding)
