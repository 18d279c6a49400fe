"""Adding one face's motion to another's: what each region and mode may and may not change."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.engines.liveportrait.motion.composition import (
    CLOSED_LIPS_EXPRESSION,
    drive_clip,
    drive_portrait,
)
from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion, smooth
from liveportrait_core.engines.liveportrait.motion.settings import MotionMode
from liveportrait_core.options import AnimationRegion
from tests.core.engines.liveportrait.motions import motion

LIPS = [6, 12, 14, 17, 19, 20]
EYES = [11, 13, 15, 16, 18]
REGIONS = st.sampled_from(list(AnimationRegion))
SEEDS = st.integers(0, 50)


def others(rows: list[int]) -> list[int]:
    return [row for row in range(21) if row not in rows]


def same(one: Motion, other: Motion) -> bool:
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return all(np.allclose(a, b, atol=1e-6) for a, b in pairs)


@given(region=REGIONS, seed=SEEDS)
def test_the_first_driving_frame_leaves_a_portrait_as_it_is(
    region: AnimationRegion, seed: int
) -> None:
    source = motion(1, seed)
    driven = drive_portrait(source, motion(5, seed + 1), region=region, mode=MotionMode.RELATIVE)
    assert driven.frame_count == 5
    assert same(driven.first(1), source)


@given(region=REGIONS, seed=SEEDS)
def test_relative_motion_does_not_depend_on_who_makes_it(
    region: AnimationRegion, seed: int
) -> None:
    """A driving face that is larger, elsewhere and of another expression drives the same change."""
    source, driving, other = motion(1, seed), motion(4, seed + 1), motion(1, seed + 2)
    somebody_else = replace(
        driving,
        canonical_keypoints=driving.canonical_keypoints + 1,
        expression=driving.expression + other.expression,
        scale=driving.scale * 1.1,
        translation=driving.translation + other.translation,
    )
    one = drive_portrait(source, driving, region=region, mode=MotionMode.RELATIVE)
    two = drive_portrait(source, somebody_else, region=region, mode=MotionMode.RELATIVE)
    assert same(one, two)


@given(seed=SEEDS, mode=st.sampled_from(list(MotionMode)), source_count=st.sampled_from([1, 4]))
def test_regions_move_only_what_is_theirs(seed: int, mode: MotionMode, source_count: int) -> None:
    source, driving = motion(source_count, seed), motion(4, seed + 1)

    def driven(region: AnimationRegion) -> Motion:
        if source_count == 1:
            return drive_portrait(source, driving, region=region, mode=mode)
        return drive_clip(source, driving, region=region, mode=mode, observation_variance=1e-9)

    lip, eyes = driven(AnimationRegion.LIP), driven(AnimationRegion.EYES)
    pose, exp = driven(AnimationRegion.POSE), driven(AnimationRegion.EXP)
    held = np.broadcast_to(source.expression, (4, 21, 3))
    assert np.array_equal(pose.expression, held)
    assert np.array_equal(lip.expression[:, others(LIPS)], held[:, others(LIPS)])
    assert np.array_equal(eyes.expression[:, others(EYES)], held[:, others(EYES)])
    assert np.array_equal(lip.expression[:, LIPS], exp.expression[:, LIPS])
    assert np.array_equal(eyes.expression[:, EYES], exp.expression[:, EYES])
    for still in (lip, eyes, exp):
        assert np.array_equal(still.rotation, np.broadcast_to(source.rotation, (4, 3, 3)))
        assert np.array_equal(still.translation, np.broadcast_to(source.translation, (4, 3)))
    for region in set(AnimationRegion) - {AnimationRegion.ALL}:
        assert np.array_equal(driven(region).scale, np.broadcast_to(source.scale, (4, 1)))


def test_a_whole_relative_expression_changes_every_value_of_a_portrait() -> None:
    source, driving = motion(1), motion(3, 1)
    driven = drive_portrait(source, driving, region=AnimationRegion.ALL, mode=MotionMode.RELATIVE)
    assert np.allclose(
        driven.expression, source.expression + driving.expression - driving.expression[:1]
    )
    assert np.allclose(driven.scale, source.scale * driving.scale / driving.scale[0])
    assert np.allclose(
        driven.rotation, driving.rotation @ driving.rotation[0].T @ source.rotation, atol=1e-6
    )


def test_absolute_motion_keeps_the_rows_that_carry_identity() -> None:
    source, driving = motion(1), motion(3, 1)
    driven = drive_portrait(source, driving, region=AnimationRegion.ALL, mode=MotionMode.ABSOLUTE)
    replaced = driven.expression == driving.expression
    kept = driven.expression == source.expression
    assert (replaced ^ kept).all()
    assert kept[:, [0, 7, 10]].all()
    assert replaced[:, [1, 2, *LIPS, *EYES]].all()
    for row, component in ((3, 1), (4, 1), (5, 2), (8, 2), (9, 1), (9, 2)):
        assert replaced[:, row].sum(axis=1).tolist() == [2 if row == 9 else 1] * 3
        assert replaced[:, row, component].all()
    assert np.array_equal(driven.rotation, driving.rotation)


@pytest.mark.parametrize("region", list(AnimationRegion))
def test_a_driving_picture_is_measured_against_closed_lips(region: AnimationRegion) -> None:
    source, picture = motion(1), motion(1, 1)
    driven = drive_portrait(source, picture, region=region, mode=MotionMode.RELATIVE)
    reference = np.zeros((21, 3)) if region == AnimationRegion.EYES else CLOSED_LIPS_EXPRESSION
    wanted = source.expression + (picture.expression - reference)
    moved = ~np.isclose(driven.expression, source.expression)
    assert np.allclose(driven.expression[moved], wanted[moved], atol=1e-6)
    assert moved.any() == (region is not AnimationRegion.POSE)
    # There is no change since a first frame: the head stays where it is.
    assert np.array_equal(driven.rotation, source.rotation)
    assert np.array_equal(driven.translation, source.translation)


def test_a_clip_is_smoothed_over_its_whole_length_and_cut_to_the_shorter() -> None:
    source, driving = motion(6), motion(9, 1)
    driven = drive_clip(
        source,
        driving,
        region=AnimationRegion.ALL,
        mode=MotionMode.RELATIVE,
        observation_variance=1e-5,
    )
    assert driven.frame_count == 6
    wanted = source.expression + driving.expression[:6] - driving.expression[0]
    assert np.allclose(driven.expression[:, LIPS], smooth(wanted, 1e-5)[:, LIPS], atol=1e-6)
    assert np.array_equal(driven.expression[:, [0, 7, 10]], source.expression[:, [0, 7, 10]])
    assert np.array_equal(driven.translation, source.translation)
    assert spread(driven.expression[:, LIPS]) < spread(wanted[:, LIPS])


def spread(values: Floats) -> float:
    return float(np.abs(np.diff(values, axis=0)).mean())


@pytest.mark.parametrize("mode", list(MotionMode))
def test_a_driving_picture_is_held_for_the_whole_clip_unsmoothed(mode: MotionMode) -> None:
    source, picture = motion(4), motion(1, 1)
    driven = drive_clip(
        source, picture, region=AnimationRegion.ALL, mode=mode, observation_variance=1.0
    )
    assert driven.frame_count == 4
    if mode is MotionMode.ABSOLUTE:
        wanted = np.broadcast_to(picture.expression, (4, 21, 3))
        assert np.array_equal(driven.rotation, np.broadcast_to(picture.rotation, (4, 3, 3)))
    else:
        wanted = source.expression + (picture.expression - CLOSED_LIPS_EXPRESSION)
        assert np.array_equal(driven.rotation, source.rotation)
    assert np.allclose(driven.expression[:, EYES], wanted[:, EYES], atol=1e-6)


@pytest.mark.parametrize("driving_count", [1, 5])
def test_a_clip_of_one_frame_passes_through(driving_count: int) -> None:
    driven = drive_clip(
        motion(1),
        motion(driving_count, 1),
        region=AnimationRegion.ALL,
        mode=MotionMode.RELATIVE,
        observation_variance=1e-6,
    )
    assert driven.frame_count == 1
    assert np.isfinite(driven.expression).all()
