"""What may be done to a driving face's motion: smoothing, size, anchor, parts."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import Floats, pose_degrees
from liveportrait_core.engines.liveportrait.motion.refinement import most_neutral_frame, refine
from liveportrait_core.engines.liveportrait.motion.settings import Anchor, MotionRefinement
from liveportrait_core.errors import InvalidOption
from tests.core.engines.liveportrait.motions import held, measured

FPS = Fraction(25)
EYES = [11, 13, 15, 16, 18]
LIPS = [6, 12, 14, 17, 19, 20]
OTHERS = [row for row in range(21) if row not in (*EYES, *LIPS)]


def refined(driving: MeasuredMotion, refinement: MotionRefinement) -> MeasuredMotion:
    return refine(driving, FPS, refinement).driving


def jitter(values: Floats) -> float:
    return float(np.abs(np.diff(values, n=2, axis=0)).mean())


@given(seed=st.integers(0, 30))
def test_as_it_stands_nothing_is_touched(seed: int) -> None:
    driving = measured(7, seed)
    result = refine(driving, FPS, MotionRefinement())
    assert result.anchor == 0
    for name, values in vars(driving.motion).items():
        assert np.array_equal(getattr(result.driving.motion, name), values)


@pytest.mark.parametrize("part", ["pose", "expression", "scale", "translation"])
def test_parts_are_smoothed_one_by_one(part: str) -> None:
    driving = measured(40, 5)
    smooth = refined(driving, MotionRefinement(**{f"smooth_{part}_s": 0.1}))  # type: ignore[arg-type]
    names = {"pose": "rotation"}
    for name in ("rotation", "expression", "scale", "translation"):
        before, after = getattr(driving.motion, name), getattr(smooth.motion, name)
        if name == names.get(part, part):
            assert jitter(after) < 0.5 * jitter(before)
        else:
            assert np.array_equal(after, before)


def test_smoothing_does_not_lag() -> None:
    """A bump stays where it is and stays symmetric."""
    driving = held(measured(1), 41)
    bump = driving.motion.expression.copy()
    bump[20] += 1
    driving = replace(driving, motion=replace(driving.motion, expression=bump))
    smooth = refined(driving, MotionRefinement(smooth_expression_s=0.1)).motion.expression
    curve = (smooth - driving.motion.expression[0]).mean(axis=(1, 2))
    assert int(np.argmax(curve)) == 20
    assert np.allclose(curve, curve[::-1], atol=1e-6)


@given(seed=st.integers(0, 30))
def test_smoothed_rotations_are_rotations(seed: int) -> None:
    rotation = refined(measured(12, seed), MotionRefinement(smooth_pose_s=0.2)).motion.rotation
    identity = rotation @ rotation.transpose(0, 2, 1)
    assert np.allclose(identity, np.eye(3), atol=1e-5)
    assert np.allclose(np.linalg.det(rotation), 1, atol=1e-5)


def test_the_size_can_be_locked() -> None:
    driving = measured(9, 2)
    scale = refined(driving, MotionRefinement(lock_scale=True)).motion.scale
    assert (scale == driving.motion.scale[0]).all()


@given(seed=st.integers(0, 30), multiplier=st.floats(0, 3))
def test_parts_of_the_expression_move_by_their_own_multiplier(seed: int, multiplier: float) -> None:
    driving = measured(5, seed)
    for name, rows in (("eye", EYES), ("lip", LIPS), ("expression", OTHERS)):
        refinement = MotionRefinement(**{f"{name}_multiplier": multiplier})  # type: ignore[arg-type]
        result = refined(driving, refinement)
        before, after = driving.motion.expression, result.motion.expression
        rest = [row for row in range(21) if row not in rows]
        assert np.allclose(after[:, rest], before[:, rest], atol=1e-6)
        change = before[:, rows] - before[:1, rows]
        assert np.allclose(after[:, rows], before[:1, rows] + multiplier * change, atol=1e-5)


@given(seed=st.integers(0, 30))
def test_half_the_pose_is_half_the_angle_place_and_growth(seed: int) -> None:
    driving = measured(4, seed).motion
    half = refined(measured(4, seed), MotionRefinement(pose_multiplier=0.5)).motion

    def angle(rotation: Floats) -> Floats:
        change = rotation @ rotation[:1].transpose(0, 2, 1)
        cosine = (np.trace(change, axis1=1, axis2=2) - 1) / 2
        return np.arccos(np.clip(cosine, -1, 1))

    assert np.allclose(angle(half.rotation), angle(driving.rotation) / 2, atol=2e-3)
    assert np.allclose(half.scale / half.scale[0], (driving.scale / driving.scale[0]) ** 0.5)
    assert np.allclose(half.translation[0], driving.translation[0])
    assert np.array_equal(half.expression, driving.expression)


def test_without_pose_the_head_holds_still() -> None:
    still = refined(measured(6, 1), MotionRefinement(pose_multiplier=0.0)).motion
    for values in (still.rotation, still.scale, still.translation):
        assert np.allclose(values, values[:1], atol=1e-6)


def test_the_neutral_frame_has_closed_lips_usual_eyes_and_a_usual_pose() -> None:
    driving = held(measured(1), 30)
    noise = np.random.default_rng(4).normal(0, 0.01, (30, 21, 3)).astype(np.float32)
    noise[12] = 0
    lips = np.full((30, 1), 0.4, np.float32)
    lips[12] = 0.02
    talking = replace(
        driving,
        motion=replace(driving.motion, expression=driving.motion.expression + noise),
        lip_ratios=lips,
    )
    assert most_neutral_frame(talking) == 12
    result = refine(talking, FPS, MotionRefinement(anchor=Anchor.NEUTRAL, lock_scale=True))
    assert result.anchor == 12
    assert np.array_equal(pose_degrees(result.driving.motion.rotation), pose_degrees(
        talking.motion.rotation))  # fmt: skip


def test_openings_that_nobody_measured_count_nothing() -> None:
    driving = measured(8, 3)
    unknown = replace(
        driving,
        eye_ratios=np.full((8, 2), np.nan, np.float32),
        lip_ratios=np.full((8, 1), np.nan, np.float32),
    )
    assert most_neutral_frame(unknown) == most_neutral_frame(driving)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"smooth_pose_s": -0.1}, "smooth pose s is -0.1; accepted: 0 to 1.0"),
        ({"smooth_scale_s": 2.0}, "smooth scale s is 2.0"),
        ({"lip_multiplier": float("nan")}, "lip multiplier is nan; accepted: 0 to 3.0"),
        ({"eye_multiplier": 4.0}, "eye multiplier is 4.0"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        MotionRefinement(**wrong)  # type: ignore[arg-type]
