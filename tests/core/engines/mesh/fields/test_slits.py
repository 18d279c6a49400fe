"""Lids and lips: they close fully, and what lies behind them stays where it is."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.fields.expression import MAX_PARTING, Mouth
from liveportrait_core.engines.mesh.fields.sampling import Sampler
from liveportrait_core.engines.mesh.points import LOWER_LIP, UPPER_LIP
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Box, Frame
from tests.core.engines.mesh.motions import held, pulled

FULL_MOTION = RenderOptions(driving_multiplier=1.0, normalize_lip=False)

UNHURRIED = settings(deadline=None)  # the machine may be busy


@pytest.fixture(scope="module")
def closing(engine: MeshEngine, hopper_portrait: MeshPortrait) -> list[Frame]:
    """The portrait with its lids open, then further and further closed."""
    steps = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    return [
        next(engine.animate(hopper_portrait, held(closure=(step, step)), FULL_MOTION))
        for step in steps
    ]


def test_the_dark_eye_vanishes_behind_the_lid(
    closing: list[Frame], hopper_portrait: MeshPortrait
) -> None:
    for eye in hopper_portrait.eyes:
        x, y = (round(v) for v in eye.slit.centre)
        iris = np.s_[y - 3 : y + 2, x - 3 : x + 4]
        assert closing[0][iris].mean() < 80
        assert closing[-1][iris].mean() > 2 * closing[0][iris].mean()


def test_closing_goes_on_without_turning_back(
    closing: list[Frame], hopper_portrait: MeshPortrait
) -> None:
    support = hopper_portrait.eyes[0].slit.support.slices
    away = [np.abs(frame[support].astype(float) - closing[0][support]).mean() for frame in closing]
    assert all(before < after for before, after in pairwise(away))


def test_a_half_closed_lid_leaves_the_rest_of_the_eyeball_untouched(
    closing: list[Frame], hopper_portrait: MeshPortrait
) -> None:
    slit = hopper_portrait.eyes[1].slit
    x, y = slit.centre
    row = round(y + slit.upper[0] + 0.75 * slit.opening_px)
    column = round(x)
    eyeball = np.s_[row : row + 2, column - 3 : column + 4]
    assert np.array_equal(closing[1][eyeball], closing[0][eyeball])
    assert np.array_equal(closing[2][eyeball], closing[0][eyeball])


def test_a_blink_is_confined_to_the_eyes(
    closing: list[Frame], hopper_portrait: MeshPortrait
) -> None:
    touched = (closing[-1] != closing[0]).any(-1)
    for eye in hopper_portrait.eyes:
        touched[eye.slit.support.slices] = False
    assert not touched.any()


def test_a_shut_eye_lets_nothing_of_the_eyeball_through(
    engine: MeshEngine, hopper_portrait: MeshPortrait, hopper: Frame
) -> None:
    painted = hopper.copy()
    for eye in hopper_portrait.eyes:
        box = eye.slit.support
        columns, rows = np.meshgrid(np.arange(box.x0, box.x1), np.arange(box.y0, box.y1))
        s, across = eye.slit.coordinates(np.stack([columns, rows], axis=-1).astype(np.float32))
        upper, lower = eye.slit.edges(s)
        painted[box.slices][(across > upper + 1) & (across < lower - 1)] = (0, 255, 0)
    sampler = opaque(painted, hopper_portrait.box)
    green_eyed = replace(hopper_portrait, picture=painted, sampler=sampler)

    def greenest(closure: float) -> int:
        frame = next(engine.animate(green_eyed, held(closure=(closure, closure)), FULL_MOTION))
        face = frame[150:330, 180:350].astype(int)
        return int((face[..., 1] - face[..., 0]).max())

    assert greenest(0.5) > 200
    assert greenest(1.0) < 60


@UNHURRIED
@given(gap=st.sampled_from([0.0, 0.1, 0.2]), parting=st.floats(-0.5, 0.5), normalize=st.booleans())
def test_lips_show_what_is_there_before_skin_is_stretched(
    hopper_portrait: MeshPortrait, gap: float, parting: float, normalize: bool
) -> None:
    mouth = Mouth(slit=hopper_portrait.mouth.slit, gap=gap)
    wanted = pulled(
        lower_lip=(0, parting), left_lower_lip=(0, parting), right_lower_lip=(0, parting)
    )
    posed, closed = mouth.posed(wanted, normalize=normalize)
    stretched = posed[list(LOWER_LIP), 1].mean() - posed[list(UPPER_LIP), 1].mean()
    at_rest = 0.0 if normalize else gap
    assert 0 <= closed <= 1
    assert stretched <= MAX_PARTING
    assert abs((1 - closed) * gap + stretched - at_rest) <= abs(parting) + 1e-9
    if 0 <= at_rest + parting <= gap and gap:
        assert np.isclose((1 - closed) * gap, at_rest + parting)


def opaque(picture: Frame, box: Box) -> Sampler:
    height, width = box.y1 - box.y0, box.x1 - box.x0
    return Sampler.of(picture, np.full((height, width), 255, np.uint8), box, 20)


def test_beyond_the_border_the_picture_is_mirrored_where_the_head_goes_on(astronaut: Frame) -> None:
    box = Box(x0=0, y0=0, x1=200, y1=100)
    opacity = np.zeros((100, 200), np.uint8)
    opacity[:, :120] = 255
    rows, columns = np.mgrid[-15:0, 20:180].astype(np.float32)
    sampler = Sampler.of(astronaut, opacity, box, 20)
    read = sampler.at(np.stack([columns, rows], axis=-1))
    assert np.array_equal(read[:, :90, :3], astronaut[15:0:-1, 20:110])
    assert not read[:, 110:].any()


def test_whole_pixels_are_read_exactly(astronaut: Frame) -> None:
    rows, columns = np.mgrid[:60, :80].astype(np.float32)
    sampler = opaque(astronaut, Box(x0=100, y0=50, x1=180, y1=110))
    read = sampler.at(np.stack([columns + 100, rows + 50], axis=-1))
    assert np.array_equal(read[..., :3], astronaut[50:110, 100:180])
    assert (read[..., 3] == 255).all()


def test_between_pixels_a_gradient_stays_a_gradient() -> None:
    ramp = np.tile(np.arange(0, 200, 4, dtype=np.uint8)[None, :, None], (40, 1, 3))
    rows, columns = np.mgrid[10:30, 10:40].astype(np.float32)
    sampler = opaque(ramp, Box(x0=0, y0=0, x1=50, y1=40))
    read = sampler.at(np.stack([columns + np.float32(0.25), rows], axis=-1))[..., :3]
    assert np.abs(read.astype(float) - (4 * (columns + 0.25))[..., None]).max() <= 1.0
