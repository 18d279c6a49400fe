"""A portrait's edit: its values, and what both engines make of them."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.edit import REST, SLIDERS, PortraitEdit
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.motion import STILL
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from tests.core.engines.liveportrait.motions import held, measured
from tests.core.engines.liveportrait.test_engine import PORTRAIT, engine

WITHIN = {
    name: st.floats(slider.low, slider.high, allow_nan=False) for name, slider in SLIDERS.items()
}


UNDRAWN = {"gaze_x", "gaze_y", "pout", "purse", "silent"}  # by the mesh engine


@given(st.fixed_dictionaries({}, optional=WITHIN))
def test_an_edit_is_read_as_it_is_written(values: dict[str, float]) -> None:
    edit = PortraitEdit(**values)
    assert PortraitEdit.parse(str(edit)) == edit
    assert edit.clamped() == edit
    assert edit.is_rest == (edit == REST)


@pytest.mark.parametrize("name", SLIDERS)
def test_what_is_beyond_a_slider_is_clamped_or_refused_by_name(name: str) -> None:
    slider = SLIDERS[name]
    for value, nearest in ((slider.high + 1, slider.high), (slider.low - 1, slider.low)):
        edit = PortraitEdit(**{name: value})
        assert getattr(edit.clamped(), name) == nearest
        assert list(edit.clamped().beyond()) == []
        with pytest.raises(InvalidOption, match=rf"edit {name} is .*accepted: .* to "):
            RenderOptions(edit=edit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smyle=1", "'smyle' is unknown; accepted: eyes_open, lips_open, pitch"),
        ("smile", "edit smile is ''; accepted: a number, as in smile=0.5"),
        ("smile=much", "edit smile is 'much'"),
        ("smile=0.1,smile=0.2", "edit smile is given twice"),
        ("smile=nan", "edit smile is nan; accepted: a number"),
        ("smile=2", "edit smile is 2; accepted: -0.3 to 1.3"),
    ],
)
def test_a_mistyped_edit_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        PortraitEdit.parse(text)


def options(**sliders: float) -> RenderOptions:
    return RenderOptions(edit=PortraitEdit(**sliders), normalize_lip=False, loop=False)


def test_liveportraits_rest_is_the_portrait_itself() -> None:
    liveportrait = engine()
    prepared = liveportrait.prepare(PORTRAIT, options())
    np.testing.assert_array_equal(liveportrait.still(prepared, options()), PORTRAIT)


@pytest.mark.parametrize("multiplier", [0.0, 0.4, 1.0])
def test_liveportraits_animation_begins_with_the_edited_face(multiplier: float) -> None:
    liveportrait = engine()
    wanted = replace(
        options(smile=0.6, yaw=-8, eyes_open=0.1, z=1.1), driving_multiplier=multiplier
    )
    prepared = liveportrait.prepare(PORTRAIT, wanted)
    motion = LivePortraitMotion(measured=measured(4, 3), fps=Fraction(25))
    first, *others = liveportrait.animate(prepared, motion, wanted)
    edited = liveportrait.still(prepared, wanted)
    assert np.abs(edited.astype(int) - PORTRAIT).max() > 10
    np.testing.assert_allclose(first, edited, atol=1)
    assert (multiplier == 0) == all(np.array_equal(each, first) for each in others)


def test_an_edit_that_sets_the_lips_is_not_closed_again() -> None:
    liveportrait = engine()
    motion = LivePortraitMotion(measured=held(measured(1, 3), 2), fps=Fraction(25))
    for sliders, is_closed in ({"lips_open": 0.5}, False), ({"smile": 0.5}, True):
        frames = []
        for normalize in (False, True):
            wanted = RenderOptions(
                edit=PortraitEdit(**sliders), normalize_lip=normalize, driving_multiplier=1.0
            )
            prepared = liveportrait.prepare(PORTRAIT, wanted)
            frames.append(next(liveportrait.animate(prepared, motion, wanted)))
        assert np.array_equal(frames[0], frames[1]) is not is_closed


@pytest.fixture(scope="module")
def mesh() -> MeshEngine:
    return MeshEngine()


@pytest.fixture(scope="module")
def face(mesh: MeshEngine, portrait: Path) -> MeshPortrait:
    return mesh.prepare(np.asarray(Image.open(portrait)), options())


def around(frame: Frame, centre: tuple[float, float], radius: int = 12) -> Frame:
    x, y = round(centre[0]), round(centre[1])
    return frame[y - radius : y + radius, x - radius : x + radius].astype(int)


def test_the_meshs_rest_is_the_portrait_itself(mesh: MeshEngine, face: MeshPortrait) -> None:
    np.testing.assert_array_equal(mesh.still(face, options()), face.picture)
    (frame,) = mesh.animate(face, STILL, options())
    np.testing.assert_array_equal(frame, face.picture)


def test_a_wink_shuts_its_own_eye_only(mesh: MeshEngine, face: MeshPortrait) -> None:
    left, right = (eye.slit.centre for eye in face.eyes)
    for name, shut, other in (("wink_left", left, right), ("wink_right", right, left)):
        frame = mesh.still(face, options(**{name: 39.0}))
        assert np.abs(around(frame, shut) - around(face.picture, shut)).mean() > 10
        np.testing.assert_array_equal(around(frame, other), around(face.picture, other))


@pytest.mark.parametrize("name", sorted(SLIDERS.keys() - UNDRAWN))
def test_the_mesh_draws_every_slider_that_it_does_not_name(
    mesh: MeshEngine, face: MeshPortrait, name: str
) -> None:
    slider = SLIDERS[name]
    value = slider.low if name == "eyes_open" else slider.high
    frame = mesh.still(face, options(**{name: value}))
    assert np.abs(frame.astype(int) - face.picture).max() > 30


def test_what_the_mesh_cannot_draw_is_a_warning(mesh: MeshEngine, portrait: Path) -> None:
    picture = np.asarray(Image.open(portrait))
    for sliders, told in (({"gaze_x": 5.0, "smile": 0.4}, True), ({"smile": 0.4}, False)):
        warnings = mesh.prepare(picture, options(**sliders)).warnings
        assert (RenderWarning.EDIT_PARTLY_APPLIED in warnings) is told
