"""The values that travel from sound to an engine: `Speech`, `Articulation`, `MouthTrack`."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ: Final = 16_000
MOUTH_SHAPES: Final = ("open", "wide", "round", "press", "bite")
"""Columns of `MouthTrack.shapes`: jaw opening, corners outwards, corners inwards (o, u), lips
closed (m, b, p), lower lip at the upper teeth (f, v)."""

Curve = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Speech:
    """Decoded sound, mono, at 16 kHz.

    Raises:
        ValueError: the samples are not one row of finite float32 numbers.
    """

    samples: NDArray[np.float32]  # −1…1 nominal; clipped sound may exceed it

    def __post_init__(self) -> None:
        """Check shape, type and finiteness."""
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(
                f"samples are {self.samples.dtype} of shape {self.samples.shape}; accepted: one "
                "row of float32"
            )
        if not np.isfinite(self.samples).all():
            raise ValueError("samples hold NaN or infinity; accepted: finite numbers")

    @property
    def seconds(self) -> Fraction:
        """Exact duration."""
        return Fraction(len(self.samples), SAMPLE_RATE_HZ)


@dataclass(frozen=True, kw_only=True)
class Articulation:
    """What the mouth does, by the time of the sound; row t is at 10 ms · t."""

    open: Curve  # T, 0…1, like the others
    wide: Curve
    round: Curve
    bite: Curve
    presses: tuple[tuple[float, float], ...]  # seconds from which to which the lips are closed


@dataclass(frozen=True, kw_only=True, eq=False)
class MouthTrack:
    """What the mouth does in each frame. Belongs to no engine.

    Where `activity` is 0 the mouth is the idle's, to the bit; elsewhere
    mouth = (1 − activity) · idle's mouth + activity · shapes.

    Raises:
        ValueError: wrong shape, type or range.
    """

    fps: Fraction
    shapes: NDArray[np.float32]  # N×5 in 0…1, columns as in MOUTH_SHAPES
    activity: NDArray[np.float32]  # N in 0…1: the voice's envelope, exactly 0 outside speech

    def __post_init__(self) -> None:
        """Check shapes, types and ranges."""
        count = len(self.activity)
        for name, values, shape in (
            ("shapes", self.shapes, (count, len(MOUTH_SHAPES))),
            ("activity", self.activity, (count,)),
        ):
            if values.shape != shape or values.dtype != np.float32:
                raise ValueError(
                    f"{name} is {values.dtype} of shape {values.shape}; "
                    f"accepted: float32 of {shape}"
                )
            if not ((values >= 0) & (values <= 1)).all():  # False for NaN too
                raise ValueError(f"{name} leaves 0…1; accepted: numbers from 0 to 1")

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return len(self.activity)


def silenced(mouth: MouthTrack) -> MouthTrack:
    """Return a track of the same length whose mouth rests throughout."""
    return replace(mouth, activity=np.zeros_like(mouth.activity))
