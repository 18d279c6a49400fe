"""From what the mouth does every 10 ms to frames: lead, smoothing, closures, the voice's envelope.

The same for every reader, so that no two of them differ in timing.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.values import MOUTH_SHAPES, Articulation, Curve, MouthTrack
from liveportrait_core.speech.voice.activity import runs
from liveportrait_core.speech.voice.spectrum import HOP_S

# Measured against film: lips are where they are heard 80 ms before they are heard.
LEAD_S: Final = 0.080
_SIGMA_S: Final = 0.050
_SMOOTHING_S: Final = 0.300  # as far as the mouth of a pause is asked for: release and lead
ATTACK_S: Final = 0.080
RELEASE_S: Final = 0.200
FULL_OPENING_S: Final = 0.080
_BRIDGED_S: Final = 0.150  # a pause so short is a closed mouth's, not a resting one's
_LEAST_CLOSED_FRAMES: Final = 2
_CLOSING_S: Final = 0.060

OPEN, WIDE, ROUND, PRESS, BITE = range(len(MOUTH_SHAPES))


def mouth_track(
    said: Articulation, is_active: NDArray[np.bool_], fps: Fraction, frame_count: int
) -> MouthTrack:
    """Give the frames of a mouth.

    Args:
        said: by the time of the sound.
        is_active: T; where a voice is heard. What is said elsewhere does not count.
        fps: exact rate of the frames.
        frame_count: how many.
    """
    times_s: Curve = np.arange(frame_count, dtype=np.float64) / float(fps)
    voice = _bridged(is_active)
    shapes = np.zeros((frame_count, len(MOUTH_SHAPES)))
    for column, curve in ((OPEN, said.open), (WIDE, said.wide), (ROUND, said.round)):
        shapes[:, column] = _at(times_s + LEAD_S, smoothed(curve, voice))
    shapes[:, BITE] = _at(times_s + LEAD_S, smoothed(said.bite, voice))
    shapes[:, PRESS] = _pressed(said.presses, times_s)
    shapes[:, BITE] *= 1 - shapes[:, PRESS]
    shapes[:, OPEN] *= (1 - shapes[:, PRESS]) * (1 - 0.8 * shapes[:, BITE])
    activity = _activity(voice, times_s)
    shapes[activity == 0] = 0
    _limit_opening(shapes[:, OPEN], activity, float(1 / fps))
    return MouthTrack(
        fps=fps,
        shapes=np.clip(shapes, 0, 1).astype(np.float32),
        activity=activity.astype(np.float32),
    )


def _bridged(is_active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    voice = is_active.copy()
    for begin, end in runs(~is_active):
        if begin > 0 and end < len(voice) and (end - begin) * HOP_S < _BRIDGED_S:
            voice[begin:end] = True
    return voice


def smoothed(curve: Curve, voice: NDArray[np.bool_]) -> Curve:
    """Average over the rows around that are spoken: pauses do not close the mouth, they end it."""
    reach = np.arange(-round(_SMOOTHING_S / HOP_S), round(_SMOOTHING_S / HOP_S) + 1) * HOP_S
    kernel = np.exp(-0.5 * (reach / _SIGMA_S) ** 2)
    weights = np.convolve(voice.astype(np.float64), kernel)
    sums = np.convolve(np.where(voice, curve, 0), kernel)
    half = len(reach) // 2
    mean = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
    return mean[half : half + len(curve)]


def _at(times_s: Curve, curve: Curve) -> Curve:
    if not len(curve):
        return np.zeros_like(times_s)
    return np.interp(times_s, np.arange(len(curve)) * HOP_S, curve)


def _pressed(presses: Iterable[tuple[float, float]], times_s: Curve) -> Curve:
    """Give 1 while the lips are closed, for 2 frames at least, and less just before and after."""
    pressed = np.zeros(len(times_s))
    for begin_s, end_s in presses:
        begin_s, end_s = begin_s - LEAD_S, end_s - LEAD_S
        inside = np.flatnonzero((times_s >= begin_s) & (times_s <= end_s))
        if len(inside) < _LEAST_CLOSED_FRAMES:
            off_s = np.abs(times_s - (begin_s + end_s) / 2)
            inside = np.sort(np.argsort(off_s, kind="stable")[:_LEAST_CLOSED_FRAMES])
        if not len(inside) or times_s[inside[0]] > end_s + _CLOSING_S:
            continue  # before the first frame, or no frames at all
        first_s, last_s = times_s[inside[0]], times_s[inside[-1]]
        off_s = np.maximum(first_s - times_s, times_s - last_s)
        pressed = np.maximum(pressed, 1 - np.clip(off_s / _CLOSING_S, 0, 1))
    return pressed


def _limit_opening(opening: Curve, activity: Curve, frame_s: float) -> None:
    """Let what is shown open no faster than a mouth can; it may close at once."""
    most = frame_s / FULL_OPENING_S
    shown = 0.0
    for frame in np.flatnonzero(activity):
        shown = min(opening[frame] * activity[frame], shown + most)
        opening[frame] = shown / activity[frame]


def _activity(voice: NDArray[np.bool_], times_s: Curve) -> Curve:
    """Give the voice's envelope: 1 while it is heard, 0 from the release's end to the attack.

    The first and the last frame are at rest, so that neither cut to the idle is seen.
    """
    if not voice.any() or not len(times_s):
        return np.zeros_like(times_s)
    rows = np.flatnonzero(voice) * HOP_S
    following = np.searchsorted(rows, times_s)
    ahead_s = np.where(
        following < len(rows), rows[np.minimum(following, len(rows) - 1)] - times_s, np.inf
    )
    since_s = np.where(following > 0, times_s - rows[np.maximum(following, 1) - 1] - HOP_S, np.inf)
    heard = np.maximum(_eased(1 - ahead_s / ATTACK_S), _eased(1 - since_s / RELEASE_S))
    ends = np.minimum(times_s, times_s[-1] - times_s) / ATTACK_S
    return np.minimum(heard, _eased(ends))


def _eased(share: Curve) -> Curve:
    within = np.clip(share, 0, 1)
    return within * within * (3 - 2 * within)
