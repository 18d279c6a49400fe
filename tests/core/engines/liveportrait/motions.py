"""Motions drawn at random, and small networks one can calculate by hand."""

from dataclasses import dataclass, field, replace

import numpy as np

from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion, rotation_matrix


def motion(count: int, seed: int = 0) -> Motion:
    """Believable motion of so many frames."""
    rng = np.random.default_rng(seed)

    def values(*shape: int, scale: float) -> Floats:
        return (scale * rng.standard_normal((count, *shape))).astype(np.float32)

    return Motion(
        canonical_keypoints=values(21, 3, scale=0.3),
        rotation=rotation_matrix(*(values(1, scale=10) for _ in range(3))),
        expression=values(21, 3, scale=0.02),
        scale=1.3 + values(1, scale=0.02),
        translation=values(3, scale=0.05),
    )


def measured(count: int, seed: int = 0, *, eyes: float = 0.3, lips: float = 0.1) -> MeasuredMotion:
    """The same with openings that do not change."""
    return MeasuredMotion(
        motion=motion(count, seed),
        eye_ratios=np.full((count, 2), eyes, dtype=np.float32),
        lip_ratios=np.full((count, 1), lips, dtype=np.float32),
    )


def held(one: MeasuredMotion, count: int) -> MeasuredMotion:
    """A single frame for a whole clip."""

    def repeated(values: Floats) -> Floats:
        return np.repeat(values, count, axis=0)

    return replace(
        one,
        motion=one.motion.each(repeated),
        eye_ratios=repeated(one.eye_ratios),
        lip_ratios=repeated(one.lip_ratios),
    )


@dataclass
class CountableNetworks:
    """Stitching adds 1, eyes 10, lips 100; remembers what it was asked."""

    eyes_asked: list[Floats] = field(default_factory=list)
    lips_asked: list[Floats] = field(default_factory=list)

    def stitch(self, source_keypoints: Floats, driving_keypoints: Floats) -> Floats:
        assert source_keypoints.shape == driving_keypoints.shape
        return driving_keypoints + np.float32(1)

    def retarget_eyes(self, source_keypoints: Floats, ratios: Floats) -> Floats:
        self.eyes_asked.append(ratios)
        return np.full_like(source_keypoints, 10)

    def retarget_lip(self, source_keypoints: Floats, ratios: Floats) -> Floats:
        self.lips_asked.append(ratios)
        return np.full_like(source_keypoints, 100)
