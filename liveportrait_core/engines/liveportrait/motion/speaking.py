"""From the shapes of a speaking mouth to key points: the idle's, with another mouth.

Pure mathematics on numpy arrays. The rows are those of the sliders that open, stretch and purse
lips (liveportrait.md, P11); how far a whole shape goes is a guess until it is seen on real weights.
"""

from dataclasses import dataclass, replace

import numpy as np

from liveportrait_core.engines.liveportrait.motion.composition import LIP_ROWS
from liveportrait_core.engines.liveportrait.motion.editing import moved_by_sliders
from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import Floats
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.speech.values import MOUTH_SHAPES, MouthTrack

WHOLE_SHAPE = {"open": ("lips", 70.0), "wide": ("grin", 12.0), "round": ("purse", 12.0)}
"""By shape: the slider that makes it, and the slider's value."""
BITTEN = 0.85  # a lip at the teeth leaves so little of the opening


@dataclass(frozen=True, kw_only=True, eq=False)
class SpokenMouth:
    """What a mouth does in a talk of M frames, on any portrait.

    expression: M×21×3, added to the expression of a face whose mouth is still.
    closing: M, 0..1, of what the portrait's lips are open.
    activity: M, 0..1: where it is 0 the frame is the idle's own.
    start_frame: of the idle, in whose place the talk's first frame is shown.
    """

    expression: Floats
    closing: Floats
    activity: Floats
    start_frame: int

    @property
    def frame_count(self) -> int:
        """M."""
        return len(self.activity)


def spoken_mouth(mouth: MouthTrack, *, strength: float, start_frame: int) -> SpokenMouth:
    """Return what the shapes of a mouth do to any face."""
    values = {
        name: mouth.shapes[:, column] * np.float32(strength)
        for column, name in enumerate(MOUTH_SHAPES)
    }
    closing = np.minimum(values["press"], 1)
    values["open"] = (
        values["open"] * (1 - closing**2) * (1 - BITTEN * np.minimum(values["bite"], 1))
    )
    expression = np.zeros((mouth.frame_count, KEYPOINT_COUNT, 3), np.float32)
    for shape, (slider, whole) in WHOLE_SHAPE.items():
        moves = moved_by_sliders({slider: whole})
        expression += values[shape][:, None, None] * moves
    return SpokenMouth(
        expression=expression,
        closing=closing.astype(np.float32),
        activity=mouth.activity,
        start_frame=start_frame,
    )


def with_still_mouth(measured: MeasuredMotion, anchor: int) -> MeasuredMotion:
    """Return a driving motion whose mouth stays as it is in the frame that counts as rest."""
    expression = measured.motion.expression.copy()
    rows = list(LIP_ROWS)
    expression[:, rows] = expression[[anchor]][:, rows]
    return replace(
        measured,
        motion=replace(measured.motion, expression=expression),
        lip_ratios=np.broadcast_to(measured.lip_ratios[[anchor]], measured.lip_ratios.shape),
    )


def speaking_keypoints(
    idle: Floats, still: Floats, spoken: SpokenMouth, *, scale: float, closed: Floats
) -> Floats:
    """Give the idle's key points the mouth of a talk: M×21×3.

    Args:
        idle: N×21×3, what the warping network is given for each frame of the idle.
        still: N×21×3, the same of an idle whose mouth does not move.
        spoken: the talk.
        scale: of the portrait's key points.
        closed: 1×21×3, what closes lips that `still` leaves open.
    """
    at = (spoken.start_frame + np.arange(spoken.frame_count)) % len(idle)
    rows = list(LIP_ROWS)
    base = idle[at]
    base_still = base.copy()
    base_still[:, rows] = still[at][:, rows]
    wanted = base_still + np.float32(scale) * spoken.expression
    wanted = wanted + spoken.closing[:, None, None] * closed
    share = spoken.activity[:, None, None]
    mixed = (1 - share) * base + share * wanted
    return np.where(share > 0, mixed, base).astype(np.float32)
