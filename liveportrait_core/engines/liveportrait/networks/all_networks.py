"""LivePortrait's seven networks together."""

from dataclasses import dataclass

import torch
from torch import nn

from liveportrait_core.engines.liveportrait.networks.appearance_feature_extractor import (
    AppearanceFeatureExtractor,
)
from liveportrait_core.engines.liveportrait.networks.motion_extractor import MotionExtractor
from liveportrait_core.engines.liveportrait.networks.spade_generator import SpadeGenerator
from liveportrait_core.engines.liveportrait.networks.stitching_retargeting import (
    EYE_WIDTHS,
    LIP_WIDTHS,
    STITCHING_WIDTHS,
    KeypointPerceptron,
)
from liveportrait_core.engines.liveportrait.networks.warping import WarpingModule


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The seven networks, in `eval()` mode."""

    appearance_feature_extractor: AppearanceFeatureExtractor
    motion_extractor: MotionExtractor
    warping_module: WarpingModule
    spade_generator: SpadeGenerator
    stitching: KeypointPerceptron
    lip_retargeting: KeypointPerceptron
    eye_retargeting: KeypointPerceptron

    @property
    def large(self) -> tuple[nn.Module, ...]:
        """F, M, W and G; the others take microseconds on a CPU."""
        return (
            self.appearance_feature_extractor,
            self.motion_extractor,
            self.warping_module,
            self.spade_generator,
        )


def empty_networks() -> Networks:
    """Return the networks without weights, on torch's meta device."""
    with torch.device("meta"):
        return Networks(
            appearance_feature_extractor=AppearanceFeatureExtractor(),
            motion_extractor=MotionExtractor(),
            warping_module=WarpingModule(),
            spade_generator=SpadeGenerator(),
            stitching=KeypointPerceptron(STITCHING_WIDTHS),
            lip_retargeting=KeypointPerceptron(LIP_WIDTHS),
            eye_retargeting=KeypointPerceptron(EYE_WIDTHS),
        )
