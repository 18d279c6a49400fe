"""M: key points, head pose and expression of one face (liveportrait.md, N2).

Returns the heads as they come; what they mean in degrees and in the key-point cube is the business
of `liveportrait_core.engines.liveportrait.motion.pose`.
"""

from typing import NamedTuple

from torch import Tensor, nn

from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.engines.liveportrait.networks.convnextv2 import ConvNeXtV2


class MotionHeads(NamedTuple):
    """M's raw output."""

    canonical_keypoints: Tensor  # B×21×3
    pitch: Tensor  # B×66 logits of the angle's bins; likewise yaw and roll
    yaw: Tensor
    roll: Tensor
    expression: Tensor  # B×21×3
    scale: Tensor  # B×1
    translation: Tensor  # B×3


class MotionExtractor(nn.Module):
    """M: RGB picture → `MotionHeads`."""

    def __init__(
        self,
        *,
        num_keypoints: int = KEYPOINT_COUNT,
        num_bins: int = 66,
        depths: tuple[int, ...] = (3, 3, 9, 3),
        dims: tuple[int, ...] = (96, 192, 384, 768),
    ) -> None:
        super().__init__()
        features = dims[-1]
        self.keypoint_shape = (num_keypoints, 3)
        self.backbone = ConvNeXtV2(depths=depths, dims=dims)
        self.canonical_keypoints = nn.Linear(features, 3 * num_keypoints)
        self.pitch = nn.Linear(features, num_bins)
        self.yaw = nn.Linear(features, num_bins)
        self.roll = nn.Linear(features, num_bins)
        self.expression = nn.Linear(features, 3 * num_keypoints)
        self.scale = nn.Linear(features, 1)
        self.translation = nn.Linear(features, 3)

    def forward(self, image: Tensor) -> MotionHeads:
        """B×3×256×256 in [0, 1] → the heads."""
        features = self.backbone(image)  # B×768
        return MotionHeads(
            canonical_keypoints=self.canonical_keypoints(features).unflatten(
                1, self.keypoint_shape
            ),
            pitch=self.pitch(features),
            yaw=self.yaw(features),
            roll=self.roll(features),
            expression=self.expression(features).unflatten(1, self.keypoint_shape),
            scale=self.scale(features),
            translation=self.translation(features),
        )
