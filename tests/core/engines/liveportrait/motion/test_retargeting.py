"""How far eyes and lips are open, and the questions to the small networks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.engines.liveportrait.motion.pose import Floats
from liveportrait_core.engines.liveportrait.motion.retargeting import (
    apply_stitching,
    eye_ratios_with_driving,
    retargeting_input,
    stitching_input,
    with_target,
)
from liveportrait_core.face.openings import eye_close_ratios, lip_close_ratio

RNG = np.random.default_rng(0)


def face(*, left: float = 3, right: float = 4, lip: float = 5) -> Floats:
    """203 landmarks: both eyes 10 wide, the lips 20, opened as given."""
    points = np.zeros((1, 203, 2), np.float32)
    for (upper, lower, corner, other), opening, width in (
        ((6, 18, 0, 12), left, 10),
        ((30, 42, 24, 36), right, 10),
        ((90, 102, 48, 66), lip, 20),
    ):
        points[0, upper], points[0, lower] = (50, 50 - opening), (50, 50)
        points[0, corner], points[0, other] = (40, 50), (40 + width, 50)
    return points


def keypoints(count: int) -> Floats:
    return RNG.normal(0, 0.3, (count, 21, 3)).astype(np.float32)


def test_openings_are_relative_to_the_width() -> None:
    np.testing.assert_allclose(eye_close_ratios(face()), [[0.3, 0.4]], atol=1e-6)
    np.testing.assert_allclose(lip_close_ratio(face()), [[0.25]], atol=1e-6)


def test_closed_is_zero() -> None:
    assert lip_close_ratio(face(lip=0)) == 0
    assert not eye_close_ratios(face(left=0, right=0)).any()


@given(st.floats(0.1, 20), st.floats(-500, 500))
def test_openings_do_not_depend_on_size_and_place(scale: float, shift: float) -> None:
    moved = (face() * scale + shift).astype(np.float32)
    np.testing.assert_allclose(eye_close_ratios(moved), eye_close_ratios(face()), atol=1e-2)
    np.testing.assert_allclose(lip_close_ratio(moved), lip_close_ratio(face()), atol=1e-2)


def test_landmarks_in_one_point_do_not_divide_by_zero() -> None:
    assert np.isfinite(lip_close_ratio(np.zeros((1, 203, 2), np.float32))).all()


def test_both_eyes_follow_the_driving_left_eye() -> None:
    source, driving = eye_close_ratios(face()), eye_close_ratios(face(left=1, right=9))
    np.testing.assert_allclose(
        eye_ratios_with_driving(source, driving), [[0.3, 0.4, 0.1]], atol=1e-6
    )


def test_the_target_comes_last() -> None:
    target = np.array([[0.5]], np.float32)
    np.testing.assert_allclose(
        with_target(lip_close_ratio(face()), target), [[0.25, 0.5]], atol=1e-6
    )


def test_questions_hold_the_key_points_in_order() -> None:
    source, driving = keypoints(3), keypoints(3)
    question = stitching_input(source, driving)
    assert question.shape == (3, 126)
    assert np.array_equal(question[1, :63], source[1].ravel())
    assert np.array_equal(question[1, 63:], driving[1].ravel())
    ratios = RNG.random((3, 2), dtype=np.float32)
    question = retargeting_input(source, ratios)
    assert question.shape == (3, 65)
    assert np.array_equal(question[2], [*source[2].ravel(), *ratios[2]])


def test_stitching_moves_each_point_and_all_points() -> None:
    driving, offsets = keypoints(2), np.zeros((2, 65), np.float32)
    assert np.array_equal(apply_stitching(driving, offsets), driving)
    offsets[1, 4] = 0.5  # the second point's y
    offsets[1, 63:] = (1, 2)
    moved = apply_stitching(driving, offsets) - driving
    assert not moved[0].any()
    assert moved[1, 1] == pytest.approx([1, 2.5, 0], abs=1e-6)
    assert moved[1, 20] == pytest.approx([1, 2, 0], abs=1e-6)
