"""How a driving face's motion is added to a source's: relative or absolute, and in which regions.

Pure functions on frozen values, a whole clip at a time; knows no network and no landmark. What
happens to the key points afterwards is in `keypoints`. The tables behind this are in
liveportrait.md, "Animation".
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion, smooth
from liveportrait_core.engines.liveportrait.motion.settings import MotionMode
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.options import AnimationRegion

_X, _Y, _Z = 0, 1, 2
LIP_ROWS = (6, 12, 14, 17, 19, 20)
EYE_ROWS = (11, 13, 15, 16, 18)
_WHOLE_EXPRESSION_ROWS = (1, 2, 6, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
_SINGLE_COMPONENTS = ((3, _Y), (4, _Y), (5, _Z), (8, _Z), (9, _Y), (9, _Z))

# Expression of an average face with closed lips: what the expression of a single driving picture is
# measured against, as there is no first frame to compare it with.
_CLOSED_LIPS = (
    (-9.4524e-05, 0.00024222, -4.00974e-05),
    (0.000208596, 0.000468054, 1.27464e-05),
    (-0.000124602, 0.000324972, 4.425e-06),
    (0.000119652, -0.000456624, 5.40852e-05),
    (-0.000265254, -7.4598e-05, -1.5528e-05),
    (-3.34884e-05, -0.000183036, -3.49404e-06),
    (-4.75428e-07, -4.52466e-07, 1.59498e-06),
    (-0.000541296, 0.0026328, 7.2486e-06),
    (-1.1694e-05, 5.00502e-06, 9.9888e-06),
    (8.0286e-07, 5.19132e-06, -0.000409344),
    (0.000166878, -1.9815e-05, -8.8548e-05),
    (-1.51536e-05, 8.2506e-05, 5.94012e-06),
    (-2.61054e-07, 2.7591e-06, 2.21028e-06),
    (-6.6282e-05, -6.8286e-05, -3.45318e-06),
    (-0.00083262, -0.00179592, -2.59176e-06),
    (6.9714e-06, 3.65514e-05, -1.8978e-06),
    (-4.80876e-06, 7.1148e-06, -1.03236e-05),
    (-0.00063684, -0.0011661, 5.62314e-05),
    (0.00028329, -1.45656e-05, 1.09746e-05),
    (-4.16022e-06, -0.0150906, -0.0025494),
    (0.000222474, 0.00562788, 0.00272646),
)
CLOSED_LIPS_EXPRESSION: Floats = np.array(_CLOSED_LIPS, dtype=np.float64).astype(np.float32)


def drive_portrait(
    source: Motion,
    driving: Motion,
    *,
    region: AnimationRegion,
    mode: MotionMode,
    anchor: int = 0,
) -> Motion:
    """Animate a still picture.

    Args:
        source: 1 frame.
        driving: T frames; 1 frame is a driving picture.
        region: what may move.
        mode: how driving values are meant.
        anchor: the driving frame that relative motion is measured from.

    Returns:
        T frames, on the source's canonical key points.
    """
    count = driving.frame_count
    source = _stretched(source, count)
    if mode is MotionMode.ABSOLUTE:
        return _within(region, source, _replaced(source, driving), _absolute_mask(region))
    if count == 1:
        # Eyes are taken as they are: the average face says nothing about them.
        reference = 0 if region is AnimationRegion.EYES else CLOSED_LIPS_EXPRESSION
        wanted = _with_expression(source, source.expression + (driving.expression - reference))
    else:
        wanted = _changed(source, driving, _frame(driving, anchor))
    return _within(region, source, wanted, _relative_mask(region))


def drive_clip(
    source: Motion,
    driving: Motion,
    *,
    region: AnimationRegion,
    mode: MotionMode,
    observation_variance: float,
    anchor: int = 0,
) -> Motion:
    """Animate a clip that moves already.

    Args:
        source: S frames.
        driving: T frames; 1 frame is a driving picture, held for the whole source.
        region: what may move.
        mode: how driving values are meant.
        observation_variance: of the Kalman smoother; larger is smoother.
        anchor: the driving frame that relative motion is measured from.

    Returns:
        As many frames as the shorter of the two; all of the source's for a driving picture.
    """
    if driving.frame_count == 1:
        wanted = _driven_by_picture(source, driving, mode)
    else:
        rest = _frame(driving, anchor)
        count = min(source.frame_count, driving.frame_count)
        source, driving = source.first(count), driving.first(count)
        wanted = _smoothed(_followed(source, driving, rest, mode), observation_variance)
    return _within(region, source, wanted, _absolute_mask(region))


def _changed(source: Motion, driving: Motion, rest: Motion) -> Motion:
    """Apply the driving face's change since it was at rest to the source."""
    return Motion(
        canonical_keypoints=source.canonical_keypoints,
        rotation=_turned_along(source, driving, rest),
        expression=source.expression + (driving.expression - rest.expression),
        scale=source.scale * (driving.scale / rest.scale),
        translation=source.translation + (driving.translation - rest.translation),
    )


