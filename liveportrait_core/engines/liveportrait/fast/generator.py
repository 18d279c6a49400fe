"""G in its fast form.

* A nearest up-sampled map has the mean and variance of the small one: norms are computed small.
* The label, up-sampled for a block, meets a 3×3 convolution: computed small (`sub_pixel`).
* The shortcut is linear: its convolution is composed with the modulation's shift.
* A bias before a norm is taken away again by it, and 1 + gamma is a bias. Every reader of a block's
  output but the last one's normalises it, so no convolution that adds to it needs its bias.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveportrait_core.engines.liveportrait.fast.batch_norm import (
    bias_of,
    in_precision_of,
    with_weights,
)
from liveportrait_core.engines.liveportrait.fast.sub_pixel import DoubledConv2d, QuadrupledConv2d
from liveportrait_core.engines.liveportrait.networks.spade_generator import (
    INSTANCE_NORM_EPSILON,
    Modulation,
    SpadeBlock,
    SpadeGenerator,
    activate,
)

START_BLOCKS = 3
"""Of the six middle blocks, those whose rounding costs the picture most (performance.md)."""
_SHARED = {1: lambda plain: plain, 2: DoubledConv2d, 4: QuadrupledConv2d}

Normalise = Callable[[Tensor], Tensor]
"""Instance norm: B×C×H×W → the same, each channel of each sample to mean 0, variance 1."""


def as_layer_norm(x: Tensor) -> Tensor:
    """Instance norm, as a layer norm over H and W.

    Exporters know it as one operation; torch's own instance norm they take apart.
    """
    return functional.layer_norm(x, x.shape[2:], eps=INSTANCE_NORM_EPSILON)


def in_any_layout(x: Tensor) -> Tensor:
    """Instance norm by two sums in float32 and one pass over x, whose order in memory stays.

    For GPUs, whose convolutions want channels last: torch's own norms go back to channels first.
    """
    every = (2, 3)
    mean = x.mean(every, keepdim=True, dtype=torch.float32)
    norm = torch.linalg.vector_norm(x, dim=every, keepdim=True, dtype=torch.float32)
    variance = norm.square() / (x.shape[2] * x.shape[3]) - mean.square()
    scale = torch.rsqrt(variance.clamp(min=0) + INSTANCE_NORM_EPSILON)
    return torch.addcmul(-mean * scale, x, scale, out=torch.empty_like(x))


class FastModulation(nn.Module):
    """A modulation of a map `factor` times the label's size."""

    def __init__(self, plain: Modulation, factor: int) -> None:
        super().__init__()
        self.shared = _SHARED[factor](plain.shared)
        gamma = plain.gamma
        self.gamma = with_weights(gamma, gamma.weight, bias_of(gamma) + 1)
        self.beta = plain.beta

    def forward(self, normalised: Tensor, label: Tensor) -> Tensor:
        """B×C×H×W and the label as it is → B×C×H×W."""
        hidden = in_precision_of(self.gamma, functional.relu(self.shared(label)))
        return torch.addcmul(self.beta(hidden), normalised, self.gamma(hidden))


class FastShortcut(nn.Module):
    """The shortcut's convolution and the modulation before it."""

    def __init__(
        self, modulation: Modulation, plain: nn.Conv2d, factor: int, *, bias: bool
    ) -> None:
        super().__init__()
        scaled = FastModulation(modulation, factor)
        self.shared, self.gamma, self.shortcut = scaled.shared, scaled.gamma, plain
        beta, narrow = modulation.beta, plain.weight[:, :, 0, 0].double()
        self.beta = with_weights(
            beta,
            torch.einsum("oc,chtu->ohtu", narrow, beta.weight.double()),
            narrow @ bias_of(beta).double() if bias else None,
        )

    def forward(self, normalised: Tensor, label: Tensor) -> Tensor:
        """B×in×H×W and the label as it is → B×out×H×W."""
        hidden = in_precision_of(self.gamma, functional.relu(self.shared(label)))
        return self.shortcut(normalised * self.gamma(hidden)) + self.beta(hidden)


class FastSpadeBlock(nn.Module):
    """A block whose input is up-sampled by 2, or not, and is `factor` times the label's size then.

    Raises:
        ValueError: it up-samples and keeps the width: the plain generator has no such block.
    """

    def __init__(
        self,
        plain: SpadeBlock,
        factor: int,
        normalise: Normalise,
        *,
        doubles: bool,
        is_last: bool = False,
    ) -> None:
        super().__init__()
        if doubles and plain.shortcut is None:
            raise ValueError("a block that up-samples has to change the width")
        self.doubles = doubles
        self.normalise = normalise
        self.modulate_0 = FastModulation(plain.modulate_0, factor)
        self.conv_0 = _without_bias(plain.conv_0)
        self.modulate_1 = FastModulation(plain.modulate_1, factor)
        self.conv_1 = plain.conv_1 if is_last else _without_bias(plain.conv_1)
        self.shortcut: FastShortcut | None = None
        if plain.shortcut is not None:
            self.shortcut = FastShortcut(
                plain.modulate_shortcut, plain.shortcut, factor, bias=is_last
            )

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """B×in×H×W and the label → B×out×H×W, or ×2H×2W."""
        normalised = self.normalise(x)
        if self.doubles:
            normalised = functional.interpolate(normalised, scale_factor=2)
        y = self.conv_0(activate(self.modulate_0(normalised, label)))
        y = self.conv_1(activate(self.modulate_1(self.normalise(y), label)))
        if self.shortcut is not None:
            x = self.shortcut(normalised, label)
        return x + y


class GeneratorStart(nn.Module):
    """G's stem and its first blocks."""

    def __init__(self, plain: SpadeGenerator, normalise: Normalise = as_layer_norm) -> None:
        super().__init__()
        self.stem = _without_bias(plain.stem)
        self.middle = _middle_blocks(plain.middle[:START_BLOCKS], normalise)

    def forward(self, feature: Tensor) -> Tensor:
        """B×256×64×64 → B×512×64×64."""
        x: Tensor = self.stem(feature)
        for block in self.middle:
            x = block(x, feature)
        return x


class GeneratorEnd(nn.Module):
    """G's other blocks, to the picture."""

    def __init__(self, plain: SpadeGenerator, normalise: Normalise = as_layer_norm) -> None:
        super().__init__()
        self.middle = _middle_blocks(plain.middle[START_BLOCKS:], normalise)
        self.up = nn.ModuleList(
            FastSpadeBlock(block, 2**level, normalise, doubles=True, is_last=level == len(plain.up))
            for level, block in enumerate(plain.up, 1)
            if isinstance(block, SpadeBlock)
        )
        self.to_image, self.shuffle = plain.to_image, plain.shuffle

    def forward(self, x: Tensor, feature: Tensor) -> Tensor:
        """B×512×64×64, B×256×64×64 → B×3×512×512 in (0, 1)."""
        for block in (*self.middle, *self.up):
            x = block(x, feature)
        return torch.sigmoid(self.shuffle(self.to_image(activate(x))))


def _middle_blocks(plain: Iterable[nn.Module], normalise: Normalise) -> nn.ModuleList:
    return nn.ModuleList(
        FastSpadeBlock(block, 1, normalise, doubles=False)
        for block in plain
        if isinstance(block, SpadeBlock)
    )


def _without_bias(convolution: nn.Conv2d) -> nn.Conv2d:
    return with_weights(convolution, convolution.weight, None)
