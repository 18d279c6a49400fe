"""Synthetic idle: the motion of somebody who stands still and is alive, without a driving clip.

Slow sway and breath as band-limited noise, blinks at human intervals, a hint of a smile. Seeded,
and exactly periodic, so that the loop needs no closing. Knows no picture; amplitudes are those of
a filmed person.
"""

from fractions import Fraction

import numpy as np
from numpy.random import Generator

from liveportrait_core.mesh.motion import MeshMotion
from liveportrait_core.mesh.points import HANDLE_NAMES, HANDLES, Array

SWAY_DEG = (2.8, 6.5, 2.8)  # pitch, yaw, roll: usual reach
SWAY_BAND_HZ = (0.10, 0.45)
BREATH_S = 4.2
BREATH_PITCH_DEG = 0.5
BREATH_RISE = 0.012
SHIFT = (0.05, 0.02)
BLINK_INTERVAL_S = (1.8, 5.5)
BLINK_CLOSE_S, BLINK_HOLD_S, BLINK_OPEN_S = 0.09, 0.045, 0.20
SMILE = 0.05
BROW = 0.03


def synthetic_idle(*, seed: int, seconds: float, fps: Fraction) -> MeshMotion:
    """Motion for round(seconds × fps) frames, at least two; the same seed gives the same motion."""
    count = max(2, round(seconds * fps))
    length_s = count / float(fps)
    random = np.random.default_rng(seed)
    time_s = np.arange(count) / float(fps)
    rotation = np.stack([reach * _noise(random, time_s, length_s) for reach in SWAY_DEG], axis=1)
    shift = np.stack(
        [reach * _noise(random, time_s, length_s) for reach in (*SHIFT, 0.004)], axis=1
    )
    breath = _breath(time_s, length_s)
    rotation[:, 0] += BREATH_PITCH_DEG * breath
    shift[:, 1] -= BREATH_RISE * breath
    return MeshMotion(
        fps=fps,
        rotation_deg=rotation,
        shift=shift,
        handles=_expression(random, time_s, length_s),
        closure=_blinks(random, time_s, length_s),
        periodic=True,
    )


def _noise(random: Generator, time_s: Array, length_s: float) -> Array:
    """Band-limited noise with a period of `length_s`, zero at its start, mostly within -1..1."""
    low, high = (max(1, round(f * length_s)) for f in SWAY_BAND_HZ)
    harmonics = np.arange(low, max(high, low + 1) + 1)
    phase = 2 * np.pi * np.outer(time_s / length_s, harmonics)
    gain = harmonics.astype(np.float64) ** -0.8
    sine = random.normal(size=len(harmonics)) * gain
    cosine = random.normal(size=len(harmonics)) * gain
    cosine -= cosine.mean()  # so that the noise starts at its own mean, zero
    noise = np.sin(phase) @ sine + np.cos(phase) @ cosine
    return noise / max(float(np.abs(noise).max()), 1e-9)


def _breath(time_s: Array, length_s: float) -> Array:
    """0 breathed out, 1 breathed in; a whole number of breaths."""
    breaths = max(1, round(length_s / BREATH_S))
    return 0.5 - 0.5 * np.cos(2 * np.pi * breaths * time_s / length_s)


def _expression(random: Generator, time_s: Array, length_s: float) -> Array:
    """A hint of a smile that comes and goes, brows that are not quite still."""
    handles = np.zeros((len(time_s), len(HANDLES), 2))
    smile = (
        0.5 - 0.5 * np.cos(2 * np.pi * time_s / length_s) + 0.15 * _noise(random, time_s, length_s)
    )
    for side, sign in (("left", -1.0), ("right", 1.0)):
        corner = HANDLE_NAMES.index(f"{side} mouth corner")
        handles[:, corner] = SMILE * smile[:, None] * (sign * 0.8, -0.7)
        handles[:, HANDLE_NAMES.index(f"{side} cheek")] = (
            SMILE * smile[:, None] * (sign * 0.2, -0.45)
        )
    brow = BROW * _noise(random, time_s, length_s)
    for index, name in enumerate(HANDLE_NAMES):
        if "brow" in name:
            handles[:, index, 1] = brow * (0.7 if "inner" in name else 1.0)
    return handles


def _blinks(random: Generator, time_s: Array, length_s: float) -> Array:
    """Both lids together, at irregular intervals; none across the seam of the loop."""
    closure = np.zeros(len(time_s))
    duration = BLINK_CLOSE_S + BLINK_HOLD_S + BLINK_OPEN_S
    at = float(random.uniform(0.5, 0.5 * BLINK_INTERVAL_S[1]))
    at = min(at, 0.6 * length_s)
    while at + duration < length_s - 0.15:
        closure = np.maximum(closure, _blink(time_s - at))
        at += duration + float(random.uniform(*BLINK_INTERVAL_S))
    return np.stack([closure, closure], axis=1)


def _blink(since_s: Array) -> Array:
    closing = np.clip(since_s / BLINK_CLOSE_S, 0, 1)
    opening = np.clip((since_s - BLINK_CLOSE_S - BLINK_HOLD_S) / BLINK_OPEN_S, 0, 1)
    return closing**2 * (3 - 2 * closing) * (1 - opening**2 * (3 - 2 * opening))
