"""The choices of how motion is applied. Imports no mathematics: a gate reads them too."""

import math
from dataclasses import dataclass
from enum import StrEnum

from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import AnimationRegion

LONGEST_SMOOTHING_S = 1.0
LARGEST_MULTIPLIER = 3.0
OBSERVATION_VARIANCES = (1e-11, 1e-2)


class MotionMode(StrEnum):
    """How a driving frame is applied."""

    RELATIVE = "relative"  # its change since the clip's first frame, added to the source
    ABSOLUTE = "absolute"  # its own value, in place of the source's


class LipClosure(StrEnum):
    """How far normalisation closes the lips."""

    UPSTREAM = "upstream"  # as far as the multiplier goes: at 0.40 by 40 %, as the original
    FULL = "full"


class Retargeting(StrEnum):
    """What becomes of relative driving motion when eyes or lips are retargeted."""

    ADD = "add"  # it stays, and they are brought to the wanted opening on top
    REPLACE = "replace"  # it is discarded, and lips are not normalised, as the original


@dataclass(frozen=True, kw_only=True)
class AnimationSettings:
    """How motion is applied. The defaults are the original's, with lips normalised."""

    region: AnimationRegion = AnimationRegion.ALL
    mode: MotionMode = MotionMode.RELATIVE
    multiplier: float = 1.0  # of everything that changed, stitching and lips included
    normalize_lip: bool = True  # only in relative mode
    lip_closure: LipClosure = LipClosure.UPSTREAM
    stitch: bool = True
    retarget_eyes: float = 0.0  # 0: as open as the source's, 1: as the driving face's left eye
    retarget_lips: float = 0.0  # 0: as open as the source's, 1: as the driving face's
    retargeting: Retargeting = Retargeting.ADD
    keep_source_eyes: bool = False  # source clips: every frame's eyes as open as the first frame's
    observation_variance: float = 3e-7  # source clips: the smoothing, 1e-11 to 1e-2

    def __post_init__(self) -> None:
        for name in ("retarget_eyes", "retarget_lips"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidOption(
                    f"{name.replace('_', ' ')} is {getattr(self, name)}; accepted: 0 to 1"
                )
        low, high = OBSERVATION_VARIANCES
        if not low <= self.observation_variance <= high:
            raise InvalidOption(
                f"the smoothing of a source clip is {self.observation_variance}; accepted: "
                f"{low} to {high}"
            )


class Anchor(StrEnum):
    """The driving frame that counts as rest: changes are measured from it."""

    FIRST = "first"  # the portrait's own look in the first frame
    NEUTRAL = "neutral"  # the frame with closed lips, usual eyes and a usual pose


@dataclass(frozen=True, kw_only=True)
class MotionRefinement:
    """Deviations from the recorded motion; by default none."""

    # Deviation of the Gaussian each part is smoothed with: 0 to 1 s.
    smooth_pose_s: float = 0.0
    smooth_expression_s: float = 0.0
    smooth_scale_s: float = 0.0
    smooth_translation_s: float = 0.0
    lock_scale: bool = False  # keep the anchor frame's size
    anchor: Anchor = Anchor.FIRST
    # Of each part's change since the anchor frame, 0 to 3; the render's multiplier acts on top.
    pose_multiplier: float = 1.0  # place and size of the head with it
    expression_multiplier: float = 1.0  # all but eyes and lips
    eye_multiplier: float = 1.0
    lip_multiplier: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            highest = LONGEST_SMOOTHING_S if name.startswith("smooth_") else LARGEST_MULTIPLIER
            if isinstance(value, float) and not (math.isfinite(value) and 0 <= value <= highest):
                raise InvalidOption(
                    f"{name.replace('_', ' ')} is {value}; accepted: 0 to {highest}"
                )
