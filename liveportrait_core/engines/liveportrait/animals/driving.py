"""A driving clip becomes the motion of an animal: whole frames, of a person or an animal.

Nobody is looked for, so the motion says nothing of eyes and lips. Knows no portrait.
"""

from collections.abc import Iterable
from fractions import Fraction
from itertools import islice

import numpy as np

from liveportrait_core.engines.liveportrait.driving import resize_to_network
from liveportrait_core.engines.liveportrait.motion.extraction import (
    BATCH_FRAMES,
    ClipFrames,
    ExtractMotion,
)
from liveportrait_core.engines.liveportrait.motion.pose import Motion
from liveportrait_core.engines.liveportrait.template import MotionWithoutOpenings
from liveportrait_core.report import Frame


def analyse_whole_frames(
    frames: Iterable[Frame], fps: Fraction, extract: ExtractMotion
) -> MotionWithoutOpenings:
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
    return MotionWithoutOpenings.of(Motion.joined(motions), fps=fps)
