"""From motion to key points: lips, eyes, stitching and the multiplier, in the right order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.engines.liveportrait.motion.keypoints import (
    drive_clip_keypoints,
    drive_portrait_keypoints,
)
from liveportrait_core.engines.liveportrait.motion.pose import transform_keypoints
from liveportrait_core.engines.liveportrait.motion.settings import (
    AnimationSettings,
    LipClosure,
    MotionMode,
    Retargeting,
)
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import AnimationRegion
from tests.core.engines.liveportrait.motions import CountableNetworks, held, measured
from tests.core.small_networks import small_model

PLAIN = AnimationSettings(normalize_lip=False, stitch=False)


@given(
    region=st.sampled_from(list(AnimationRegion)),
    mode=st.sampled_from(list(MotionMode)),
    seed=st.integers(0, 20),
)
def test_multiplier_zero_is_the_source_to_the_bit(
    region: AnimationRegion, mode: MotionMode, seed: int
) -> None:
    settings = AnimationSettings(region=region, mode=mode, multiplier=0.0)
    driven = drive_portrait_keypoints(
        measured(1, seed), measured(4, seed + 1), CountableNetworks(), settings
    )
    assert driven.source.shape == (1, 21, 3)
    assert (driven.final == driven.source).all()


@given(multiplier=st.floats(0, 2), seed=st.integers(0, 20))
def test_the_multiplier_scales_everything_stitching_and_lips_included(
    multiplier: float, seed: int
) -> None:
    settings = AnimationSettings(multiplier=multiplier)
    driven = drive_portrait_keypoints(
        measured(1, seed), measured(3, seed + 1), CountableNetworks(), settings
    )
    # Stitching added 1, closing the lips 100.
    whole = driven.composed + 1 + 100 - driven.source
    assert np.allclose(driven.final, driven.source + whole * multiplier, rtol=1e-5, atol=1e-4)


def test_lips_that_are_closed_stay_as_they_are() -> None:
    networks = CountableNetworks()
    driven = drive_portrait_keypoints(
        measured(1, lips=0.029), measured(3, 1), networks, AnimationSettings(stitch=False)
    )
    assert np.allclose(driven.final, driven.composed, atol=1e-6)


def test_open_lips_are_asked_to_close() -> None:
    networks = CountableNetworks()
    drive_portrait_keypoints(measured(1, lips=0.2), measured(3, 1), networks, AnimationSettings())
    (asked,) = networks.lips_asked
    assert asked == pytest.approx(np.array([[0.2, 0.0]]))


def test_absolute_motion_normalises_no_lips() -> None:
    networks = CountableNetworks()
    settings = AnimationSettings(mode=MotionMode.ABSOLUTE)
    drive_portrait_keypoints(measured(1, lips=0.2), measured(3, 1), networks, settings)
    assert not networks.lips_asked


def test_each_frame_of_a_clip_has_its_own_lips() -> None:
    source = measured(4)
    lips = np.array([[0.0], [0.02], [0.03], [0.5]], dtype=np.float32)
    driven = drive_clip_keypoints(
        replace(source, lip_ratios=lips),
        measured(4, 1),
        CountableNetworks(),
        AnimationSettings(stitch=False),
    )
    added = (driven.final - driven.composed).mean(axis=(1, 2))
    assert added == pytest.approx([0, 0, 100, 100], abs=1e-3)


@pytest.mark.parametrize(("eyes", "wanted"), [(0.3, 0.3), (0.18, 0.18), (0.1, 0.39)])
def test_a_clips_eyes_are_kept_as_open_as_at_first(eyes: float, wanted: float) -> None:
    networks = CountableNetworks()
    settings = replace(PLAIN, keep_source_eyes=True)
    driven = drive_clip_keypoints(measured(5, eyes=eyes), measured(3, 1), networks, settings)
    (asked,) = networks.eyes_asked
    assert asked == pytest.approx(np.array([[eyes, eyes, wanted]] * 3), abs=1e-6)
    assert np.allclose(driven.final - driven.composed, 10, atol=1e-4)


@pytest.mark.parametrize(("eyes", "lips", "added"), [(True, False, 10), (False, True, 100)])
def test_relative_retargeting_discards_the_driving_motion(
    eyes: bool, lips: bool, added: int
) -> None:
    settings = replace(
        PLAIN,
        retarget_eyes=float(eyes),
        retarget_lips=float(lips),
        retargeting=Retargeting.REPLACE,
        normalize_lip=True,
    )
    source = measured(1)
    driven = drive_portrait_keypoints(source, measured(3, 1), CountableNetworks(), settings)
    resting = transform_keypoints(source.motion)
    assert np.allclose(driven.final, resting + added, atol=1e-4)


def test_absolute_retargeting_adds_to_the_driving_motion() -> None:
    settings = replace(PLAIN, mode=MotionMode.ABSOLUTE, retarget_eyes=1.0, retarget_lips=1.0)
    source, driving = measured(1), measured(3, 1)
    plain = drive_portrait_keypoints(
        source, driving, CountableNetworks(), replace(PLAIN, mode=MotionMode.ABSOLUTE)
    )
    driven = drive_portrait_keypoints(source, driving, CountableNetworks(), settings)
    assert np.allclose(driven.final, plain.final + 110, atol=1e-4)


def test_both_eyes_follow_the_driving_faces_left_one() -> None:
    networks = CountableNetworks()
    driving = measured(2, 1)
    ratios = np.array([[0.5, 0.1], [0.6, 0.2]], dtype=np.float32)
    drive_portrait_keypoints(
        measured(1), replace(driving, eye_ratios=ratios), networks,
        replace(PLAIN, retarget_eyes=1.0),
    )  # fmt: skip
    assert networks.eyes_asked[0] == pytest.approx(np.array([[0.3, 0.3, 0.5], [0.3, 0.3, 0.6]]))


def test_retargeting_needs_openings_that_were_measured() -> None:
    driving = measured(2, 1)
    unknown = replace(driving, eye_ratios=np.full((2, 2), np.nan, dtype=np.float32))
    with pytest.raises(InvalidOption, match="eye openings"):
        drive_portrait_keypoints(
            measured(1), unknown, CountableNetworks(), replace(PLAIN, retarget_eyes=1.0)
        )
    drive_portrait_keypoints(measured(1), unknown, CountableNetworks(), AnimationSettings())


def test_retargeting_may_be_added_to_relative_motion() -> None:
    settings = replace(PLAIN, retarget_eyes=1.0)
    source, driving = measured(1), measured(3, 1)
    plain = drive_portrait_keypoints(source, driving, CountableNetworks(), PLAIN)
    driven = drive_portrait_keypoints(source, driving, CountableNetworks(), settings)
    assert np.allclose(driven.final, plain.final + 10, atol=1e-4)


@pytest.mark.parametrize(("share", "wanted"), [(1.0, 0.7), (0.5, 0.5), (0.25, 0.4)])
def test_retargeting_goes_part_of_the_way(share: float, wanted: float) -> None:
    networks = CountableNetworks()
    settings = replace(PLAIN, retarget_eyes=share, retarget_lips=share, normalize_lip=True)
    source, driving = measured(1, eyes=0.3, lips=0.3), measured(2, 1, eyes=0.7, lips=0.7)
    drive_portrait_keypoints(source, driving, networks, settings)
    assert networks.eyes_asked[0] == pytest.approx(np.array([[0.3, 0.3, wanted]] * 2))
    # Lips that are brought somewhere are not closed before.
    (asked,) = networks.lips_asked
    assert asked == pytest.approx(np.array([[0.3, wanted]] * 2))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_more_than_the_whole_way_is_refused(share: float) -> None:
    with pytest.raises(InvalidOption, match=r"retarget lips is .*; accepted: 0 to 1"):
        AnimationSettings(retarget_lips=share)


def test_lips_may_be_closed_fully_whatever_the_multiplier() -> None:
    settings = AnimationSettings(multiplier=0.4, stitch=False, lip_closure=LipClosure.FULL)
    driven = drive_portrait_keypoints(measured(1), measured(3, 1), CountableNetworks(), settings)
    moved = 0.4 * (driven.composed - driven.source)
    assert np.allclose(driven.final, driven.source + moved + 100, atol=1e-4)


def test_motion_may_be_measured_from_another_frame() -> None:
    source, driving = measured(1), measured(4, 1)
    driven = drive_portrait_keypoints(source, driving, CountableNetworks(), PLAIN, anchor=2)
    resting = transform_keypoints(source.motion)
    assert np.allclose(driven.final[2], resting[0], atol=1e-5)
    assert not np.allclose(driven.final[0], resting[0], atol=1e-3)


def test_the_networks_themselves_can_be_asked() -> None:
    """The small networks of a model are the other side of the port."""
    model = small_model()
    for source, drive in ((1, drive_portrait_keypoints), (3, drive_clip_keypoints)):
        driven = drive(measured(source), measured(3, 1), model, AnimationSettings(multiplier=0.4))
        assert driven.final.shape == (3, 21, 3)
        assert driven.final.dtype == np.float32
        assert np.isfinite(driven.final).all()


def test_a_held_source_is_a_portrait() -> None:
    """A clip of equal frames driven by a clip moves as its portrait would, where not smoothed."""
    source, driving = measured(1), measured(4, 1)
    settings = replace(PLAIN, region=AnimationRegion.LIP, observation_variance=1e-11)
    portrait = drive_portrait_keypoints(source, driving, CountableNetworks(), settings)
    clip = drive_clip_keypoints(held(source, 4), driving, CountableNetworks(), settings)
    assert np.allclose(portrait.final, clip.final, atol=1e-5)
