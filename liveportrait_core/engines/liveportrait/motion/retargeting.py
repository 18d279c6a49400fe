"""Inputs and outputs of the networks that stitch and retarget. Pure mathematics on numpy arrays.

The networks are in `networks.stitching_retargeting`; openings are measured in `face.openings`.
"""

import numpy as np

from liveportrait_core.engines.liveportrait.motion.pose import Floats


def eye_ratios_with_driving(
    source_ratios: Floats, driving_ratios: Floats, share: float = 1.0
) -> Floats:
    """Return the input of eye retargeting towards a driving face: B×2 twice → B×3.

    Both eyes follow the driving face's left eye, `share` of the way from the mean of their own.
    """
    own = np.mean(source_ratios, axis=1, keepdims=True)
    return with_target(source_ratios, _between(own, driving_ratios[:, :1], share))


def lip_ratios_with_driving(
    source_ratios: Floats, driving_ratios: Floats, share: float = 1.0
) -> Floats:
    """Return the input of lip retargeting towards a driving face: B×1 twice → B×2."""
    return with_target(source_ratios, _between(source_ratios, driving_ratios, share))


def _between(own: Floats, wanted: Floats, share: float) -> Floats:
    return own * np.float32(1 - share) + wanted * np.float32(share)


def with_target(source_ratios: Floats, target: Floats) -> Floats:
    """Append the wanted ratio to the source's: B×(2 eyes or 1 lip), B×1 → B×(3 or 2)."""
    return np.concatenate([source_ratios, target], axis=1)


def retargeting_input(source_keypoints: Floats, ratios: Floats) -> Floats:
    """Return an R network's input: B×21×3 and ratios with target → B×(63 + ratios)."""
    return np.concatenate([source_keypoints.reshape(len(source_keypoints), -1), ratios], axis=1)


def stitching_input(source_keypoints: Floats, driving_keypoints: Floats) -> Floats:
    """Return S's input: two sets of key points, B×21×3 → B×126."""
    count = len(driving_keypoints)
    both = np.concatenate([source_keypoints, driving_keypoints], axis=1)
    return both.reshape(count, -1)


def apply_stitching(driving_keypoints: Floats, offsets: Floats) -> Floats:
    """Move each key point by its own offset, and all by a common one in x and y.

    Args:
        driving_keypoints: B×K×3.
        offsets: B×(3K + 2), what S answers.
    """
    own, common = offsets[:, :-2], offsets[:, None, -2:]
    stitched = driving_keypoints + own.reshape(driving_keypoints.shape)
    stitched[:, :, :2] += common
    return stitched
