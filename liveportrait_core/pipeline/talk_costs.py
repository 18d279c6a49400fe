"""What a method of talking costs on this machine: measured by letting it work a little.

Beside the drawing of the idle's frames, which every talk has.
"""

import resource
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np

from liveportrait_core.engines.base import MotionSource
from liveportrait_core.errors import MethodTooSlow
from liveportrait_core.lipsync.base import FaceBox, LipSync, SyncFrame
from liveportrait_core.pipeline.talk_methods import InstalledMethods, TalkMethod
from liveportrait_core.speech.values import SAMPLE_RATE_HZ, Speech

_TRIAL_FRAMES = 16
_TRIAL_SIDE_PX = 400
_USUAL_FPS = Fraction(25)


@dataclass(frozen=True, kw_only=True)
class MethodCost:
    """Of a talk, beyond its idle."""

    seconds: float
    opening_seconds: float  # once a process
    peak_mib: float  # of this process, with the method open


def measure_cost(
    methods: InstalledMethods, method: TalkMethod, *, seconds: float, fps: Fraction
) -> MethodCost:
    """Open a method and let it work a little.

    Args:
        methods: where its weights are.
        method: an installed one.
        seconds: of the talk that the cost is told for.
        fps: of its frames.

    Raises:
        EngineUnavailable: its weight file holds something else.
    """
    began = time.perf_counter()
    opener = method.open_motion or method.open_lipsync
    opened = None if opener is None else opener(methods.weights)
    opening = time.perf_counter() - began
    spent = 0.0
    if method.open_motion is not None:
        spent = cast(MotionSource, opened).seconds_for(seconds)
    elif method.open_lipsync is not None:
        spent = _painting_seconds(cast(LipSync, opened)) * seconds * float(fps)
    return MethodCost(seconds=spent, opening_seconds=opening, peak_mib=_peak_mib())


def require_speed(
    methods: InstalledMethods, method: TalkMethod, seconds: Fraction, *, within_s: float
) -> None:
    """Refuse a method that takes too long for a talk of so many seconds.

    Raises:
        MethodTooSlow: with what it would take.
    """
    cost = measure_cost(methods, method, seconds=float(seconds), fps=_USUAL_FPS)
    if cost.seconds > within_s:
        raise MethodTooSlow(
            f"{method.name} takes about {cost.seconds:.0f} s here for {float(seconds):.1f} s of "
            f"sound, beyond the drawing, with {cost.peak_mib:.0f} MiB; accepted: within "
            f"{within_s:g} s, or another method"
        )


def _painting_seconds(method: LipSync) -> float:
    """Return what one frame takes, all of them with a face and a voice."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, SAMPLE_RATE_HZ).astype(np.float32)
    windows = method.windows(Speech(samples=noise), Fraction(25), _TRIAL_FRAMES)
    picture = np.full((_TRIAL_SIDE_PX, _TRIAL_SIDE_PX, 3), 128, np.uint8)
    box = FaceBox(x0=100, y0=100, x1=300, y1=320)
    frames = [
        SyncFrame(picture=picture, box=box, window=window, activity=1.0) for window in windows
    ]
    list(method.sync(frames[:1]))  # what is set up once does not count
    began = time.perf_counter()
    list(method.sync(frames))
    return (time.perf_counter() - began) / _TRIAL_FRAMES


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
