"""The loop in motion space: the end leads back to the beginning without a jump."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from liveportrait_core.engines.loop import close_loop, ease_frames

Array = NDArray[np.float64]

UNHURRIED = settings(deadline=None)  # the machine may be busy


def wandering(seed: int, frames: int, channels: int = 3) -> Array:
    """A smooth random walk that ends far from where it began."""
    random = np.random.default_rng(seed)
    speed = random.normal(size=(frames + 20, channels))
    kernel = np.hanning(21)[:, None] / np.hanning(21).sum()
    smooth = np.stack(
        [np.convolve(speed[:, i], kernel[:, 0], "valid") for i in range(channels)], axis=1
    )
    return np.cumsum(smooth, axis=0)


def speeds(samples: Array) -> Array:
    return np.linalg.norm(np.diff(samples, axis=0).reshape(len(samples) - 1, -1), axis=1)


@UNHURRIED
@given(seed=st.integers(0, 10_000), frames=st.integers(45, 300))
def test_the_step_across_the_seam_is_no_larger_than_the_usual_one(seed: int, frames: int) -> None:
    closed = close_loop(wandering(seed, frames), ease_frames(frames, 30.0, seconds=1.2))
    assert np.linalg.norm(closed[0] - closed[-1]) <= np.median(speeds(closed))


@UNHURRIED
@given(seed=st.integers(0, 10_000), frames=st.integers(45, 300))
def test_the_pace_does_not_jump_at_the_seam(seed: int, frames: int) -> None:
    closed = close_loop(wandering(seed, frames), ease_frames(frames, 30.0, seconds=1.2))
    around = np.concatenate([closed[-3:], closed[:3]])
    jerks = np.linalg.norm(np.diff(around, n=2, axis=0), axis=1)
    assert jerks.max() <= 1.5 * speeds(closed).max()


@pytest.mark.parametrize("seed", range(8))
def test_the_seam_is_crossed_at_the_pace_and_in_the_direction_of_the_first_step(seed: int) -> None:
    closed = close_loop(wandering(seed, 120), ease_frames(120, 30.0, seconds=1.2))
    across, first = closed[0] - closed[-1], closed[1] - closed[0]
    usual = min(np.linalg.norm(first), np.median(speeds(closed)) / 2)
    assert usual / 2 <= np.linalg.norm(across) <= 2 * usual
    assert across @ first > 0.9 * np.linalg.norm(across) * np.linalg.norm(first)


@UNHURRIED
@given(seed=st.integers(0, 10_000), frames=st.integers(20, 100), ease=st.integers(1, 10))
def test_only_the_last_part_is_led_back(seed: int, frames: int, ease: int) -> None:
    samples = wandering(seed, frames)
    assert np.array_equal(close_loop(samples, ease)[:-ease], samples[:-ease])


def test_stillness_stays_still() -> None:
    still = np.full((30, 4, 2), 0.7)
    assert np.array_equal(close_loop(still, 10), still)


def test_any_shape_of_samples_is_closed_alike() -> None:
    flat = wandering(5, 80, channels=6)
    shaped = close_loop(flat.reshape(80, 3, 2), 30)
    assert np.allclose(shaped.reshape(80, 6), close_loop(flat, 30))


@pytest.mark.parametrize(
    ("frames", "fps", "expected"), [(300, 30.0, 36), (300, 25.0, 30), (40, 30.0, 20), (2, 30.0, 1)]
)
def test_the_closing_part_fits_the_clip(frames: int, fps: float, expected: int) -> None:
    assert ease_frames(frames, fps, seconds=1.2) == expected
