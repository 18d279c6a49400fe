"""The geometry behind every frame: it folds nothing, and small motions add up."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.motion import (
    MAX_CONTROL_POINT,
    MAX_LOG_SCALE,
    MAX_ROTATION_DEG,
    MAX_SHIFT,
    MeshMotion,
    limited,
    scaled,
    soft_limit,
)
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.engines.mesh.warp import FrameMotion, portrait_places
from liveportrait_core.options import AnimationRegion, RenderOptions
from tests.core.engines.mesh.motions import CONTROL_POINT_COUNT, held

FULL_MOTION = RenderOptions(driving_multiplier=1.0, loop=False)
SHARED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

turns = st.tuples(*[st.floats(-30, 30)] * 3)
shifts = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-0.5, 0.5))

UNHURRIED = settings(deadline=None)  # the machine may be busy


def positions(portrait: MeshPortrait, motion: MeshMotion) -> NDArray[np.float32]:
    """Where the first frame's pixels come from, as the engine would draw it."""
    drawn = limited(scaled(motion, FULL_MOTION))
    control_points, lips_closed = portrait.mouth.posed(drawn.control_points[0], normalize=True)
    frame = FrameMotion(
        rotation_deg=drawn.rotation_deg[0],
        shift=drawn.shift[0],
        control_points=control_points,
        lids_closed=np.zeros(2),
        lips_closed=lips_closed,
    )
    return portrait.head.grid.per_pixel(portrait_places(portrait, frame), portrait.box)


def at_rest(portrait: MeshPortrait) -> NDArray[np.float32]:
    return positions(portrait, held())


@SHARED
@given(turn=turns, shift=shifts, seed=st.integers(0, 1000))
def test_nothing_folds_over_however_wild_the_motion(
    hopper_portrait: MeshPortrait,
    turn: tuple[float, float, float],
    shift: tuple[float, float, float],
    seed: int,
) -> None:
    control_points = np.random.default_rng(seed).normal(scale=0.1, size=(CONTROL_POINT_COUNT, 2))
    motion = held(rotation_deg=turn, shift=shift, control_points=control_points)
    field = positions(hopper_portrait, motion)[::3, ::3].astype(np.float64)
    by_x, by_y = np.diff(field, axis=1)[:-1], np.diff(field, axis=0)[:, :-1]
    jacobian = by_x[..., 0] * by_y[..., 1] - by_x[..., 1] * by_y[..., 0]
    assert jacobian.min() > 0


@SHARED
@given(turn=st.tuples(*[st.floats(-1, 1)] * 3), shift=st.floats(-0.02, 0.02))
def test_small_motions_add_up(
    hopper_portrait: MeshPortrait, turn: tuple[float, float, float], shift: float
) -> None:
    rest = at_rest(hopper_portrait)
    once = positions(hopper_portrait, held(rotation_deg=turn, shift=(shift, 0, 0))) - rest
    half = (turn[0] / 2, turn[1] / 2, turn[2] / 2)
    twice = positions(hopper_portrait, held(rotation_deg=half, shift=(shift / 2, 0, 0))) - rest
    face = hopper_portrait.mouth.slit.support.slices
    assert np.abs(once - 2 * twice)[face].max() < 0.1 + 0.05 * np.abs(once[face]).max()


@SHARED
@example(turn=(0.0, 0.0, 22.0), shift=(1.0, 0.0, 0.0))
@given(turn=turns, shift=shifts)
def test_turning_there_and_back_is_rest(
    hopper_portrait: MeshPortrait,
    turn: tuple[float, float, float],
    shift: tuple[float, float, float],
) -> None:
    drawn = limited(scaled(held(rotation_deg=turn, shift=shift), FULL_MOTION))
    forwards = hopper_portrait.head.displacement(drawn.rotation_deg[0], drawn.shift[0])
    back = positions(hopper_portrait, held(rotation_deg=turn, shift=shift))
    grid = hopper_portrait.head.grid
    landed = back + grid.sample(forwards, back)
    assert np.abs(landed - at_rest(hopper_portrait)).max() < 1.0


