"""From noise to motion, window by window. joyvasa.md, sections 4 and 5."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from liveportrait_core.engines.liveportrait.joyvasa.generator import MotionGenerator
from liveportrait_core.engines.liveportrait.joyvasa.windows import WINDOW_FRAMES

DEFAULT_GUIDANCE = 2.8
SHAPE = (1, WINDOW_FRAMES, 70)


class Noise(Protocol):
    """Standard normal numbers, drawn in the order of the calls."""

    def start(self) -> Tensor:
        """Return what every window begins with: 1×100×70."""

    def of_step(self, window: int, step: int) -> Tensor:
        """Return what a step adds: 1×100×70."""


class SeededNoise:
    """The same words give the same numbers on every machine."""

    def __init__(self, seed: str) -> None:
        """Take any text, for example a request's fingerprint."""
        digest = hashlib.sha256(seed.encode()).digest()
        self._rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))

    def start(self) -> Tensor:
        """Return what every window begins with: 1×100×70."""
        return torch.from_numpy(self._rng.standard_normal(SHAPE).astype(np.float32))

    def of_step(self, window: int, step: int) -> Tensor:
        """Return the next numbers: 1×100×70."""
        del window, step
        return self.start()


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How motion is drawn."""

    guidance: float | None = DEFAULT_GUIDANCE  # of the sound against no sound; None: sound alone
    steps: int | None = None  # None: every step of the schedule; fewer: DDIM, other numbers


def sample(
    generator: MotionGenerator, features: Sequence[Tensor], noise: Noise, sampling: Sampling
) -> Tensor:
    """Draw the motion of consecutive windows.

    Args:
        generator: the networks.
        features: of each window's sound, 1×100×d.
        noise: drawn once at the start, then step by step.
        sampling: guidance, number of steps.

    Returns:
        Normalised motion, (100·windows)×70.
    """
    start = noise.start()
    motion: Tensor = generator.start_motion_feat
    heard: Tensor = generator.start_audio_feat
    kept = generator.previous_frames
    results = []
    for window, sound in enumerate(features):
        guess = WindowGuess(generator, sound, motion, heard, sampling.guidance)
        *_, result = trajectory(guess, generator, start, noise, window, sampling.steps)
        results.append(result)
        motion, heard = result[:, -kept:], sound[:, -kept:]
    return torch.cat(results, dim=1)[0]


class WindowGuess:
    """The guided guess of one window; what is heard is computed once."""

    def __init__(
        self,
        generator: MotionGenerator,
        sound: Tensor,
        previous_motion: Tensor,
        previous_sound: Tensor,
        guidance: float | None,
    ) -> None:
        self._denoiser = generator.denoising_net
        self._guidance = guidance
        silence = generator.null_audio_feat.expand_as(sound)
        sounds = [sound] if guidance is None else [silence, sound]
        self._motion = previous_motion.expand(len(sounds), -1, -1)
        memory = [torch.cat([previous_sound, each], dim=1) for each in sounds]
        self._heard = self._denoiser.listen(torch.cat(memory))

    def branches(self, noisy: Tensor, step: int) -> Tensor:
        """Return the guesses without and with the sound, all tokens: 2×(P+100)×70."""
        count = len(self._motion)
        steps = torch.full((count,), step)
        guess: Tensor = self._denoiser(
            self._motion, noisy.expand(count, -1, -1), self._heard, steps
        )
        return guess

    def __call__(self, noisy: Tensor, step: int) -> Tensor:
        """1×100×70 → 1×100×70."""
        guesses = self.branches(noisy, step)[:, -WINDOW_FRAMES:]
        if self._guidance is None:
            return guesses
        without, with_sound = guesses.chunk(2)
        return without + self._guidance * (with_sound - without)


def trajectory(
    guess: WindowGuess,
    generator: MotionGenerator,
    start: Tensor,
    noise: Noise,
    window: int,
    steps: int | None = None,
) -> Iterator[Tensor]:
    """Yield the motion from pure noise to clean, 1×100×70 each."""
    yield start
    if steps is None:
        yield from _every_step(guess, generator, start, noise, window)
    else:
        yield from _fewer_steps(guess, generator, start, steps)


def _every_step(
    guess: WindowGuess, generator: MotionGenerator, motion: Tensor, noise: Noise, window: int
) -> Iterator[Tensor]:
    schedule = generator.schedule
    for step in range(schedule.steps, 0, -1):
        clean = guess(motion, step)
        alpha, bar = schedule.alphas[step], schedule.alpha_bars[step]
        before = schedule.alpha_bars[step - 1]
        motion = (1 - before) * torch.sqrt(alpha) / (1 - bar) * motion + (1 - alpha) * torch.sqrt(
            before
        ) / (1 - bar) * clean
        if step > 1:
            motion = motion + schedule.sigmas[step] * noise.of_step(window, step)
        yield motion


def _fewer_steps(
    guess: WindowGuess, generator: MotionGenerator, motion: Tensor, steps: int
) -> Iterator[Tensor]:
    """DDIM without added noise (Song et al. 2020, eta = 0), at evenly spaced steps."""
    bars = generator.schedule.alpha_bars
    spaced = np.linspace(generator.schedule.steps, 0, steps + 1)
    for now, then in pairwise(np.unique(spaced.round().astype(int))[::-1].tolist()):
        clean = guess(motion, now)
        direction = (motion - torch.sqrt(bars[now]) * clean) / torch.sqrt(1 - bars[now])
        motion = torch.sqrt(bars[then]) * clean + torch.sqrt(1 - bars[then]) * direction
        yield motion
