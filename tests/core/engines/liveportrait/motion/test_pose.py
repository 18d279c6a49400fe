"""Rotation, key points and smoothing, by their properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import QhullError
from scipy.spatial.transform import Rotation

from liveportrait_core.engines.liveportrait.motion.pose import (
    POSE_BINS,
    Floats,
    Motion,
    head_pose_degrees,
    hull_multiplier,
    rotation_matrix,
    smooth,
    transform_keypoints,
)

angles = st.floats(-97, 97, width=32)
triples = st.tuples(angles, angles, angles)


def column(*values: float) -> Floats:
    return np.array(values, np.float32)[:, None]


def motion(seed: int = 0, frames: int = 2) -> Motion:
    rng = np.random.default_rng(seed)
    pose = rng.uniform(-40, 40, (3, frames, 1)).astype(np.float32)
    return Motion(
        canonical_keypoints=rng.normal(0, 0.3, (frames, 21, 3)).astype(np.float32),
        rotation=rotation_matrix(*pose),
        expression=rng.normal(0, 0.05, (frames, 21, 3)).astype(np.float32),
        scale=rng.uniform(1, 1.5, (frames, 1)).astype(np.float32),
        translation=rng.normal(0, 0.1, (frames, 3)).astype(np.float32),
    )


@given(st.integers(0, POSE_BINS - 1))
def test_a_certain_bin_means_its_angle(chosen: int) -> None:
    logits = np.full((1, POSE_BINS), -200, np.float32)
    logits[0, chosen] = 200
    assert head_pose_degrees(logits)[0, 0] == pytest.approx(3 * chosen - 97.5)


@given(st.floats(-1000, 1000, width=32))
def test_only_differences_between_logits_count(offset: float) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (2, POSE_BINS)).astype(np.float32)
    moved = head_pose_degrees(logits + np.float32(offset))
    np.testing.assert_allclose(moved, head_pose_degrees(logits), atol=2e-2)


def test_degrees_pass_through() -> None:
    degrees = column(1.0, -30.0)
    assert head_pose_degrees(degrees) is degrees


@given(triples)
def test_rotations_are_those_of_scipy_transposed(pose: tuple[float, float, float]) -> None:
    pitch, yaw, roll = pose
    matrix = rotation_matrix(column(pitch), column(yaw), column(roll))[0]
    expected = Rotation.from_euler("xyz", pose, degrees=True).as_matrix().T
    np.testing.assert_allclose(matrix, expected, atol=1e-6)


def test_angles_may_be_flat_or_columns() -> None:
    pose = np.random.default_rng(1).uniform(-50, 50, (3, 4, 1)).astype(np.float32)
    flat = rotation_matrix(*pose[:, :, 0])
    assert np.array_equal(flat, rotation_matrix(*pose))


def test_key_points_are_turned_then_expressed_then_scaled_then_moved() -> None:
    values = motion()
    keypoints = transform_keypoints(values)
    turned = np.einsum("bki,bij->bkj", values.canonical_keypoints, values.rotation)
    expected = values.scale[:, None] * (turned + values.expression)
    expected[..., :2] += values.translation[:, None, :2]
    np.testing.assert_allclose(keypoints, expected, atol=1e-6)
    assert keypoints.dtype == np.float32


def test_depth_translation_does_not_count_and_nothing_is_changed_in_place() -> None:
    values = motion()
    before = values.translation.copy()
    other = np.array(values.translation)
    other[:, 2] += 5
    moved = Motion(**{**vars(values), "translation": other})
    assert np.array_equal(transform_keypoints(values), transform_keypoints(moved))
    assert np.array_equal(values.translation, before)


@given(st.floats(0.5, 2.0))
def test_the_hull_multiplier_is_the_scale_to_the_power_of_three_halves(scale: float) -> None:
    face = motion().canonical_keypoints[0]
    assert hull_multiplier(face * np.float32(scale), face) == pytest.approx(scale**1.5, rel=1e-4)


def test_a_flat_face_has_no_hull() -> None:
    face = motion().canonical_keypoints[0]
    with pytest.raises(QhullError):
        hull_multiplier(face * np.array([1, 1, 0], np.float32), face)


variances = st.sampled_from([1e-9, 3e-7, 3e-6, 1e-4, 1e-2])


@given(st.integers(1, 30), variances, st.floats(-2, 2, width=32))
def test_smoothing_keeps_a_constant(frames: int, variance: float, value: float) -> None:
    sequence = np.full((frames, 2, 3), value, np.float32)
    np.testing.assert_allclose(smooth(sequence, variance), sequence, atol=1e-6)


@given(st.integers(0, 1000), st.integers(2, 12), variances)
@settings(max_examples=40)
def test_smoothing_is_the_most_likely_path(seed: int, frames: int, variance: float) -> None:
    # The smoother's mean minimises all squared surprises at once: solved here as one system.
    sequence = np.random.default_rng(seed).normal(0, 0.1, frames)
    prior, process, observed = 1.0, 1e-5, variance
    normal = np.eye(frames) / observed
    normal[0, 0] += 1 / prior
    for i in range(frames - 1):
        normal[i : i + 2, i : i + 2] += np.array([[1, -1], [-1, 1]]) / process
    right = sequence / observed
    right[0] += sequence[0] / prior
    smoothed = smooth(sequence.astype(np.float32)[:, None], variance)[:, 0]
    np.testing.assert_allclose(smoothed, np.linalg.solve(normal, right), atol=1e-6)


@given(variances)
def test_smoothing_calms(variance: float) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, (40, 3)).astype(np.float32)
    assert (
        np.abs(np.diff(smooth(noise, variance), axis=0)).sum()
        <= np.abs(np.diff(noise, axis=0)).sum()
    )


def test_a_single_frame_comes_back_as_it_is() -> None:
    frame = np.random.default_rng(3).normal(0, 1, (1, 21, 3)).astype(np.float32)
    assert np.array_equal(smooth(frame, 3e-7), frame)


def test_smoothing_does_not_touch_its_input() -> None:
    sequence = np.random.default_rng(4).normal(0, 1, (5, 3)).astype(np.float32)
    before = sequence.copy()
    smooth(sequence, 1e-4)
    assert np.array_equal(sequence, before)
