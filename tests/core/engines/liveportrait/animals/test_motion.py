"""Absolute motion, hung on the animal; the golden vectors prove the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from liveportrait_core.engines.liveportrait.animals.motion import drive_animal
from liveportrait_core.engines.liveportrait.motion.keypoints import DrivenKeypoints
from liveportrait_core.engines.liveportrait.motion.pose import (
    Floats,
    Motion,
    rotation_matrix,
    transform_keypoints,
)
from liveportrait_core.errors import RenderError
from tests.core.engines.liveportrait.motions import measured

SOURCE = measured(1, 1).motion
DRIVING = measured(6, 2).motion


def driven(
    driving: Motion = DRIVING, *, source: Motion = SOURCE, multiplier: float = 1.0
) -> DrivenKeypoints:
    return drive_animal(source, driving, multiplier=multiplier, stitch=None)


def test_frame_0_is_the_animal_whatever_the_driving_face_looks_like() -> None:
    moved = driven()
    assert np.array_equal(moved.final[0], transform_keypoints(SOURCE)[0])
    assert not np.allclose(moved.final[1], moved.final[0], atol=1e-3)


def test_the_driving_faces_size_and_depth_mean_nothing() -> None:
    deeper = DRIVING.translation + np.array([0, 0, 9], np.float32)
    odd = replace(DRIVING, scale=7 * DRIVING.scale, translation=deeper)
    assert np.array_equal(driven(odd).final, driven().final)


def test_a_rotation_turns_the_animals_own_points() -> None:
    """With the same expression everywhere only the pose moves it, and it keeps its size."""
    degrees = np.array([[0.0], [20.0]], np.float32)
    still = np.zeros_like(degrees)
    turning = Motion(
        canonical_keypoints=DRIVING.canonical_keypoints[:2],
        rotation=rotation_matrix(still, degrees, still),
        expression=np.zeros((2, 21, 3), np.float32),
        scale=DRIVING.scale[:2],
        translation=np.zeros((2, 3), np.float32),
    )
    calm = replace(SOURCE, expression=np.zeros_like(SOURCE.expression))
    moved = driven(turning, source=calm).final
    own = calm.scale[0] * calm.canonical_keypoints[0]
    expected = own @ turning.rotation[1] - own @ turning.rotation[0]
    assert moved[1] - moved[0] == pytest.approx(expected, abs=1e-5)


def test_the_multiplier_scales_what_stitching_made() -> None:
    def stitch(source: Floats, moving: Floats) -> Floats:
        return moving + np.float32(0.1)

    whole = drive_animal(SOURCE, DRIVING, multiplier=1.0, stitch=stitch)
    half = drive_animal(SOURCE, DRIVING, multiplier=0.5, stitch=stitch)
    assert whole.final == pytest.approx(whole.composed + 0.1, abs=1e-6)
    assert half.final - half.source == pytest.approx((whole.final - whole.source) / 2, abs=1e-6)


def test_a_driving_picture_gives_its_pose_and_expression() -> None:
    one = DRIVING.first(1)
    expected = transform_keypoints(
        replace(SOURCE, rotation=one.rotation, expression=one.expression)
    )
    assert driven(one).final == pytest.approx(expected, abs=1e-6)


def test_a_flat_animal_is_an_error_of_ours() -> None:
    flat = replace(SOURCE, canonical_keypoints=np.zeros((1, 21, 3), np.float32))
    flat = replace(flat, expression=flat.canonical_keypoints)
    with pytest.raises(RenderError, match="span no volume"):
        driven(source=flat)
