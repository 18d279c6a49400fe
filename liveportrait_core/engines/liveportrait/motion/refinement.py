"""What may be done to a driving face's motion before it is applied; the original does none of it.

Smoothing without delay, a constant size, parts that move more or less than recorded, and
another frame than the first as the one everything is measured from. Pure functions on a whole
clip's motion; knows no source.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from liveportrait_core.engines.liveportrait.motion.composition import EYE_ROWS, LIP_ROWS
from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion, pose_degrees
from liveportrait_core.engines.liveportrait.motion.settings import Anchor, MotionRefinement
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT


@dataclass(frozen=True, kw_only=True)
class RefinedMotion:
    """A driving face's motion, and the frame of it that counts as rest."""

    driving: MeasuredMotion
    anchor: int


def refine(driving: MeasuredMotion, fps: Fraction, refinement: MotionRefinement) -> RefinedMotion:
    """Apply it all: smooth, choose the anchor, lock the size, multiply."""
    motion = _smoothed(driving.motion, float(fps), refinement)
    driving = replace(driving, motion=motion)
    anchor = most_neutral_frame(driving) if refinement.anchor is Anchor.NEUTRAL else 0
    if refinement.lock_scale:
        motion = replace(motion, scale=np.full_like(motion.scale, motion.scale[anchor, 0]))
    motion = _multiplied(motion, anchor, refinement)
    return RefinedMotion(driving=replace(driving, motion=motion), anchor=anchor)


def most_neutral_frame(driving: MeasuredMotion) -> int:
    """Return the frame in which the face is nearest to rest.

    Each of pose, expression, eyes and lips counts by its distance from rest in units of its own
    spread: rest is the median, for the lips as closed as they get. Openings that were not measured
    count nothing.
    """
    motion = driving.motion
    expression = motion.expression.reshape(motion.frame_count, -1)
    pose = pose_degrees(motion.rotation)
    distances = [
        _distance(values, rest)
        for values, rest in (
            (pose, np.median(pose, axis=0)),
            (expression, np.median(expression, axis=0)),
            (driving.eye_ratios, np.median(driving.eye_ratios, axis=0)),
            (driving.lip_ratios, np.min(driving.lip_ratios, axis=0)),
        )
    ]
    return int(np.argmin(np.sum(distances, axis=0)))


def _distance(values: Floats, rest: Floats) -> Floats:
    """Measure each frame's distance from rest, in units of the clip's spread."""
    far = np.linalg.norm(values - rest, axis=1)
    usual = float(np.mean(far))
    return far / usual if math.isfinite(usual) and usual > 0 else np.zeros(len(far), np.float32)


def _smoothed(motion: Motion, fps: float, refinement: MotionRefinement) -> Motion:
    return replace(
        motion,
        rotation=_turned_smoothly(motion.rotation, refinement.smooth_pose_s * fps),
        expression=_filtered(motion.expression, refinement.smooth_expression_s * fps),
        scale=_filtered(motion.scale, refinement.smooth_scale_s * fps),
        translation=_filtered(motion.translation, refinement.smooth_translation_s * fps),
    )


def _filtered(values: Floats, sigma_frames: float) -> Floats:
    """Smooth symmetrically in time, so that nothing lags."""
    if sigma_frames == 0:
        return values
    smooth = gaussian_filter1d(values.astype(np.float64), sigma_frames, axis=0, mode="nearest")
    return smooth.astype(np.float32)


def _turned_smoothly(rotation: Floats, sigma_frames: float) -> Floats:
    """Smooth rotations: average, then take the nearest rotation."""
    if sigma_frames == 0:
        return rotation
    left, _, right = np.linalg.svd(_filtered(rotation, sigma_frames).astype(np.float64))
    return (left @ right).astype(np.float32)


def _multiplied(motion: Motion, anchor: int, refinement: MotionRefinement) -> Motion:
    """Scale every part's change since the anchor frame."""
    rest = motion.each(lambda values: values[[anchor]])
    weights = np.full((1, KEYPOINT_COUNT, 1), refinement.expression_multiplier, np.float32)
    weights[:, list(EYE_ROWS)] = refinement.eye_multiplier
    weights[:, list(LIP_ROWS)] = refinement.lip_multiplier
    moved = motion
    if (weights != 1).any():
        change = motion.expression - rest.expression
        moved = replace(motion, expression=rest.expression + weights * change)
    if refinement.pose_multiplier == 1:
        return moved
    turned = Rotation.from_matrix(motion.rotation @ rest.rotation.transpose(0, 2, 1))
    less = Rotation.from_rotvec(turned.as_rotvec() * refinement.pose_multiplier).as_matrix()
    shift = motion.translation - rest.translation
    return replace(
        moved,
        rotation=(less @ rest.rotation).astype(np.float32),
        translation=rest.translation + np.float32(refinement.pose_multiplier) * shift,
        scale=rest.scale * (motion.scale / rest.scale) ** np.float32(refinement.pose_multiplier),
    )
