"""3×3 convolutions over nearest up-sampling, computed on the small picture.

Up-sampling repeats pixels, so most of the nine taps of an output pixel meet the same small pixel:
the taps of one pixel are added up beforehand. Per axis an output row is either next to a border
between two small rows, where it sees both (two taps), or inside one, where it sees that one alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveportrait_core.engines.liveportrait.fast.batch_norm import bias_of, with_weights

# Of three taps along an axis, which fall on the small pixel before a border and after it, for the
# output just before the border and for the one just after it.
_AT_BORDER = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
_INSIDE = torch.ones(1, 1, 3)  # one output, one small pixel, all three taps


class DoubledConv2d(nn.Module):
    """Nearest up-sampling by 2, then a 3×3 convolution of padding 1, as one 2×2 convolution."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.at_corners = _phases(plain, _AT_BORDER, _AT_BORDER)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×out×2H×2W."""
        return functional.pixel_shuffle(self.at_corners(x), 2)[:, :, 1:-1, 1:-1]


class QuadrupledConv2d(nn.Module):
    """Nearest up-sampling by 4, then a 3×3 convolution of padding 1, as four small ones."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.at_corners = _phases(plain, _AT_BORDER, _AT_BORDER)
        self.at_rows = _phases(plain, _AT_BORDER, _INSIDE)  # borders between rows
        self.at_columns = _phases(plain, _INSIDE, _AT_BORDER)
        self.inside = _phases(plain, _INSIDE, _INSIDE)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×H×W → B×out×4H×4W."""
        corners = functional.pixel_shuffle(self.at_corners(x), 2)[:, :, 1:-1, 1:-1]
        rows = _unflattened(self.at_rows(x)).transpose(2, 3).flatten(2, 3)[:, :, 1:-1]
        columns = _unflattened(self.at_columns(x)).permute(0, 1, 3, 4, 2)
        columns = columns.flatten(3, 4)[..., 1:-1]
        at_row_borders = _between(corners, rows, dim=3)  # B×out×2H×4W
        inside_rows = _between(columns, self.inside(x), dim=3)  # B×out×H×4W
        return _between(at_row_borders, inside_rows, dim=2)


class DoubledConv3d(nn.Module):
    """Nearest up-sampling of H and W by 2, then a 3×3×3 convolution of padding 1."""

    def __init__(self, plain: nn.Conv3d) -> None:
        super().__init__()
        self.at_corners = _phases(plain, _AT_BORDER, _AT_BORDER)

    def forward(self, x: Tensor) -> Tensor:
        """B×in×D×H×W → B×out×D×2H×2W."""
        y = self.at_corners(x)
        y = y.reshape(y.shape[0], -1, 2, 2, *y.shape[2:])  # B×out×2×2×D×(H+1)×(W+1)
        y = y.permute(0, 1, 4, 5, 2, 6, 3).flatten(5, 6).flatten(3, 4)
        return y[..., 1:-1, 1:-1]


def _unflattened(x: Tensor) -> Tensor:
    """B×(2·out)×H×W → B×out×2×H×W."""
    return x.reshape(x.shape[0], -1, 2, *x.shape[2:])


def _between(borders: Tensor, inside: Tensor, *, dim: int) -> Tensor:
    """Of each small pixel along `dim` first and last come from `borders`, the two between repeat.

    Sizes along `dim`: 2n and n → 4n.
    """
    pairs = (*borders.shape[:dim], -1, 2, *borders.shape[dim + 1 :])
    first, last = torch.split(borders.reshape(pairs), 1, dim=dim + 1)
    middle = inside.unsqueeze(dim + 1)
    return torch.cat([first, middle, middle, last], dim=dim + 1).flatten(dim, dim + 1)


def _phases(plain: nn.Conv2d | nn.Conv3d, rows: Tensor, columns: Tensor) -> nn.Conv2d | nn.Conv3d:
    """Return a convolution for outputs × small pixels × taps along rows and columns.

    Its channels are (channel, output along rows, output along columns).
    """
    exact = plain.weight.double()
    weight = torch.einsum(
        "pat,qbu,oi...tu->opqi...ab", rows.to(exact), columns.to(exact), exact
    ).flatten(0, 2)
    padding = (rows.shape[1] - 1, columns.shape[1] - 1)
    bias = bias_of(plain).repeat_interleave(rows.shape[0] * columns.shape[0])
    with torch.device("meta"):
        if isinstance(plain, nn.Conv3d):
            return with_weights(nn.Conv3d(1, 1, 1, padding=(1, *padding)), weight, bias)
        return with_weights(nn.Conv2d(1, 1, 1, padding=padding), weight, bias)
