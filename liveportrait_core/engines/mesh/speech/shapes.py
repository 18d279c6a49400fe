"""From the shapes of a speaking mouth to what its control points move and how far its lips part.

Pure mathematics. Lengths in eye distances. Knows no portrait but the gap between its lips.
"""

from dataclasses import dataclass

import numpy as np

from liveportrait_core.engines.mesh.points import CONTROL_POINT_NAMES, Array
from liveportrait_core.options import MouthInside
from liveportrait_core.report import RenderWarning
from liveportrait_core.speech.values import MOUTH_SHAPES, MouthTrack

FULL_OPENING = 0.20  # of a jaw that the reader calls fully open, before the limit
MAX_OPENING = {MouthInside.PAINTED: 0.15, MouthInside.NOTHING: 0.05}
VISIBLE_OPENING = 0.03  # from here on the painted inside shows
BITTEN = 0.85  # a lip at the teeth leaves so little of the opening

# What a jaw that is open by 1 moves, right and down: it turns in its joint, and the lips stretched
# round the opening draw the corners in.
JAW = {
    "chin": (0.0, 1.0),
    "lower lip": (0.0, 0.9),
    "left lower lip": (0.06, 0.8),
    "right lower lip": (-0.06, 0.8),
    "left mouth corner": (0.14, 0.28),
    "right mouth corner": (-0.14, 0.28),
    "upper lip": (0.0, -0.10),
    "left upper lip": (0.04, -0.06),
    "right upper lip": (-0.04, -0.06),
    "left cheek": (0.03, 0.12),
    "right cheek": (-0.03, 0.12),
}
# What a whole shape moves, right and down.
WIDE = {
    "left mouth corner": (-0.06, -0.012),
    "right mouth corner": (0.06, -0.012),
    "left upper lip": (-0.025, 0.0),
    "right upper lip": (0.025, 0.0),
    "left lower lip": (-0.025, 0.0),
    "right lower lip": (0.025, 0.0),
    "left cheek": (-0.012, -0.012),
    "right cheek": (0.012, -0.012),
}
ROUND = {
    "left mouth corner": (0.08, 0.0),
    "right mouth corner": (-0.08, 0.0),
    "left upper lip": (0.035, -0.008),
    "right upper lip": (-0.035, -0.008),
    "left lower lip": (0.035, 0.008),
    "right lower lip": (-0.035, 0.008),
    "upper lip": (0.0, -0.014),
    "lower lip": (0.0, 0.014),
}
PRESS = {
    "upper lip": (0.0, 0.010),
    "left upper lip": (0.0, 0.008),
    "right upper lip": (0.0, 0.008),
    "lower lip": (0.0, -0.014),
    "left lower lip": (0.0, -0.010),
    "right lower lip": (0.0, -0.010),
    "chin": (0.0, -0.008),
}
BITE = {
    "lower lip": (0.0, -0.030),
    "left lower lip": (0.0, -0.020),
    "right lower lip": (0.0, -0.020),
    "chin": (0.0, -0.012),
    "upper lip": (0.0, -0.012),
    "left upper lip": (0.0, -0.008),
    "right upper lip": (0.0, -0.008),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class SpokenMouth:
    """What a mouth does in a talk of N frames, for any portrait.

    opening: N, how far the jaw is wanted open, not limited.
    pulled: N×H×2, what the other shapes move.
    closing: N, 0..1, lips pressed together over what is between them in the portrait.
    activity: N, 0..1: where it is 0 the frame is the idle's own.
    start_frame: of the idle, in whose place the talk's first frame is shown.
    """

    opening: Array
    pulled: Array
    closing: Array
    activity: Array
    inside: MouthInside
    start_frame: int

    @property
    def frame_count(self) -> int:
        """N."""
        return len(self.activity)

    @property
    def warnings(self) -> tuple[RenderWarning, ...]:
        """What a viewer of any portrait should know."""
        widest = float((self.opening * self.activity).max(initial=0.0))
        if self.inside is MouthInside.PAINTED and widest > VISIBLE_OPENING:
            return (RenderWarning.MOUTH_INVENTED,)
        if self.inside is MouthInside.NOTHING and widest > MAX_OPENING[self.inside]:
            return (RenderWarning.LIPS_LIMITED,)
        return ()


@dataclass(frozen=True, kw_only=True, eq=False)
class SpokenFrame:
    """What a mouth does in one frame on one portrait, weighted by the voice's activity.

    opening: of the jaw, within the limit.
    control_points: H×2, movements.
    closing: 0..1, of the gap between the portrait's own lips.
    share: 0..1, of the speech in what is seen of the lips.
    """

    opening: float
    control_points: Array
    closing: float
    share: float
    inside: MouthInside


def spoken_mouth(
    mouth: MouthTrack, *, strength: float, inside: MouthInside, start_frame: int
) -> SpokenMouth:
    """Return what the shapes of a mouth do to any face."""
    shapes = mouth.shapes.astype(np.float64) * strength
    jaw, wide, rounded, press, bite = (
        shapes[:, MOUTH_SHAPES.index(name)] for name in ("open", "wide", "round", "press", "bite")
    )
    closing = np.minimum(press, 1.0)
    # A press on its way, which the reader eases already, hardly closes by itself.
    opening = FULL_OPENING * jaw * (1 - closing**2) * (1 - BITTEN * np.minimum(bite, 1.0))
    tables = ((wide, WIDE), (rounded, ROUND), (press, PRESS), (bite, BITE))
    pulled = sum(amount[:, None, None] * _moves(table) for amount, table in tables)
    return SpokenMouth(
        opening=opening,
        pulled=np.asarray(pulled, np.float64),
        closing=closing,
        activity=mouth.activity.astype(np.float64),
        inside=inside,
        start_frame=start_frame,
    )


def spoken_frame(spoken: SpokenMouth, index: int, *, gap: float, closed: bool) -> SpokenFrame:
    """Return one frame of a talk as a portrait shows it.

    Args:
        spoken: the talk.
        index: of the frame.
        gap: between the portrait's lips as they are.
        closed: its lips rest closed.
    """
    share = float(spoken.activity[index])
    limit = opening_limit(spoken.inside, gap)
    opening = share * float(bent(spoken.opening[index], limit))
    return SpokenFrame(
        opening=opening,
        control_points=share * spoken.pulled[index] + opening * _moves(JAW),
        closing=1.0 if closed else float(spoken.closing[index]),
        share=share,
        inside=spoken.inside,
    )


def opening_limit(inside: MouthInside, gap: float) -> float:
    """Return how far a mouth opens at most; what the portrait itself shows needs no painting."""
    own = 0.5 * gap if inside is MouthInside.NOTHING else 0.0  # its lower lip stays on its teeth
    return max(MAX_OPENING[inside], own)


def bent(opening: Array | float, limit: float) -> Array | float:
    """Bend openings smoothly below a limit; small ones pass unchanged."""
    return opening / (1.0 + (opening / limit) ** 4) ** 0.25


def _moves(table: dict[str, tuple[float, float]]) -> Array:
    return np.array([table.get(name, (0.0, 0.0)) for name in CONTROL_POINT_NAMES])
