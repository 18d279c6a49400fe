"""What comes after W's second sampling, in two parts: flatten, project, and G."""

from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.fast.generator import (
    GeneratorEnd,
    GeneratorStart,
    Normalise,
    as_layer_norm,
)
from liveportrait_core.engines.liveportrait.fast.warping import Flatten
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks


class DecodeStart(nn.Module):
    """From the moved volume to G's first blocks."""

    def __init__(self, networks: Networks, normalise: Normalise = as_layer_norm) -> None:
        super().__init__()
        self.flatten = Flatten(networks.warping_module)
        self.generator = GeneratorStart(networks.spade_generator, normalise)

    def forward(self, moved: Tensor, occlusion: Tensor) -> tuple[Tensor, Tensor]:
        """B×32×16×64×64, B×1×64×64 → B×512×64×64 and G's feature, B×256×64×64."""
        feature = self.flatten(moved, occlusion)
        return self.generator(feature), feature


class Decode(nn.Module):
    """From the moved volume to the picture."""

    def __init__(self, networks: Networks, normalise: Normalise = as_layer_norm) -> None:
        super().__init__()
        self.start = DecodeStart(networks, normalise)
        self.end = GeneratorEnd(networks.spade_generator, normalise)

    def forward(self, moved: Tensor, occlusion: Tensor) -> Tensor:
        """B×32×16×64×64, B×1×64×64 → B×3×512×512 in (0, 1)."""
        image: Tensor = self.end(*self.start(moved, occlusion))
        return image
