"""What the motion of a face is, and how it moves key points. Pure mathematics on numpy arrays.

B counts frames: one for a portrait, many for a clip. Arrays are float32. Knows no network, no file
and no landmark.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

Floats = NDArray[np.float32]

POSE_BINS = 66
DEGREES_PER_BIN = 3.0
LARGEST_ANGLE_DEG = 97.5

PROCESS_VARIANCE = 1e-5
"""Of the Kalman smoother: how far a value is expected to move from frame to frame."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Pose and expression of B frames of one face."""

    canonical_keypoints: Floats  # B×21×3, free of pose and expression
    rotation: Floats  # B×3×3, transposed: multiplies row vectors from the right
    expression: Floats  # B×21×3 offsets
    scale: Floats  # B×1
    translation: Floats  # B×3; only x and y count

    @property
    def frame_count(self) -> int:
        """B."""
        return len(self.expression)

    def first(self, count: int) -> "Motion":
        """Return its first frames."""
        return self.each(lambda values: values[:count])

    @classmethod
    def joined(cls, parts: Sequence["Motion"]) -> "Motion":
        """Concatenate motions."""
        return cls(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            }
        )

    def each(self, change: Callable[[Floats], Floats]) -> "Motion":
        """Apply the same change to every array."""
        return Motion(**{field.name: change(getattr(self, field.name)) for field in fields(self)})


def head_pose_degrees(values: Floats) -> Floats:
    """Return the angle of a motion extractor's head: B×66 logits of its bins → B×1 degrees.

    Anything but B×66 is taken for degrees already and comes back as it is.
    """
    if values.ndim != 2 or values.shape[1] != POSE_BINS:
        return values
    logits = values.astype(np.float64)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = weights @ np.arange(POSE_BINS) / weights.sum(axis=1)
    return (DEGREES_PER_BIN * expected - LARGEST_ANGLE_DEG).astype(np.float32)[:, None]


def rotation_matrix(pitch_deg: Floats, yaw_deg: Floats, roll_deg: Floats) -> Floats:
    """(Rz·Ry·Rx)ᵀ of angles about x (pitch), y (yaw), z (roll): B or B×1 each → B×3×3."""
    x, y, z = (
        np.radians(angle.reshape(-1), dtype=np.float64) for angle in (pitch_deg, yaw_deg, roll_deg)
    )
    one, zero = np.ones_like(x), np.zeros_like(x)
    about_x = _matrices(
        [one, zero, zero], [zero, np.cos(x), -np.sin(x)], [zero, np.sin(x), np.cos(x)]
    )
    about_y = _matrices(
        [np.cos(y), zero, np.sin(y)], [zero, one, zero], [-np.sin(y), zero, np.cos(y)]
    )
    about_z = _matrices(
        [np.cos(z), -np.sin(z), zero], [np.sin(z), np.cos(z), zero], [zero, zero, one]
    )
    return (about_z @ about_y @ about_x).transpose(0, 2, 1).astype(np.float32)


def pose_degrees(rotation: Floats) -> Floats:
    """Return the angles of a rotation matrix: B×3×3 → B×3 (pitch, yaw, roll).

    Smoothed and interpolated rotations are read as the nearest one would be, to first order.
    """
    matrix = rotation.transpose(0, 2, 1).astype(np.float64)
    pitch = np.arctan2(matrix[:, 2, 1], matrix[:, 2, 2])
    yaw = np.arctan2(-matrix[:, 2, 0], np.hypot(matrix[:, 2, 1], matrix[:, 2, 2]))
    roll = np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])
    return np.degrees(np.stack([pitch, yaw, roll], axis=1)).astype(np.float32)


def transform_keypoints(motion: Motion) -> Floats:
    """`scale · (canonical · rotation + expression) + (tx, ty, 0)`: B×21×3."""
    turned = motion.canonical_keypoints @ motion.rotation + motion.expression
    keypoints = motion.scale[:, :, None] * turned
    keypoints[:, :, :2] += motion.translation[:, None, :2]
    return keypoints


def hull_multiplier(reference: Floats, keypoints: Floats) -> float:
    """Return how much larger a face is than another: the root of their hulls' volumes, 21×3 each.

    Raises:
        scipy.spatial.QhullError: the points of one lie in a plane.
    """
    return float(np.sqrt(ConvexHull(reference).volume) / np.sqrt(ConvexHull(keypoints).volume))


def smooth(sequence: Floats, observation_variance: float) -> Floats:
    """Kalman-smooth a sequence, forward and backward, each component by itself: T×… → T×….

    Transition and observation are the identity and every covariance is a multiple of it, so one
    scalar gain per frame serves all components. A single frame comes back as it is.

    Args:
        sequence: one value a frame, of any shape.
        observation_variance: how noisy the values are; larger is smoother.
    """
    filtered = sequence.astype(np.float64)
    variances = np.empty(len(filtered))
    variance = 1.0  # before the first observation, around the first value itself
    for i, value in enumerate(sequence.astype(np.float64)):
        before = filtered[max(i - 1, 0)]
        gain = variance / (variance + observation_variance)
        filtered[i] = before + gain * (value - before)
        variances[i] = (1 - gain) * variance
        variance = variances[i] + PROCESS_VARIANCE
    for i in reversed(range(len(filtered) - 1)):
        gain = variances[i] / (variances[i] + PROCESS_VARIANCE)
        filtered[i] += gain * (filtered[i + 1] - filtered[i])
    return filtered.astype(np.float32)


def _matrices(*rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
