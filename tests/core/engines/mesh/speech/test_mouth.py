"""What is seen of a speaking mouth: lips that part as far as they may, and what is inside."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.points import INNER_LIP_LOWER, OUTER_LIPS
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.engines.mesh.speech.lips import (
    TEETH_SHARE,
    SpeakingMouth,
    lip_curves,
)
from liveportrait_core.engines.mesh.speech.shapes import (
    MAX_OPENING,
    spoken_frame,
    spoken_mouth,
)
from liveportrait_core.face.detector import FaceMesh
from liveportrait_core.options import MouthInside, RenderOptions
from liveportrait_core.report import Box, Frame
from liveportrait_core.speech.values import MouthTrack
from tests.core.engines.mesh.motions import held
from tests.core.engines.mesh.speech.tracks import held_shape

FULL = RenderOptions(driving_multiplier=1.0)
GREEN = np.array([0, 255, 0], np.float32)
BLUE = np.array([0, 0, 255], np.float32)
UNHURRIED = settings(deadline=None, max_examples=40)

fractions = st.floats(0, 1, width=32)


@pytest.fixture(scope="module")
def coloured(hopper_portrait: MeshPortrait) -> MeshPortrait:
    """A portrait with a green cavity and blue teeth."""
    interior = replace(hopper_portrait.interior, cavity=GREEN, teeth=BLUE)
    return replace(hopper_portrait, interior=interior)


def drawn(
    engine: MeshEngine,
    portrait: MeshPortrait,
    mouth: MouthTrack,
    *,
    motion: MeshMotion | None = None,
    strength: float = 1.0,
) -> Frame:
    spoken = engine.speak(
        motion or held(), mouth, strength=strength, inside=MouthInside.PAINTED, start_frame=0
    )
    frame = next(engine.animate(portrait, spoken, FULL))
    box = portrait.mouth.slit.support
    return np.where(_within(box, frame.shape), frame, 0).astype(np.uint8)


def _within(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros((*shape[:2], 1), np.bool_)
    mask[box.slices] = True
    return mask


def opened(share: float) -> MouthTrack:
    return held_shape(open=share)


def cavity(frame: Frame) -> NDArray[np.bool_]:
    red, green, blue = np.moveaxis(frame.astype(int), -1, 0)
    return np.asarray((green > red + 60) & (green > blue + 60))


def teeth(frame: Frame) -> NDArray[np.bool_]:
    red, green, blue = np.moveaxis(frame.astype(int), -1, 0)
    return np.asarray((blue > red + 40) & (blue > green + 40))


def test_what_is_painted_is_seen_inside_the_lips_only(
    engine: MeshEngine, coloured: MeshPortrait
) -> None:
    painted, plain = (drawn(engine, coloured, opened(share)) for share in (1.0, 0.0))
    seen = cavity(painted) | teeth(painted)
    with FaceMesh(still=True) as mesh:
        found = mesh.find_large(coloured.picture)
    assert found is not None
    assert seen.sum() > 60
    assert not (cavity(plain) | teeth(plain)).any()
    rows, columns = np.nonzero(seen)
    lips = found.points[list(OUTER_LIPS), :2]
    lowered = MAX_OPENING[MouthInside.PAINTED] * coloured.head.eye_distance_px
    assert columns.min() > lips[:, 0].min()
    assert columns.max() < lips[:, 0].max()
    assert rows.min() > lips[:, 1].min()
    line = found.points[list(INNER_LIP_LOWER), 1].max()
    assert rows.max() < line + lowered


def test_the_opening_grows_with_the_jaw(engine: MeshEngine, coloured: MeshPortrait) -> None:
    areas = [
        int((cavity(frame) | teeth(frame)).sum())
        for frame in (drawn(engine, coloured, opened(share)) for share in (0.1, 0.3, 0.5, 0.7, 1.0))
    ]
    assert areas[0] == 0
    assert all(less < more for less, more in pairwise(areas[1:]))


def test_teeth_belong_to_the_skull(engine: MeshEngine, coloured: MeshPortrait) -> None:
    half, whole = (drawn(engine, coloured, opened(share), strength=1.5) for share in (0.28, 1.0))
    lowest = [np.nonzero(teeth(frame))[0].max() for frame in (half, whole)]
    dark = [np.nonzero(cavity(frame))[0].max() for frame in (half, whole)]
    assert dark[1] - dark[0] >= 3  # the lip went down with the jaw, in pixels
    assert lowest[1] - lowest[0] <= 1
    assert (teeth(whole).sum() / (teeth(whole) | cavity(whole)).sum()) < TEETH_SHARE + 0.1


def test_the_band_follows_the_head(engine: MeshEngine, coloured: MeshPortrait) -> None:
    shift = 0.1
    moved = drawn(engine, coloured, opened(1.0), motion=held(shift=(shift, 0, 0)))
    before, after = (
        np.nonzero(teeth(frame))[1].mean()
        for frame in (drawn(engine, coloured, opened(1.0)), moved)
    )
    assert after - before == pytest.approx(shift * coloured.head.eye_distance_px, rel=0.15)


@UNHURRIED
@example(
    shapes={"open": 1.0, "wide": 0.0, "round": 1.0, "press": 0.0, "bite": 0.0},
    strength=1.5,
    inside=MouthInside.PAINTED,
    activity=1.0,
)
@given(
    shapes=st.fixed_dictionaries(
        {name: fractions for name in ("open", "wide", "round", "press", "bite")}
    ),
    strength=st.floats(0, 1.5),
    inside=st.sampled_from(MouthInside),
    activity=fractions,
)
def test_lips_never_part_beyond_the_limit(
    hopper_portrait: MeshPortrait,
    shapes: dict[str, float],
    strength: float,
    inside: MouthInside,
    activity: float,
) -> None:
    spoken = spoken_frame(
        spoken_mouth(
            held_shape(activity=activity, **shapes),  # type: ignore[arg-type]  # none is `frames`
            strength=strength,
            inside=inside,
            start_frame=0,
        ),
        0,
        gap=0.0,
        closed=True,
    )
    expression, unit = hopper_portrait.expression, hopper_portrait.head.eye_distance_px
    field = expression.displacement(spoken.control_points)
    curves = lip_curves(
        spoken,
        SpeakingMouth(
            slit=hopper_portrait.mouth.slit,
            interior=hopper_portrait.interior,
            eye_distance_px=unit,
        ),
        pull=field,
        pull_of_speech=field,
        grid=hopper_portrait.head.grid,
        axes=expression.axes,
    )
    gap = (curves.lower_rest + curves.lower) - (curves.upper_rest + curves.upper)
    assert gap.min() >= -1e-6
    assert gap.max() <= 1.02 * MAX_OPENING[inside] * unit
    assert curves.opening <= MAX_OPENING[inside] * unit + 1e-6


def test_an_m_closes(engine: MeshEngine, coloured: MeshPortrait) -> None:
    frame = drawn(engine, coloured, held_shape(open=0.9, press=1.0))
    assert not (cavity(frame) | teeth(frame)).any()


def test_a_portrait_with_teeth_keeps_its_own(
    engine: MeshEngine, astronaut_portrait: MeshPortrait, astronaut: Frame
) -> None:
    interior = replace(astronaut_portrait.interior, cavity=GREEN, teeth=BLUE)
    frame = drawn(engine, replace(astronaut_portrait, interior=interior), opened(1.0))
    x, y = (round(value) for value in astronaut_portrait.mouth.slit.centre)
    assert not teeth(frame).any()
    shown = np.s_[y + 7 : y + 9, x - 5 : x + 5]
    assert frame[shown].mean() == pytest.approx(astronaut[shown].mean(), abs=12)
