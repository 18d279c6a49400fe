"""How an animal's key points follow a driving face: always absolute, then hung on the source.

Pure mathematics but for stitching, which is asked through a function (liveportrait.md, P10). Only
changes since the anchor frame count, but a rotation turns the animal's own key points directly, so
where the two faces look in that frame changes the direction in which points move.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial import QhullError

from liveportrait_core.engines.liveportrait.motion.keypoints import DrivenKeypoints
from liveportrait_core.engines.liveportrait.motion.pose import (
    Floats,
    Motion,
    hull_multiplier,
    transform_keypoints,
)
from liveportrait_core.errors import RenderError

Stitch = Callable[[Floats, Floats], Floats]
"""Source and driving key points, B×21×3 twice → driving ones that meet the picture around."""


def drive_animal(
    source: Motion,
    driving: Motion,
    *,
    multiplier: float,
    stitch: Stitch | None,
    anchor: int = 0,
) -> DrivenKeypoints:
    """Animate an animal.

    Args:
        source: 1 frame, by the animals' motion extractor.
        driving: T frames, by the same; one frame is a driving picture.
        multiplier: of everything that changed, stitching included.
        stitch: None: the crop need not meet anything.
        anchor: the driving frame that the motion is measured from.
    """
    resting = transform_keypoints(source)
    absolute = absolute_keypoints(source, driving)
    composed = absolute
    if driving.frame_count > 1:
        composed = _hung(resting, absolute, anchor)
    still = np.broadcast_to(resting, composed.shape)
    stitched = composed if stitch is None else stitch(still, composed)
    final = still + (stitched - still) * np.float32(multiplier)
    return DrivenKeypoints(source=resting, composed=composed, stitched=stitched, final=final)


def absolute_keypoints(source: Motion, driving: Motion) -> Floats:
    """Return the animal with the driving face's pose, expression and place: T×21×3.

    Of a driving picture the place is the animal's own: there is no first frame to measure from.
    """
    moved = replace(
        driving,
        canonical_keypoints=np.repeat(source.canonical_keypoints, driving.frame_count, axis=0),
        scale=np.repeat(source.scale, driving.frame_count, axis=0),
        translation=driving.translation if driving.frame_count > 1 else source.translation,
    )
    return transform_keypoints(moved)


def hull_ratio(resting: Floats, anchor: Floats) -> float:
    """Return how much larger the animal is than it is in the anchor frame, 21×3 each.

    Raises:
        RenderError: one of them is flat.
    """
    try:
        return hull_multiplier(resting, anchor)
    except QhullError as error:
        raise RenderError(f"the key points of the animal span no volume: {error}") from error


def _hung(resting: Floats, absolute: Floats, anchor: int) -> Floats:
    ratio = np.float32(hull_ratio(resting[0], absolute[anchor]))
    return resting + (absolute - absolute[anchor]) * ratio
