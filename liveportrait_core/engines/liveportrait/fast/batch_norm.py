"""Batch norms in `eval()` mode, folded into the convolution before them."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

Convolution = TypeVar("Convolution", nn.Conv2d, nn.Conv3d)


def fold_batch_norm(convolution: Convolution, norm: nn.BatchNorm2d | nn.BatchNorm3d) -> Convolution:
    """Return a convolution that gives what the two give one after the other."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    scale = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)
    by_channel = (-1,) + (1,) * (convolution.weight.dim() - 1)
    return with_weights(
        convolution,
        convolution.weight.double() * scale.reshape(by_channel),
        (bias_of(convolution).double() - mean.double()) * scale + norm.bias.double(),
    )


def bias_of(convolution: nn.Conv2d | nn.Conv3d) -> Tensor:
    """Return a convolution's bias; zeros where it has none."""
    if convolution.bias is None:
        return convolution.weight.new_zeros(convolution.out_channels)
    return convolution.bias


def with_weights(convolution: Convolution, weight: Tensor, bias: Tensor | None) -> Convolution:
    """Return a convolution of the same stride and padding with other weights, kept in float32."""
    changed = copy.copy(convolution)
    changed._parameters = {
        "weight": _frozen(weight),
        "bias": None if bias is None else _frozen(bias),
    }
    changed.out_channels, changed.in_channels = weight.shape[0], weight.shape[1]
    return changed


def in_precision_of(convolution: nn.Conv2d | nn.Conv3d, x: Tensor) -> Tensor:
    """Return what a convolution is given, as its weights are stored: type and order in memory."""
    weight = convolution.weight
    last = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
    if weight.is_contiguous(memory_format=last) and not weight.is_contiguous():
        return x.to(weight.dtype, memory_format=last)
    return x.to(weight.dtype)


def _frozen(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value.float().contiguous(), requires_grad=False)