def _replaced(source: Motion, driving: Motion) -> Motion:
    """Return the driving values themselves, in the source's size."""
    return Motion(
        canonical_keypoints=source.canonical_keypoints,
        rotation=driving.rotation,
        expression=driving.expression,
        scale=source.scale,
        translation=driving.translation,
    )


def _followed(source: Motion, driving: Motion, rest: Motion, mode: MotionMode) -> Motion:
    """Combine with a moving source, which keeps its own place in relative mode."""
    if mode is MotionMode.ABSOLUTE:
        return _replaced(source, driving)
    return Motion(
        canonical_keypoints=source.canonical_keypoints,
        rotation=_turned_along(source, driving, rest),
        expression=source.expression + driving.expression - rest.expression,
        scale=source.scale,
        translation=source.translation,
    )


def _driven_by_picture(source: Motion, driving: Motion, mode: MotionMode) -> Motion:
    if mode is MotionMode.ABSOLUTE:
        return _replaced(source, _stretched(driving, source.frame_count))
    change = driving.expression - CLOSED_LIPS_EXPRESSION
    return _with_expression(source, source.expression + change)


def _turned_along(source: Motion, driving: Motion, rest: Motion) -> Floats:
    change: Floats = driving.rotation @ rest.rotation.transpose(0, 2, 1)
    return change @ source.rotation


def _smoothed(motion: Motion, observation_variance: float) -> Motion:
    return Motion(
        canonical_keypoints=motion.canonical_keypoints,
        rotation=smooth(motion.rotation, observation_variance),
        expression=smooth(motion.expression, observation_variance),
        scale=motion.scale,
        translation=motion.translation,
    )


def _within(
    region: AnimationRegion, source: Motion, wanted: Motion, mask: NDArray[np.bool_]
) -> Motion:
    """Return the wanted motion where the region allows it, the source's own elsewhere."""
    posed = wanted if region in (AnimationRegion.ALL, AnimationRegion.POSE) else source
    return Motion(
        canonical_keypoints=source.canonical_keypoints,
        rotation=posed.rotation,
        expression=np.where(mask, wanted.expression, source.expression),
        scale=wanted.scale if region is AnimationRegion.ALL else source.scale,
        translation=posed.translation,
    )


def _relative_mask(region: AnimationRegion) -> NDArray[np.bool_]:
    """Return the components of the expression that may change: 21×3."""
    if region in (AnimationRegion.ALL, AnimationRegion.EXP):
        return np.ones((KEYPOINT_COUNT, 3), dtype=np.bool_)
    return _absolute_mask(region)


def _absolute_mask(region: AnimationRegion) -> NDArray[np.bool_]:
    """Return the components that may be replaced: key points that carry identity or pose stay."""
    mask = np.zeros((KEYPOINT_COUNT, 3), dtype=np.bool_)
    if region is AnimationRegion.LIP:
        mask[list(LIP_ROWS)] = True
    elif region is AnimationRegion.EYES:
        mask[list(EYE_ROWS)] = True
    elif region is not AnimationRegion.POSE:
        mask[list(_WHOLE_EXPRESSION_ROWS)] = True
        for row, component in _SINGLE_COMPONENTS:
            mask[row, component] = True
    return mask


def _with_expression(motion: Motion, expression: Floats) -> Motion:
    return replace(motion, expression=expression)


def _frame(motion: Motion, index: int) -> Motion:
    return motion.each(lambda values: values[[index]])


def _stretched(motion: Motion, count: int) -> Motion:
    """Return one frame, held for `count` frames."""
    return motion.each(lambda values: np.broadcast_to(values, (count, *values.shape[1:])))
