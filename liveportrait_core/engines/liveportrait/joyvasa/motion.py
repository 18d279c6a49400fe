"""Normalised numbers become LivePortrait's motion. joyvasa.md, section 6."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion, rotation_matrix
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.errors import CheckpointMismatch, SpeechFailed

EXPRESSION_NUMBERS = 3 * KEYPOINT_COUNT
SMOOTHING = np.float32(0.01)
"""Share of the new value in a smoothed pose: a time constant of 4 s at 25 fps."""
LARGEST_DEVIATION = 6.0
"""Of an expression, in the training data's deviations: beyond it the sampler went astray."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MotionStatistics:
    """Of the training data; what normalised numbers are scaled by."""

    mean_exp: Floats  # 63
    std_exp: Floats  # 63
    min_scale: Floats  # 1
    max_scale: Floats
    min_t: Floats  # 3
    max_t: Floats
    min_pitch: Floats  # 1, degrees; so are yaw and roll
    max_pitch: Floats
    min_yaw: Floats
    max_yaw: Floats
    min_roll: Floats
    max_roll: Floats

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "MotionStatistics":
        """Take what is needed from a file's arrays.

        Raises:
            CheckpointMismatch: one is missing, of another size, or not finite.
        """
        values = {}
        for field in fields(cls):
            size = {"exp": EXPRESSION_NUMBERS, "t": 3}.get(field.name.partition("_")[2], 1)
            array = arrays.get(field.name)
            if array is None or array.size != size or not np.isfinite(array).all():
                found = "nothing" if array is None else f"{array.shape}"
                raise CheckpointMismatch(
                    f"motion template: {field.name} is {found}; accepted: {size} finite numbers"
                )
            values[field.name] = array.astype(np.float32).reshape(size)
        return cls(**values)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadMotion:
    """What the model gives for N frames of 25 fps, in LivePortrait's terms."""

    expression: Floats  # N×21×3
    scale: Floats  # N×1
    translation: Floats  # N×3
    pitch_deg: Floats  # N×1
    yaw_deg: Floats
    roll_deg: Floats

    @property
    def rotation(self) -> Floats:
        """N×3×3."""
        return rotation_matrix(self.pitch_deg, self.yaw_deg, self.roll_deg)

    @property
    def motion(self) -> Motion:
        """As the engine takes it; a face's own key points are not told."""
        count = len(self.expression)
        return Motion(
            canonical_keypoints=np.zeros((count, KEYPOINT_COUNT, 3), np.float32),
            rotation=self.rotation,
            expression=self.expression,
            scale=self.scale,
            translation=self.translation,
        )


def denormalised(
    numbers: Floats, statistics: MotionStatistics, *, strict: bool = True
) -> HeadMotion:
    """Scale N×70 numbers.

    Args:
        numbers: as the sampler gives them.
        statistics: of the training data.
        strict: refuse what no face does; random weights do such things.

    Raises:
        SpeechFailed: they are not finite, or an expression is beyond six deviations.
    """
    expression, rest = numbers[:, :EXPRESSION_NUMBERS], numbers[:, EXPRESSION_NUMBERS:]
    if strict and not np.abs(expression).max() <= LARGEST_DEVIATION:  # NaN fails too
        raise SpeechFailed(
            "joyvasa gave motion that no face makes (not a number, or an expression beyond "
            f"{LARGEST_DEVIATION:g} deviations); another seed or method may serve"
        )

    def scaled(values: Floats, name: str) -> Floats:
        low, high = (getattr(statistics, f"{end}_{name}") for end in ("min", "max"))
        return values * (high - low) + low

    return HeadMotion(
        expression=(expression * statistics.std_exp + statistics.mean_exp).reshape(
            -1, KEYPOINT_COUNT, 3
        ),
        scale=scaled(rest[:, :1], "scale"),
        translation=scaled(rest[:, 1:4], "t"),
        pitch_deg=scaled(rest[:, 4:5], "pitch"),
        yaw_deg=scaled(rest[:, 5:6], "yaw"),
        roll_deg=scaled(rest[:, 6:7], "roll"),
    )


def smoothed(head: HeadMotion) -> HeadMotion:
    """Smooth everything but the expression, over the whole clip: the head all but stands still."""
    return HeadMotion(
        expression=head.expression,
        **{
            field.name: _smoothed(getattr(head, field.name))
            for field in fields(HeadMotion)
            if field.name != "expression"
        },
    )


def _smoothed(values: Floats) -> Floats:
    result = values.copy()
    for index in range(1, len(values)):  # in float32, as the original: float64 differs by 1e-4
        result[index] = SMOOTHING * values[index] + (1 - SMOOTHING) * result[index - 1]
    return result
