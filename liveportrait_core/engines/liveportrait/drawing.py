"""Key points become crops, drawn in batches.

While the device warps and decodes one batch, the caller has the frames of the one before. Knows
neither portrait nor paste-back.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from liveportrait_core.engines.liveportrait.model import AppearanceFeature, Model
from liveportrait_core.engines.liveportrait.motion.keypoints import DrivenKeypoints
from liveportrait_core.engines.liveportrait.motion.pose import Floats
from liveportrait_core.prefetch import prefetch
from liveportrait_core.report import Frame

BATCHES_AHEAD = 2

Paste = Callable[[Tensor], Tensor]
"""Done with a batch of crops on the device: B×512×512×3 uint8 → B×h×w×3 uint8."""


def drawn_crops(
    model: Model, feature: AppearanceFeature, driven: DrivenKeypoints, paste: Paste | None = None
) -> Iterator[Frame]:
    """Yield the animated crop of every frame, 512×512×3, or what `paste` makes of it."""

    def draw(final: Floats) -> NDArray[np.uint8]:
        if paste is None:
            return model.animate(feature, driven.source, final)
        return model.animate_pasted(feature, driven.source, final, paste)

    batches = _batches(driven.final, model.choice.frame_batch, draw)
    for pictures in prefetch(batches, ahead=BATCHES_AHEAD):
        yield from pictures


def _batches(
    final: Floats, size: int, draw: Callable[[Floats], NDArray[np.uint8]]
) -> Iterator[NDArray[np.uint8]]:
    if (final == final[0]).all():
        # A still clip is still to the last bit, whatever a batch's size does to rounding.
        picture = draw(final[:1])
        yield from (picture for _ in final)
        return
    for start in range(0, len(final), size):
        yield draw(final[start : start + size])
