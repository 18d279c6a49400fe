"""W, cut at its two samplings, in its fast form.

`MotionField` is what lies between them, in two parts, `Flatten` what comes after the second. The
samplings stay with the runtime: not every one has them.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveportrait_core.engines.liveportrait.fast.batch_norm import (
    bias_of,
    fold_batch_norm,
    in_precision_of,
    with_weights,
)
from liveportrait_core.engines.liveportrait.fast.depth_taps import FoldedDepthConv3d
from liveportrait_core.engines.liveportrait.fast.hints import (
    AxisHints,
    hint_channels,
    plain_order,
)
from liveportrait_core.engines.liveportrait.fast.single_output import SingleOutputConv2d
from liveportrait_core.engines.liveportrait.fast.sub_pixel import DoubledConv3d
from liveportrait_core.engines.liveportrait.networks.blocks import ConvBlock3d, Hourglass3d
from liveportrait_core.engines.liveportrait.networks.dense_motion import DenseMotionNetwork
from liveportrait_core.engines.liveportrait.networks.grid import VolumeSize, identity_grid
from liveportrait_core.engines.liveportrait.networks.warping import WarpingModule

_LANES = 16  # channels that a processor's kernels compute together


class Compress(nn.Module):
    """The part of the hints that depends on the portrait alone."""

    def __init__(self, plain: DenseMotionNetwork) -> None:
        super().__init__()
        self.convolution = fold_batch_norm(plain.compress, plain.norm)

    def forward(self, feature: Tensor) -> Tensor:
        """B×32×16×64×64 → B×4×16×64×64."""
        return torch.relu(self.convolution(feature))


class MotionContext(nn.Module):
    """From hints to what is known of each cell, and how much of it is visible."""

    def __init__(self, plain: DenseMotionNetwork, size: VolumeSize) -> None:
        super().__init__()
        motions = plain.mask.out_channels
        hourglass = plain.hourglass
        order = plain_order(motions, plain.compress.out_channels)
        self.padding = -len(order) % _LANES
        self.hourglass = FastHourglass(hourglass, order, self.padding)
        self.channels = self.hourglass.out_channels
        self.occlusion = SingleOutputConv2d(_depth_first(plain.occlusion, size[0], self.channels))

    def forward(self, compressed: Tensor, *axes: Tensor) -> tuple[Tensor, Tensor]:
        """Compute context and occlusion.

        Args:
            compressed: B×4×16×64×64.
            axes: the fields of `AxisHints`.

        Returns:
            B×16×144×64×64, depth first, and B×1×64×64 in (0, 1).
        """
        hints = hint_channels(compressed, AxisHints(*axes))
        hints = functional.pad(hints, (0, 0, 0, 0, 0, 0, 0, self.padding))
        hints = in_precision_of(self.hourglass.last, hints)
        context = self.hourglass(hints).transpose(1, 2)  # B×16×144×64×64
        return context, torch.sigmoid(self.occlusion(context.flatten(1, 2)))


class Deformation(nn.Module):
    """From what is known of each cell to where it comes from."""

    def __init__(self, plain: DenseMotionNetwork, size: VolumeSize, inputs: int) -> None:
        super().__init__()
        self.mask = FoldedDepthConv3d(_with_inputs(plain.mask, inputs))
        # D×3×H×W: depth first, as the masks are.
        grid = identity_grid(size, plain.mask.weight.device).permute(0, 3, 1, 2)
        self.grid = nn.Parameter(grid.contiguous(), requires_grad=False)

    def forward(self, context: Tensor, shifts: Tensor) -> Tensor:
        """Compute the coordinates (x, y, z) to sample at.

        Args:
            context: B×16×144×64×64, depth first.
            shifts: B×21×3, source key points less driving ones.

        Returns:
            B×16×64×64×3.
        """
        mask = torch.softmax(self.mask(context), dim=2)  # B×16×22×64×64
        # The mask sums to 1, so the identity leaves the sum and no motion adds nothing to it.
        moves = shifts.transpose(1, 2).unsqueeze(1) @ mask[:, :, 1:].flatten(3)  # B×16×3×(H·W)
        deformation = self.grid + moves.reshape(-1, *self.grid.shape)
        return deformation.permute(0, 1, 3, 4, 2)


class MotionField(nn.Module):
    """From hints to where each cell comes from, and how much of it is visible."""

    def __init__(self, plain: DenseMotionNetwork, size: VolumeSize) -> None:
        super().__init__()
        self.context = MotionContext(plain, size)
        self.deformation = Deformation(plain, size, self.context.channels)

    def forward(self, compressed: Tensor, shifts: Tensor, *axes: Tensor) -> tuple[Tensor, Tensor]:
        """As its two parts, one after the other: deformation and occlusion."""
        context, occlusion = self.context(compressed, *axes)
        return self.deformation(context, shifts), occlusion


class FastHourglass(nn.Module):
    """The hourglass with its norms folded, its up-sampling computed small, its channels padded."""

    def __init__(self, plain: Hourglass3d, order: list[int], padding: int) -> None:
        super().__init__()
        downs = _folded(plain.down_blocks)
        first = downs[0]
        downs[0] = with_weights(first, _reordered(first.weight, order, padding), first.bias)
        self.downs = nn.ModuleList(downs)
        self.ups = nn.ModuleList(DoubledConv3d(up) for up in _folded(plain.up_blocks))
        (last,) = _folded([plain.last])
        own = last.in_channels - len(order)  # the last up block's, before the skipped hints
        weight = torch.cat(
            [last.weight[:, :own], _reordered(last.weight[:, own:], order, padding)], dim=1
        )
        outputs = -last.out_channels % _LANES
        weight = functional.pad(weight, (0, 0) * 4 + (0, outputs))
        self.last = with_weights(last, weight, functional.pad(bias_of(last), (0, outputs)))
        self.out_channels = self.last.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """B×112×D×H×W → B×144×D×H×W."""
        levels = [x]
        for down in self.downs:
            x = torch.relu(down(levels[-1]))
            # In float32: a CPU has no pooling of volumes in fp16.
            levels.append(functional.avg_pool3d(x.float(), (1, 2, 2)).to(x.dtype))
        y = levels.pop()
        for up in self.ups:
            y = torch.cat([torch.relu(up(y)), levels.pop()], dim=1)
        return torch.relu(self.last(y))


class Flatten(nn.Module):
    """From the moved volume to G's feature."""

    def __init__(self, plain: WarpingModule) -> None:
        super().__init__()
        self.flatten = fold_batch_norm(plain.flatten.conv, plain.flatten.norm)
        self.project = plain.project

    def forward(self, moved: Tensor, occlusion: Tensor) -> Tensor:
        """B×32×16×64×64, B×1×64×64 → B×256×64×64."""
        x = in_precision_of(self.flatten, moved.flatten(1, 2))
        x = self.project(functional.leaky_relu(self.flatten(x), 0.01))
        return x * occlusion.to(x.dtype)


