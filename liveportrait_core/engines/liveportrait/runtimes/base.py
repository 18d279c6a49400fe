"""The port of a runtime, which computes F, M, W and G for the model."""

from typing import Protocol

from torch import Tensor

from liveportrait_core.engines.liveportrait.networks.motion_extractor import MotionHeads
from liveportrait_core.engines.liveportrait.runtimes.device import Precision


class NetworkRuntime(Protocol):
    """Tensors lie on the model's device; the precision is that of the heavy arithmetic."""

    def extract_appearance(self, images: Tensor, precision: Precision) -> Tensor:
        """F: 1×3×256×256 in [0, 1] → 1×32×16×64×64 float32."""

    def extract_motion(self, images: Tensor, precision: Precision) -> MotionHeads:
        """M: B×3×256×256 in [0, 1] → the heads."""

    def compile_frames(self, precision: Precision) -> bool:
        """Make everything ready for frames without drawing one; False: only drawing one does."""

    def warp_decode(
        self, feature: Tensor, source: Tensor, driving: Tensor, precision: Precision
    ) -> Tensor:
        """W and G: the feature, 1×21×3 and B×21×3 key points → B×3×512×512 in (0, 1)."""
