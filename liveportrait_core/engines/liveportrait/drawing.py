"""Key points become crops: a loop closed where one is wanted, then drawn in batches.

While the device warps and decodes one batch, the caller has the frames of the one before. Knows
neither portrait nor paste-back.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.config import EASE_S
from liveportrait_core.engines.liveportrait.model import AppearanceFeature, Model
from liveportrait_core.engines.liveportrait.motion.keypoints import DrivenKeypoints
from liveportrait_core.engines.loop import close_loop, ease_frames
from liveportrait_core.prefetch import prefetch
from liveportrait_core.report import Frame

BATCHES_AHEAD = 2
_CUDA_BATCH = 8


def frame_batch(model: Model) -> int:
    """Return how many frames are warped and decoded at once."""
    return _CUDA_BATCH if model.choice.device.type == "cuda" else 1


def looped(driven: DrivenKeypoints, fps: Fraction) -> DrivenKeypoints:
    """Lead the final key points back to those of frame 0; a single frame stays as it is."""
    count = len(driven.final)
    if count == 1:
        return driven
    ease = ease_frames(count, float(fps), seconds=EASE_S)
    closed = close_loop(driven.final.astype(np.float64), ease)
    return replace(driven, final=closed.astype(np.float32))


def drawn_crops(
    model: Model, feature: AppearanceFeature, driven: DrivenKeypoints
) -> Iterator[Frame]:
    """Yield the animated crop of every frame, 512×512×3."""
    for pictures in prefetch(_batches(model, feature, driven), ahead=BATCHES_AHEAD):
        yield from pictures


def _batches(
    model: Model, feature: AppearanceFeature, driven: DrivenKeypoints
) -> Iterator[NDArray[np.uint8]]:
    final = driven.final
    if (final == final[0]).all():
        # A still clip is still to the last bit, whatever a batch's size does to rounding.
        picture = model.animate(feature, driven.source, final[:1])
        yield from (picture for _ in final)
        return
    size = frame_batch(model)
    for start in range(0, len(final), size):
        yield model.animate(feature, driven.source, final[start : start + size])
