"""Sounds and what a mouth does in them: the material, and the same in worse recordings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.mouth_fit.sentences import SENTENCES
from benchmarks.mouth_fit.synthesisers import (
    ESPEAK_VARIANTS,
    FLITE_VOICES,
    Espeak,
    SpokenClip,
    say_with_flite,
)
from liveportrait_core.speech.track import smoothed
from liveportrait_core.speech.values import SAMPLE_RATE_HZ
from liveportrait_core.speech.visemes import articulated
from liveportrait_core.speech.voice.activity import voiced_rows
from liveportrait_core.speech.voice.articulation import loudness, ruled_shapes
from liveportrait_core.speech.voice.mel import in_context, log_mels
from liveportrait_core.speech.voice.spectrum import power_spectra

SHAPES: Final = ("open", "wide", "round")
_TELEPHONE_HZ: Final = (300, 3400)

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A clip as the fit sees it: rows in which it speaks, and a voice is told."""

    voice: str
    features: Array  # N×338
    wanted: Array  # N×3, SHAPES by the viseme table, smoothed as in a track
    ruled: Array  # N×2: open and wide, smoothed
    loudness: Array  # N, smoothed


def material() -> Iterator[SpokenClip]:
    """Say every sentence with two of espeak-ng's voices, the English ones with flite's too."""
    espeak = Espeak()
    for shift, (language, sentences) in enumerate(SENTENCES.items()):
        for number, sentence in enumerate(sentences):
            for offset in (0, 3):
                variant = ESPEAK_VARIANTS[(number + shift + offset) % len(ESPEAK_VARIANTS)]
                yield espeak.say(sentence, language, variant)
    for sentence in SENTENCES["en-us"]:
        for voice in FLITE_VOICES:
            yield say_with_flite(sentence, voice)


def example(clip: SpokenClip, recording: Callable[[Array], Array] = lambda sound: sound) -> Example:
    """Give the rows of a clip as a recording of it has them."""
    samples = recording(clip.speech.samples.astype(np.float64)).astype(np.float32)
    powers = power_spectra(samples)
    is_active = voiced_rows(powers)
    said, is_spoken = articulated(clip.visemes, len(powers))
    rows = is_active & is_spoken
    wanted = [smoothed(getattr(said, shape), is_spoken)[rows] for shape in SHAPES]
    ruled = ruled_shapes(powers, is_active)
    return Example(
        voice=clip.voice,
        features=in_context(log_mels(powers, is_active))[rows],
        wanted=np.stack(wanted, axis=1),
        ruled=np.stack([smoothed(curve, is_active)[rows] for curve in ruled.T], axis=1),
        loudness=smoothed(loudness(powers, is_active), is_active)[rows],
    )


def recordings(seed: int) -> tuple[Callable[[Array], Array], ...]:
    """Give the recordings that the fit hears of each clip: clean, noise, a room, a telephone."""
    rng = np.random.default_rng(seed)
    return (
        lambda sound: sound,
        lambda sound: _tilted(noisy(sound, rng.uniform(12, 35), rng), rng.uniform(-0.5, 0.8)),
        lambda sound: noisy(_in_a_room(sound, rng), rng.uniform(20, 40), rng),
        lambda sound: noisy(_over_the_telephone(sound), 30, rng),
    )


def noisy(sound: Array, ratio_db: float, rng: np.random.Generator) -> Array:
    """Add noise that falls with frequency."""
    noise = np.convolve(rng.standard_normal(len(sound)), (1, 0.7, 0.4, 0.2), "same")
    gain = np.sqrt((sound**2).mean() / (noise**2).mean()) * 10 ** (-ratio_db / 20)
    return sound + gain * noise


def _tilted(sound: Array, share: float) -> Array:
    return sound - share * np.concatenate(([0], sound[:-1]))


def _in_a_room(sound: Array, rng: np.random.Generator) -> Array:
    echo = 0.05 * rng.standard_normal(4400) * np.exp(-np.arange(4400) / 1200)
    return np.convolve(sound, np.concatenate(([1], np.zeros(399), echo)))[: len(sound)]


def _over_the_telephone(sound: Array) -> Array:
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    spectrum[(hertz < _TELEPHONE_HZ[0]) | (hertz > _TELEPHONE_HZ[1])] *= 0.02
    return np.fft.irfft(spectrum, len(sound))
