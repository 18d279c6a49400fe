"""JoyVASA as a talking method: what lips and head do to a sound. joyvasa.md, section 8."""

import hashlib
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.joyvasa.motion import (
    HeadMotion,
    denormalised,
    smoothed,
)
from liveportrait_core.engines.liveportrait.joyvasa.sampler import (
    Noise,
    Sampling,
    SeededNoise,
    sample,
)
from liveportrait_core.engines.liveportrait.joyvasa.weights import JoyVasaWeights, read
from liveportrait_core.engines.liveportrait.joyvasa.windows import FPS, LEAD_FRAMES, cut_windows
from liveportrait_core.engines.liveportrait.motion.composition import LIP_ROWS
from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import Floats
from liveportrait_core.engines.liveportrait.motion.speaking import SpokenMouth
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.options import SpeechHead
from liveportrait_core.speech.values import SAMPLE_RATE_HZ, MouthTrack, Speech


@dataclass(frozen=True, kw_only=True, eq=False)
class SpokenMotion:
    """What a sound makes a face do, at 25 frames a second."""

    speaking: HeadMotion
    silent: HeadMotion  # what silence makes of the same noise: the method's own rest

    @property
    def fps(self) -> Fraction:
        """Constant frame rate."""
        return Fraction(FPS)


class JoyVasa:
    """The networks, loaded once; the same sound and seed give the same motion."""

    def __init__(
        self, weights: JoyVasaWeights, *, sampling: Sampling | None = None, strict: bool = True
    ) -> None:
        """Take loaded weights.

        Args:
            weights: from `read`.
            sampling: None: as the original samples, in the steps that the weights file names.
            strict: refuse motion that no face makes; random weights make some.
        """
        self._weights = weights
        self._sampling = sampling or Sampling(steps=weights.steps)
        self._strict = strict
        self._window_s: float | None = None  # that one window takes here, once it was tried

    @classmethod
    def opened(
        cls, folder: Path, *, sampling: Sampling | None = None, strict: bool = True
    ) -> "JoyVasa":
        """Load the converted weights of a folder.

        Raises:
            MethodNotInstalled: they, or the package transformers, are not there.
            CheckpointMismatch: the file holds something else.
        """
        return cls(read(folder), sampling=sampling, strict=strict)

    def talk(
        self,
        idle: LivePortraitMotion,
        speech: Speech,
        mouth: MouthTrack,
        *,
        strength: float,
        head: SpeechHead,
        start_frame: int,
    ) -> LivePortraitMotion:
        """Lay the lips over an idle: what they do beyond the method's own rest.

        With `head` speech the motion is the method's own, from its first frame on, with the lips
        measured against silence likewise. Noise is seeded by the sound: the same inputs give the
        same bytes.

        Raises:
            SpeechFailed: the motion is not finite, or beyond what faces do.
        """
        spoken = self.motion(speech, seed=hashlib.sha256(speech.samples.tobytes()).hexdigest())
        moves = spoken.speaking.expression - spoken.silent.expression
        lips = np.zeros_like(moves)
        lips[:, list(LIP_ROWS)] = np.float32(strength) * moves[:, list(LIP_ROWS)]
        times = np.arange(mouth.frame_count) * float(spoken.fps / mouth.fps)
        if head is SpeechHead.SPEECH:
            return _whole_motion(spoken, times, mouth.fps, strength)
        return replace(
            idle,
            spoken=SpokenMouth(
                expression=_at(times, lips),
                closing=np.zeros(mouth.frame_count, np.float32),
                activity=mouth.activity,
                start_frame=start_frame,
            ),
        )

    def seconds_for(self, sound_seconds: float) -> float:
        """Return how long `talk` takes here for a sound of this length, by a few steps, once."""
        if self._window_s is None:
            self._window_s = self._try_window()
        silence = np.zeros(int(sound_seconds * SAMPLE_RATE_HZ), np.float32)
        windows = len(cut_windows(silence).windows)
        return 2 * windows * self._window_s  # the sound, and silence

    def _try_window(self) -> float:
        few, more = 2, 6
        spent = []
        for steps in (few, few, more):  # the first sets up what is set up once
            began = time.perf_counter()
            trial = JoyVasa(self._weights, sampling=Sampling(steps=steps), strict=False)
            trial._drawn(np.zeros(SAMPLE_RATE_HZ, np.float32), SeededNoise("trial"))
            spent.append(time.perf_counter() - began)
        a_step = max(0.0, spent[2] - spent[1]) / (more - few)
        steps = self._sampling.steps or self._weights.generator.schedule.steps
        return spent[1] + (steps - few) * a_step

    def motion(self, speech: Speech, *, seed: str) -> SpokenMotion:
        """Draw the motion of a sound.

        Args:
            speech: of any length.
            seed: any text; another one gives another motion.

        Raises:
            SpeechFailed: the motion is not finite, or beyond what faces do.
        """
        silence = np.zeros_like(speech.samples)
        speaking, silent = (
            self._drawn(samples, SeededNoise(seed)) for samples in (speech.samples, silence)
        )
        return SpokenMotion(speaking=speaking, silent=silent)

    def _drawn(self, samples: NDArray[np.float32], noise: Noise) -> HeadMotion:
        generator, encoder = self._weights.generator, self._weights.encoder
        cut = cut_windows(samples)
        with torch.inference_mode():
            features = [generator.sound_features(encoder(window)) for window in cut.windows]
            numbers = sample(generator, features, noise, self._sampling)[: cut.frame_count]
        # Without the first frames, whose sound is the silence put before, frame i hears frame i.
        heard = numbers.numpy()[LEAD_FRAMES:][: -(-len(samples) * FPS // SAMPLE_RATE_HZ)]
        return smoothed(denormalised(heard, self._weights.statistics, strict=self._strict))


def _whole_motion(
    spoken: SpokenMotion, times: NDArray[np.floating[Any]], fps: Fraction, strength: float
) -> LivePortraitMotion:
    """Return the method's own motion: its changes since the first frame, times the strength."""
    head, rows = spoken.speaking, list(LIP_ROWS)
    expression = head.expression.copy()
    expression[:, rows] -= spoken.silent.expression[:, rows]

    def changed(values: Floats) -> Floats:
        return _at(times, values[:1] + np.float32(strength) * (values - values[:1]))

    moved = HeadMotion(
        expression=changed(expression),
        scale=changed(head.scale),
        translation=changed(head.translation),
        pitch_deg=changed(head.pitch_deg),
        yaw_deg=changed(head.yaw_deg),
        roll_deg=changed(head.roll_deg),
    )
    return LivePortraitMotion(measured=MeasuredMotion.without_openings(moved.motion), fps=fps)


def _at(times: NDArray[np.floating[Any]], values: Floats) -> Floats:
    """Interpolate N×… values linearly at times counted in frames; the ends are held."""
    low = np.clip(np.floor(times).astype(int), 0, len(values) - 1)
    high = np.minimum(low + 1, len(values) - 1)
    share = np.clip(times - low, 0, 1).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    return (1 - share) * values[low] + share * values[high]
