"""What comes after W's second sampling, as one module: flatten, project, and G."""

from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.fast.generator import (
    FastGenerator,
    Normalise,
    as_layer_norm,
)
from liveportrait_core.engines.liveportrait.fast.warping import Flatten
from liveportrait_core.engines.liveportrait.networks.all_networks import Networks


class Decode(nn.Module):
    """From the moved volume to the picture."""

    def __init__(self, networks: Networks, normalise: Normalise = as_layer_norm) -> None:
        super().__init__()
        self.flatten = Flatten(networks.warping_module)
        self.generator = FastGenerator(networks.spade_generator, normalise)

    def forward(self, moved: Tensor, occlusion: Tensor) -> Tensor:
        """B×32×16×64×64, B×1×64×64 → B×3×512×512 in (0, 1)."""
        image: Tensor = self.generator(self.flatten(moved, occlusion))
        return image