def test_the_yaw_turns_the_face_and_leaves_outline_and_shoulders(
    hopper_portrait: MeshPortrait,
) -> None:
    moved = positions(hopper_portrait, held(rotation_deg=(0, 6, 0))) - at_rest(hopper_portrait)
    box = hopper_portrait.box
    nose, shoulder = moved[240 - box.y0, 265 - box.x0], moved[400 - box.y0, 120 - box.x0]
    assert abs(nose[0]) > 6
    assert abs(shoulder[0]) < 0.5


@UNHURRIED
@given(
    direction=st.tuples(st.floats(-1, 1), st.floats(-1, 1)).filter(
        lambda pair: np.hypot(*pair) > 0.01
    ),
    length=st.floats(0.0, 100.0),
    limit=st.floats(0.01, 10.0),
)
def test_the_soft_limit_bends_and_never_clips(
    direction: tuple[float, float], length: float, limit: float
) -> None:
    unit = np.array(direction) / np.hypot(*direction)
    bent = soft_limit(unit * length, limit)
    assert np.linalg.norm(bent) <= limit * (1 + 1e-9)
    assert np.allclose(bent, unit * np.linalg.norm(bent))
    longer = np.linalg.norm(soft_limit(unit * (length + 0.1), limit))
    assert longer >= np.linalg.norm(bent) * (1 - 1e-9)
    if length < 0.3 * limit:
        assert np.isclose(np.linalg.norm(bent), length, rtol=0.01)


@pytest.mark.parametrize("region", AnimationRegion)
def test_no_applied_motion_exceeds_its_limits(region: AnimationRegion) -> None:
    random = np.random.default_rng(8)
    wild = MeshMotion(
        fps=held().fps,
        rotation_deg=random.normal(scale=30, size=(40, 3)),
        shift=random.normal(size=(40, 3)),
        control_points=random.normal(size=(40, CONTROL_POINT_COUNT, 2)),
        closure=random.uniform(size=(40, 2)),
    )
    drawn = limited(scaled(wild, RenderOptions(driving_multiplier=1.0, animation_region=region)))
    assert np.linalg.norm(drawn.rotation_deg, axis=1).max() <= MAX_ROTATION_DEG
    assert np.linalg.norm(drawn.shift[:, :2], axis=1).max() <= MAX_SHIFT
    assert np.abs(drawn.shift[:, 2]).max() <= MAX_LOG_SCALE
    assert np.linalg.norm(drawn.control_points, axis=2).max() <= MAX_CONTROL_POINT
    assert drawn.closure.max() <= 1


def test_blinks_stay_whole_at_the_products_multiplier() -> None:
    blink = held(closure=(1, 1), frames=3)
    closures = [
        limited(scaled(blink, RenderOptions(driving_multiplier=multiplier))).closure.max()
        for multiplier in (0.0, 0.2, 0.4, 0.6, 1.0)
    ]
    assert closures == [0.0, 0.5, 1.0, 1.0, 1.0]


def test_a_squint_scales_with_the_multiplier() -> None:
    squint = held(closure=(0.3, 0.3), frames=3)
    closures = [
        limited(scaled(squint, RenderOptions(driving_multiplier=multiplier))).closure.max()
        for multiplier in (0.0, 0.4, 1.0)
    ]
    assert np.allclose(closures, [0.0, 0.12, 0.3])


@UNHURRIED
@given(multiplier=st.floats(0.05, 1.0))
def test_lids_that_close_further_are_drawn_closed_further(multiplier: float) -> None:
    steps = np.linspace(0, 1, 50)
    closing = MeshMotion(
        fps=held().fps,
        rotation_deg=np.zeros((50, 3)),
        shift=np.zeros((50, 3)),
        control_points=np.zeros((50, CONTROL_POINT_COUNT, 2)),
        closure=np.stack([steps, steps], axis=1),
    )
    options = RenderOptions(driving_multiplier=multiplier, loop=False)
    assert (np.diff(limited(scaled(closing, options)).closure, axis=0) > 0).all()
