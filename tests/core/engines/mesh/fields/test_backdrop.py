"""The background stands still behind a head that moves."""

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame
from tests.core.engines.mesh.motions import held

FARTHEST = 0.55  # that the cap can come: turns and shifts are limited
FULL_MOTION = RenderOptions(driving_multiplier=1.0)


def beside(portrait: MeshPortrait) -> NDArray[np.float32]:
    """How far every pixel of the box is outside the head at rest, eye distances."""
    bare = (portrait.backdrop.cover == 0).astype(np.uint8)
    distance = cv2.distanceTransform(bare, cv2.DIST_L2, 5)
    return np.asarray(distance / portrait.head.eye_distance_px, np.float32)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    turn=st.tuples(*[st.floats(-30, 30)] * 3),
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.just(0.0)),
)
def test_away_from_the_head_nothing_moves(
    engine: MeshEngine,
    hopper_portrait: MeshPortrait,
    hopper: Frame,
    turn: tuple[float, float, float],
    shift: tuple[float, float, float],
) -> None:
    frame = next(engine.animate(hopper_portrait, held(rotation_deg=turn, shift=shift), FULL_MOTION))
    moved = (frame != hopper).any(-1)[hopper_portrait.box.slices]
    away = beside(hopper_portrait) > FARTHEST
    away[round(0.45 * len(away)) :] = False  # neck and shoulders are not cut out
    assert away.mean() > 0.05
    assert not moved[away].any()


def test_what_the_head_uncovers_looks_like_its_surroundings(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame
) -> None:
    frame = next(engine.animate(hopper_portrait, held(shift=(-0.12, 0, 0)), FULL_MOTION))
    uncovered, wall = np.s_[120:150, 362:368], np.s_[120:150, 385:400]
    assert hopper[uncovered][..., 2].mean() < 150
    assert np.abs(frame[uncovered].mean((0, 1)) - hopper[wall].mean((0, 1))).max() < 40


def test_the_plate_is_the_portrait_wherever_no_head_was(
    hopper_portrait: MeshPortrait, hopper: Frame
) -> None:
    bare = hopper_portrait.backdrop.cover < 255
    box = hopper_portrait.box.slices
    assert 0.2 < bare.mean() < 0.9
    assert np.array_equal(hopper_portrait.backdrop.plate[bare], hopper[box][bare])


def test_a_head_just_below_the_border_brings_no_mirrored_head_down(
    engine: MeshEngine, hopper: Frame
) -> None:
    picture = np.ascontiguousarray(hopper[18:])  # the cap begins in row 5
    portrait = engine.prepare(picture, RenderOptions())
    assert np.array_equal(next(engine.animate(portrait, held(), FULL_MOTION)), picture)
    lowered = next(engine.animate(portrait, held(shift=(0, 0.12, 0)), FULL_MOTION))
    above_the_cap = np.s_[0:6, 230:340]
    assert lowered[above_the_cap].mean((0, 1)) == pytest.approx(picture[0, 340:420].mean(0), abs=25)
