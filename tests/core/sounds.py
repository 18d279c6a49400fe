"""Sounds for tests: bursts and vowels as arrays, put into files by the bundled ffmpeg."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.speech.values import SAMPLE_RATE_HZ, Speech
from tests.core.clips import ffmpeg

Samples = NDArray[np.float32]


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)


def burst(seconds: float, *, begin_s: float, end_s: float, hertz: float = 700) -> Samples:
    """Silence with a tone in it."""
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    is_on = (time_s >= begin_s) & (time_s < end_s)
    return np.where(is_on, 0.5 * np.sin(2 * np.pi * hertz * time_s), 0).astype(np.float32)


def wav(path: Path, samples: Samples, rate_hz: int = SAMPLE_RATE_HZ) -> Path:
    """A WAV of 32-bit floats, written byte by byte."""
    body = samples.astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, rate_hz, 4 * rate_hz, 4, 32)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body)) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


def recorded(path: Path, samples: Samples, *how: str) -> Path:
    """The samples as a file of another kind."""
    pipe = ("-f", "f32le", "-ar", str(SAMPLE_RATE_HZ), "-ac", "1", "-i", "-")
    ffmpeg(*pipe, *how, str(path), feed=samples.astype("<f4").tobytes())
    return path


# Centres of the first three formants (Peterson and Barney, 1952, men), and the share of each.
PHONES: dict[str, tuple[tuple[float, float], ...]] = {
    "a": ((730, 1.0), (1090, 0.6), (2440, 0.1)),
    "i": ((270, 1.0), (2290, 0.3), (3010, 0.15)),
    "u": ((300, 1.0), (870, 0.15), (2240, 0.01)),
    "m": ((250, 0.8),),
}


def spoken(*phones: tuple[str, float]) -> Samples:
    """Vowels and "m" as (phone, seconds), " " for silence, "s" and "f" as noise."""
    return np.concatenate([_phone(name, seconds) for name, seconds in phones])


def _phone(name: str, seconds: float) -> Samples:
    if name == " ":
        return silence(seconds)
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    if name in "sf":
        noise = np.diff(np.random.default_rng(1).standard_normal(len(time_s) + 1))
        return ((0.05 if name == "s" else 0.01) * noise).astype(np.float32)
    sound = np.zeros(len(time_s))
    for hertz in range(120, 4000, 120):
        gain = sum(share / (1 + ((hertz - at) / 80) ** 2) for at, share in PHONES[name])
        sound += 0.15 * gain * np.sin(2 * np.pi * hertz * time_s)
    return sound.astype(np.float32)


def speech(samples: Samples) -> Speech:
    return Speech(samples=samples.astype(np.float32))


def loud_from_to_s(samples: Samples) -> tuple[float, float]:
    """When it is louder than a third of its loudest."""
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() / 3)
    return loud[0] / SAMPLE_RATE_HZ, loud[-1] / SAMPLE_RATE_HZ
