"""No lid and no lip is painted over what is before an eye or a mouth."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.face.detector import FaceMesh
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from tests.core.engines.mesh.coverings import (
    Cover,
    Face,
    bar,
    hair,
    hand,
    mask,
    microphone,
    patch,
    scarf,
    sunglasses,
)
from tests.core.engines.mesh.motions import held, pulled

OPTIONS = RenderOptions(driving_multiplier=1.0)  # closes the lips that are open, if they move
BLINK = held(closure=(1, 1))
SMILE = held(control_points=pulled(left_mouth_corner=(-0.1, -0.05), lower_lip=(0, 0.1)))
BROWN = ((92, 66, 40), (120, 90, 55), (70, 48, 28))
BLACK = ((20, 18, 18), (40, 34, 32), (55, 50, 48))


@pytest.fixture(scope="module")
def head(astronaut: Frame) -> Frame:
    """Eileen Collins's head and shoulders, 400×400."""
    return np.asarray(cv2.resize(astronaut[0:300, 80:380], (400, 400)), np.uint8)


@pytest.fixture(scope="module")
def face(head: Frame) -> Face:
    with FaceMesh(still=True) as mesh:
        found = mesh.find(head)
    assert found is not None
    return Face(points=found.points)


def animated(engine: MeshEngine, portrait: MeshPortrait, motion: MeshMotion) -> Frame:
    return next(engine.animate(portrait, motion, OPTIONS))


def eyes_changed(engine: MeshEngine, portrait: MeshPortrait) -> tuple[bool, bool]:
    """Whether a blink changes anything around each eye."""
    blink, rest = animated(engine, portrait, BLINK), animated(engine, portrait, held())
    left, right = (bool((blink != rest)[eye.slit.support.slices].any()) for eye in portrait.eyes)
    return left, right


@pytest.mark.parametrize(
    ("cover", "seen"),
    [
        pytest.param(sunglasses((22, 22, 25), (12, 12, 14)), (False, False), id="sunglasses"),
        pytest.param(
            sunglasses((110, 165, 235), (160, 195, 240), (150, 100, 60), (110, 75, 45)),
            (False, False),
            id="mirrors",
        ),
        pytest.param(bar, (False, False), id="bar"),
        pytest.param(patch(0, (25, 25, 28)), (False, True), id="patch"),
        pytest.param(patch(1, (235, 235, 228)), (True, False), id="gauze"),
        pytest.param(hair(0, -0.5, 0.5, BROWN), (False, True), id="curtain"),
        pytest.param(hair(1, -0.4, 0.0, BLACK), (True, False), id="strands"),
        pytest.param(hand(1), (True, False), id="hand"),
    ],
)
def test_a_lid_is_drawn_where_an_eye_is_seen_and_nowhere_else(
    engine: MeshEngine, head: Frame, face: Face, cover: Cover, seen: tuple[bool, bool]
) -> None:
    portrait = engine.prepare(cover(head, face), OPTIONS)
    assert portrait.warnings == (RenderWarning.EYES_LEFT_STILL,)
    assert eyes_changed(engine, portrait) == seen


@pytest.mark.parametrize(
    "cover",
    [
        pytest.param(mask((170, 205, 225)), id="mask"),
        pytest.param(mask((28, 28, 30)), id="black mask"),
        pytest.param(microphone, id="microphone"),
        pytest.param(scarf, id="scarf"),
    ],
)
def test_lips_that_are_not_seen_do_not_move(
    engine: MeshEngine, head: Frame, face: Face, cover: Cover
) -> None:
    picture = cover(head, face)
    portrait = engine.prepare(picture, OPTIONS)
    assert portrait.warnings == (RenderWarning.LIPS_LEFT_STILL,)
    assert np.array_equal(animated(engine, portrait, held()), picture)
    assert np.array_equal(animated(engine, portrait, SMILE), picture)
    assert eyes_changed(engine, portrait) == (True, True)


def small(picture: Frame) -> Frame:
    return np.asarray(cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))


def lit_from_aside(picture: Frame) -> Frame:
    return (picture * np.linspace(0.4, 1, picture.shape[1])[:, None]).astype(np.uint8)


def without_colour(picture: Frame) -> Frame:
    return np.dstack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)] * 3)


@pytest.mark.parametrize(
    "look", [np.copy, small, lit_from_aside, without_colour], ids=lambda look: look.__name__
)
@pytest.mark.parametrize("who", ["astronaut", "hopper"])
def test_eyes_and_lips_that_are_seen_move_in_any_light_and_behind_spectacles(
    engine: MeshEngine,
    request: pytest.FixtureRequest,
    who: str,
    look: Callable[[Frame], Frame],
) -> None:
    crop = {"astronaut": np.s_[0:300, 80:380], "hopper": np.s_[60:420, 90:450]}[who]
    portrait = engine.prepare(look(request.getfixturevalue(who)[crop]), OPTIONS)
    assert portrait.warnings == ()
    assert portrait.front is None
    assert eyes_changed(engine, portrait) == (True, True)
    assert (animated(engine, portrait, SMILE) != animated(engine, portrait, held())).any()
