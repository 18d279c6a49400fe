"""The 7×7×7 mask convolution with its depth taps folded into output channels.

22 output channels fill a part of what a convolution kernel computes at once. One 2-D convolution
over the slices with 7 × 22 channels, and a sum of its shifted slices after it, fills it whole.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class FoldedDepthConv3d(nn.Module):
    """A k×k×k convolution of padding k//2 as one 2-D convolution over the slices."""

    def __init__(self, plain: nn.Conv3d) -> None:
        super().__init__()
        outputs, inputs, self.taps, height, width = plain.weight.shape
        weight = plain.weight.permute(2, 0, 1, 3, 4).flatten(0, 1)
        with torch.device("meta"):
            self.slices = nn.Conv2d(
                inputs, self.taps * outputs, (height, width), padding=self.taps // 2, bias=False
            )
        self.slices.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
        self.bias = plain.bias
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        """B×D×in×H×W, depth before channels → B×D×out×H×W."""
        depth, around = x.shape[1], self.taps // 2
        y = self.slices(x.flatten(0, 1)).float().unflatten(0, (-1, depth))  # B×D×(taps·out)×H×W
        y = functional.pad(y, (0, 0, 0, 0, 0, 0, around, around))
        total = self._tap(y, 0, depth)
        for tap in range(1, self.taps):
            total = total + self._tap(y, tap, depth)
        return total if self.bias is None else total + self.bias[:, None, None]

    def _tap(self, y: Tensor, tap: int, depth: int) -> Tensor:
        channels = slice(tap * self.outputs, (tap + 1) * self.outputs)
        return y[:, tap : tap + depth, channels]