def _folded(blocks: Iterable[nn.Module]) -> list[nn.Conv3d]:
    return [
        fold_batch_norm(block.conv, block.norm)
        for block in blocks
        if isinstance(block, ConvBlock3d)
    ]


def _reordered(weight: Tensor, order: list[int], padding: int) -> Tensor:
    """Return a 3-D convolution's weight for inputs in this order, and more that are zero."""
    ordered = weight.index_select(1, torch.tensor(order, device=weight.device))
    return functional.pad(ordered, (0, 0) * 3 + (0, padding))


def _with_inputs(plain: nn.Conv3d, inputs: int) -> nn.Conv3d:
    padding = inputs - plain.in_channels
    return with_weights(plain, functional.pad(plain.weight, (0, 0) * 3 + (0, padding)), plain.bias)


def _depth_first(plain: nn.Conv2d, depth: int, inputs: int) -> nn.Conv2d:
    """Return a convolution over depth·channels where the plain one has channels·depth."""
    weight = plain.weight.reshape(1, -1, depth, *plain.weight.shape[2:]).transpose(
        1, 2
    )  # 1×D×C×7×7
    weight = functional.pad(weight, (0, 0, 0, 0, 0, inputs - weight.shape[2]))
    return with_weights(plain, weight.flatten(1, 2), plain.bias)
