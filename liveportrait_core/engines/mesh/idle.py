"""Synthetic idle: sway, breath and blinks of a person at rest, without a driving clip.

Slow sway and breath as band-limited noise, blinks at human intervals, a hint of a smile. Seeded,
and exactly periodic, so that the loop needs no closing. Knows no picture; amplitudes are those of
a recorded person.
"""

from fractions import Fraction

import numpy as np
from numpy.random import Generator

from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.points import CONTROL_POINT_NAMES, CONTROL_POINTS, Array

SWAY_DEG = (2.8, 6.5, 2.8)  # pitch, yaw, roll: usual reach
SWAY_BAND_HZ = (0.10, 0.45)
BREATH_S = 4.2
BREATH_PITCH_DEG = 0.5
BREATH_RISE = 0.012
SHIFT, SIZE = (0.05, 0.02), 0.004
CENTRAL = 0.15  # how much a place near the middle of the sway counts against a slow one
BLINK_INTERVAL_S = (1.8, 5.5)
BLINK_CLOSE_S, BLINK_HOLD_S, BLINK_OPEN_S = 0.09, 0.045, 0.20
SMILE = 0.05
BROW = 0.03


def synthetic_idle(*, seed: int, seconds: float, fps: Fraction) -> MeshMotion:
    """Generate round(seconds × fps) frames, at least two; a seed gives the same motion again."""
    count = max(2, round(seconds * fps))
    length_s = count / float(fps)
    random = np.random.default_rng(seed)
    time_s = np.arange(count) / float(fps)
    reach = np.array([*SWAY_DEG, *SHIFT, SIZE])
    sway = np.stack([_noise(random, time_s, length_s) for _channel in reach], axis=1) * reach
    sway = _from_its_calmest(sway + _breath(time_s, length_s), reach)
    return MeshMotion(
        fps=fps,
        rotation_deg=sway[:, :3],
        shift=sway[:, 3:],
        control_points=_expression(random, time_s, length_s),
        closure=_blinks(random, time_s, length_s),
        periodic=True,
    )


def _noise(random: Generator, time_s: Array, length_s: float) -> Array:
    """Return band-limited noise with a period of `length_s`, within -1..1."""
    low, high = (max(1, round(f * length_s)) for f in SWAY_BAND_HZ)
    harmonics = np.arange(low, max(high, low + 1) + 1)
    phase = 2 * np.pi * np.outer(time_s / length_s, harmonics)
    gain = harmonics.astype(np.float64) ** -0.8
    sine, cosine = random.normal(size=(2, len(harmonics))) * gain
    noise = np.sin(phase) @ sine + np.cos(phase) @ cosine
    return noise / max(float(np.abs(noise).max()), 1e-9)


def _breath(time_s: Array, length_s: float) -> Array:
    """Return what a whole number of breaths adds to the sway: chin and shoulders rise."""
    breaths = max(1, round(length_s / BREATH_S))
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * breaths * time_s / length_s)
    return np.outer(breath, [BREATH_PITCH_DEG, 0, 0, 0, -BREATH_RISE, 0])


def _from_its_calmest(sway: Array, reach: Array) -> Array:
    """Rotate the sway to begin where it is slow and central: there the video restarts.

    Relative to that instant, and within the reach again.
    """
    speed = np.linalg.norm((np.roll(sway, -1, 0) - np.roll(sway, 1, 0)) / reach, axis=1)
    away = np.linalg.norm(sway / reach, axis=1)
    calmest = int(np.argmin(speed / np.median(speed) + CENTRAL * away))
    begun = np.roll(sway, -calmest, axis=0) - sway[calmest]
    return begun * np.minimum(1, reach / np.abs(begun).max(0))


def _expression(random: Generator, time_s: Array, length_s: float) -> Array:
    """Generate a hint of a smile that comes and goes, and slightly moving brows."""
    control_points = np.zeros((len(time_s), len(CONTROL_POINTS), 2))
    smile = SMILE * (0.5 - 0.5 * np.cos(2 * np.pi * time_s[:, None] / length_s))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        control_points[:, CONTROL_POINT_NAMES.index(f"{side} mouth corner")] = smile * (
            sign * 0.8,
            -0.7,
        )
        control_points[:, CONTROL_POINT_NAMES.index(f"{side} cheek")] = smile * (sign * 0.2, -0.45)
    brow = BROW * _noise(random, time_s, length_s)
    brow -= brow[0]
    for index, name in enumerate(CONTROL_POINT_NAMES):
        if "brow" in name:
            control_points[:, index, 1] = brow * (0.7 if "inner" in name else 1.0)
    return control_points


def _blinks(random: Generator, time_s: Array, length_s: float) -> Array:
    """Generate blinks at irregular intervals, none across the loop's seam."""
    closure = np.zeros(len(time_s))
    duration = BLINK_CLOSE_S + BLINK_HOLD_S + BLINK_OPEN_S
    at = min(float(random.uniform(0.5, 0.5 * BLINK_INTERVAL_S[1])), 0.6 * length_s)
    while at + duration < length_s - 0.15:
        closure = np.maximum(closure, _blink(time_s - at))
        at += duration + float(random.uniform(*BLINK_INTERVAL_S))
    return np.stack([closure, closure], axis=1)


def _blink(since_s: Array) -> Array:
    closing = np.clip(since_s / BLINK_CLOSE_S, 0, 1)
    opening = np.clip((since_s - BLINK_CLOSE_S - BLINK_HOLD_S) / BLINK_OPEN_S, 0, 1)
    return closing**2 * (3 - 2 * closing) * (1 - opening**2 * (3 - 2 * opening))
