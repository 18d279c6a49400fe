"""A driving clip becomes the motion of an animal: whole frames, of a person or an animal.

Nobody is looked for, so the motion says nothing of eyes and lips. Knows no portrait.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.driving import resize_to_network
from liveportrait_core.engines.liveportrait.motion.extraction import (
    BATCH_FRAMES,
    ClipFrames,
    ExtractMotion,
)
from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import Motion
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.report import Frame

_OPENINGS = {"eye_ratios": 2, "lip_ratios": 1}


class AnimalMotion(LivePortraitMotion):
    """The motion of one driving clip without the openings of eyes and lips."""

    @classmethod
    def form(cls) -> Mapping[str, np.dtype[Any]]:
        """Of the arrays of a frame."""
        return {name: kind for name, kind in super().form().items() if name not in _OPENINGS}

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Motion alone, T×…."""
        return {name: array for name, array in super().arrays.items() if name not in _OPENINGS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], **facts: Any) -> Self:
        """Restore a clip's motion from its arrays, and other fields by name."""
        return cls.of(Motion(**arrays), **facts)

    @classmethod
    def of(cls, motion: Motion, **facts: Any) -> Self:
        """Take a motion of whose eyes and lips nothing is known, and other fields by name."""
        unknown = {
            name: np.full((motion.frame_count, width), np.nan, np.float32)
            for name, width in _OPENINGS.items()
        }
        return cls(measured=MeasuredMotion(motion=motion, **unknown), **facts)


def analyse_whole_frames(
    frames: Iterable[Frame], fps: Fraction, extract: ExtractMotion
) -> AnimalMotion:
    """Turn a clip into motion, every frame squashed to what the network takes.

    Args:
        frames: H×W×3 each, decoded a few ahead.
        fps: their constant rate.
        extract: the animals' motion of a batch.
    """
    seen = (resize_to_network(frame) for frame in ClipFrames(frames))
    motions: list[Motion] = []
    while batch := list(islice(seen, BATCH_FRAMES)):
        motions.append(extract(np.stack(batch)))
    return AnimalMotion.of(Motion.joined(motions), fps=fps)
