"""Methods of talking that are open, and what each costs on this machine.

That is told by letting it work a little, beside the drawing of the idle's frames, which every talk
has. What was opened stays open, and is tried once: for a few frames, or a second of sound.
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
from liveportrait_core.lipsync.base import FaceBox, LipSync, Refiner, SyncFrame
from liveportrait_core.pipeline.talk_methods import InstalledMethods, TalkMethod
from liveportrait_core.speech.values import SAMPLE_RATE_HZ, Speech

_TRIAL_FRAMES = 16
_TRIAL_SIDE_PX = 400
USUAL_FPS = Fraction(25)
"""Of a talk's frames, where the rate of its idle is not known yet."""


@dataclass(frozen=True, kw_only=True)
class MethodCost:
    """Of a talk, beyond its idle."""

    seconds: float
    opening_seconds: float  # once a process
    peak_mib: float  # of this process, with the method open


class OpenedMethods:
    """Opens each method, and tries it, once."""

    def __init__(self, installed: InstalledMethods) -> None:
        """Take the methods that can run here; nothing is opened yet."""
        self.installed = installed
        self._opened: dict[str, MotionSource | LipSync | None] = {}
        self._refiners: dict[str, Refiner] = {}
        self._opening_s: dict[str, float] = {}
        self._frame_s: dict[str, float] = {}  # of a lip-sync method, or a refiner

    def method(self, method: TalkMethod) -> MotionSource | LipSync | None:
        """Return a method, open; None: there is nothing to open.

        Raises:
            EngineUnavailable: its weight file holds something else.
        """
        if method.name not in self._opened:
            began = time.perf_counter()
            opener = method.open_motion or method.open_lipsync
            self._opened[method.name] = opener and opener(self.installed.weights)
            self._opening_s[method.name] = time.perf_counter() - began
        return self._opened[method.name]

    def refiner(self) -> Refiner:
        """Return the refiner, open.

        Raises:
            MethodNotInstalled, MethodNotLicensed: it is not.
            EngineUnavailable: its weight file holds something else.
        """
        chosen = self.installed.choose_refiner()
        if chosen.name not in self._refiners:
            began = time.perf_counter()
            self._refiners[chosen.name] = chosen.open_refiner(self.installed.weights)
            self._opening_s[chosen.name] = time.perf_counter() - began
        return self._refiners[chosen.name]

    def cost(self, method: TalkMethod, *, seconds: float, fps: Fraction = USUAL_FPS) -> MethodCost:
        """Tell what an installed method costs for so many seconds, at so many frames each.

        Raises:
            EngineUnavailable: its weight file holds something else.
        """
        opened, spent = self.method(method), 0.0
        if method.open_motion is not None:
            spent = cast(MotionSource, opened).seconds_for(seconds)
        elif method.open_lipsync is not None:
            if method.name not in self._frame_s:
                self._frame_s[method.name] = _painting_seconds(cast(LipSync, opened))
            spent = self._frame_s[method.name] * seconds * float(fps)
        return self._cost(method.name, spent)

    def refining_cost(self, *, seconds: float, fps: Fraction = USUAL_FPS) -> MethodCost:
        """Tell what refining the mouths of such a talk costs, on top of painting them.

        Raises:
            MethodNotInstalled, MethodNotLicensed: the refiner is not.
            EngineUnavailable: its weight file holds something else.
        """
        refiner = self.refiner()
        if refiner.name not in self._frame_s:
            self._frame_s[refiner.name] = refiner.seconds_for(1)
        return self._cost(refiner.name, self._frame_s[refiner.name] * seconds * float(fps))

    def require_speed(
        self,
        method: TalkMethod,
        seconds: Fraction,
        *,
        within_s: float,
        fps: Fraction = USUAL_FPS,
        refine: bool = False,
    ) -> None:
        """Refuse a method that takes too long for a talk of so many seconds.

        Raises:
            MethodTooSlow: with what it would take.
        """
        cost, name = self.cost(method, seconds=float(seconds), fps=fps), method.name
        spent = cost.seconds
        if refine:
            refining = self.refining_cost(seconds=float(seconds), fps=fps)
            spent, name = spent + refining.seconds, f"{name}, refined,"
        if spent > within_s:
            raise MethodTooSlow(
                f"{name} takes about {spent:.0f} s here for {float(seconds):.1f} s of sound, "
                f"beyond the drawing, with {cost.peak_mib:.0f} MiB; accepted: within {within_s:g} "
                "s, or another method",
                seconds=spent,
            )

    def _cost(self, name: str, spent: float) -> MethodCost:
        return MethodCost(
            seconds=spent, opening_seconds=self._opening_s[name], peak_mib=_peak_mib()
        )


def _painting_seconds(method: LipSync) -> float:
    """Return what one frame takes, all of them with a face and a voice."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, SAMPLE_RATE_HZ).astype(np.float32)
    windows = method.windows(Speech(samples=noise), USUAL_FPS, _TRIAL_FRAMES)
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
