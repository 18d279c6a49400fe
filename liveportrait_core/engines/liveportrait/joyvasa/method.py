"""JoyVASA as a talking method: what lips and head do to a sound. joyvasa.md, section 8."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

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
from liveportrait_core.speech.values import SAMPLE_RATE_HZ, Speech


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

    def __init__(self, weights: JoyVasaWeights, *, sampling: Sampling | None = None) -> None:
        """Take loaded weights; `sampling` is the original's unless it says otherwise."""
        self._weights = weights
        self._sampling = sampling or Sampling()

    @classmethod
    def opened(cls, folder: Path, *, sampling: Sampling | None = None) -> "JoyVasa":
        """Load the converted weights of a folder.

        Raises:
            MethodNotInstalled: they, or the package transformers, are not there.
            CheckpointMismatch: the file holds something else.
        """
        return cls(read(folder), sampling=sampling)

    def motion(self, speech: Speech, *, seed: str, strict: bool = True) -> SpokenMotion:
        """Draw the motion of a sound.

        Args:
            speech: of any length.
            seed: any text; another one gives another motion.
            strict: refuse what no face does.

        Raises:
            SpeechFailed: the motion is not finite, or beyond what faces do.
        """
        silence = np.zeros_like(speech.samples)
        speaking, silent = (
            self._drawn(samples, SeededNoise(seed), strict=strict)
            for samples in (speech.samples, silence)
        )
        return SpokenMotion(speaking=speaking, silent=silent)

    def _drawn(self, samples: NDArray[np.float32], noise: Noise, *, strict: bool) -> HeadMotion:
        generator, encoder = self._weights.generator, self._weights.encoder
        cut = cut_windows(samples)
        with torch.inference_mode():
            features = [generator.sound_features(encoder(window)) for window in cut.windows]
            numbers = sample(generator, features, noise, self._sampling)[: cut.frame_count]
        # Without the first frames, whose sound is the silence put before, frame i hears frame i.
        heard = numbers.numpy()[LEAD_FRAMES:][: -(-len(samples) * FPS // SAMPLE_RATE_HZ)]
        return smoothed(denormalised(heard, self._weights.statistics, strict=strict))
