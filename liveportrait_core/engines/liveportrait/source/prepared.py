"""A portrait, measured and ready to be animated as often as wanted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.model import AppearanceFeature
from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.source.paste_back import BoxPasteBack, PasteBack
from liveportrait_core.report import Box, RenderWarning


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedSource:
    """A portrait ready to be animated."""

    feature: AppearanceFeature
    source: MeasuredMotion  # one frame
    paste_back: PasteBack
    box_paste_back: BoxPasteBack | None  # on a GPU; None: frames are blended where they are used
    warnings: tuple[RenderWarning, ...]

    @property
    def box(self) -> Box:
        """Outside it every pasted frame equals the portrait."""
        return self.paste_back.box

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Of the box, what the crop covers."""
        return np.asarray(self.paste_back.mask[..., 0] > 0)
