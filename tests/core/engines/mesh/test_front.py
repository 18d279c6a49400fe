"""A strand of hair or a cord stays before lids and lips that move, and hangs on the head.

That clean portraits have no front layer is asserted in test_hidden.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.face.detector import FaceMesh
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame
from tests.core.engines.mesh.coverings import Face, strand
from tests.core.engines.mesh.motions import held, pulled

AS_IT_IS = RenderOptions(driving_multiplier=1.0, normalize_lip=False)
PARTED = pulled(left_mouth_corner=(-0.1, -0.05), lower_lip=(0, 0.1), chin=(0, 0.06))
BLINK, SMILE = held(closure=(1, 1)), held(control_points=PARTED)
BROWN, BLACK, BLOND, GREY = (70, 48, 28), (22, 20, 20), (196, 160, 105), (150, 148, 145)
RED, WHITE, GREEN = (150, 30, 35), (235, 235, 232), (30, 170, 60)
DOWN_LEFT = ((-0.2, -1.2), (-0.42, -0.4), (-0.5, 0.1), (-0.56, 0.9))
DOWN_RIGHT = ((0.2, -1.2), (0.42, -0.5), (0.5, 0.0), (0.62, 0.8))
STEEP_RIGHT = ((0.3, -1.3), (0.5, -0.5), (0.55, 0.1), (0.45, 0.8))
INTO_EYE = ((0.3, -1.3), (0.45, -0.6), (0.5, 0.0))
TO_LIPS = ((0.95, -0.2), (0.75, 0.5), (0.4, 1.0), (0.15, 1.2))
OVER_LIPS = ((0.8, 0.3), (0.45, 0.85), (0.1, 1.15), (-0.2, 1.6))
CORD = ((0.1, 0.7), (0.15, 1.0), (0.12, 1.4), (0.3, 2.1))

Places = tuple[tuple[float, float], ...]
Colour = tuple[int, int, int]


@pytest.fixture(scope="module")
def people(astronaut: Frame, hopper: Frame) -> dict[str, tuple[Frame, Face]]:
    """Heads and shoulders, and the points of their faces."""
    crops = {"astronaut": astronaut[0:300, 80:380], "hopper": hopper[60:420, 90:450]}
    with FaceMesh(still=True) as mesh:
        found = {name: mesh.find(np.ascontiguousarray(crop)) for name, crop in crops.items()}
    return {
        name: (np.ascontiguousarray(crops[name]), Face(points=face.points))
        for name, face in found.items()
        if face is not None
    }


def drawn(
    person: tuple[Frame, Face], places: Places, width: float, colour: Colour
) -> tuple[Frame, NDArray[np.bool_]]:
    """Draw a strand before a face; return the picture, and where nothing shines through."""
    picture, face = person
    opaque = strand(picture, face, places, width)
    mixed = picture + opaque[..., None] * (np.array(colour) - picture)
    return np.rint(mixed).astype(np.uint8), opaque > 0.98


def animated(engine: MeshEngine, portrait: MeshPortrait, motion: MeshMotion) -> Frame:
    return next(engine.animate(portrait, motion, AS_IT_IS))


@pytest.mark.parametrize(
    ("who", "places", "width", "colour", "motion"),
    [
        pytest.param("astronaut", DOWN_LEFT, 0.045, BROWN, BLINK, id="strand"),
        pytest.param("hopper", DOWN_RIGHT, 0.035, BLOND, BLINK, id="blond strand"),
        pytest.param("astronaut", DOWN_LEFT, 0.05, GREY, BLINK, id="grey strand"),
        pytest.param("hopper", INTO_EYE, 0.025, BROWN, BLINK, id="strand ends in an eye"),
        pytest.param("hopper", STEEP_RIGHT, 0.022, BLACK, BLINK, id="strand over spectacles"),
        pytest.param("hopper", DOWN_RIGHT, 0.06, BROWN, BLINK, id="lock over spectacles"),
        pytest.param("hopper", DOWN_LEFT, 0.02, GREY, BLINK, id="thin grey strand"),
        pytest.param("astronaut", OVER_LIPS, 0.045, BLACK, SMILE, id="strand over lips"),
        pytest.param("astronaut", CORD, 0.06, WHITE, SMILE, id="cord"),
        pytest.param("hopper", TO_LIPS, 0.03, BROWN, SMILE, id="strand ends at lips"),
        pytest.param("hopper", CORD, 0.04, RED, SMILE, id="red cord"),
        pytest.param("hopper", OVER_LIPS, 0.03, BLACK, SMILE, id="strand over closed lips"),
    ],
)
def test_what_is_nearer_than_the_face_stays_before_it(
    engine: MeshEngine,
    people: dict[str, tuple[Frame, Face]],
    who: str,
    places: Places,
    width: float,
    colour: Colour,
    motion: MeshMotion,
) -> None:
    picture, core = drawn(people[who], places, width, colour)
    portrait = engine.prepare(picture, AS_IT_IS)
    assert portrait.warnings == ()  # lids and lips move
    assert np.array_equal(animated(engine, portrait, held()), picture)
    apart = np.abs(animated(engine, portrait, motion).astype(int) - picture).max(-1)
    parts = portrait.eyes if motion is BLINK else (portrait.mouth,)
    for part in parts:
        assert (apart[part.slit.support.slices] > 20).any()
    assert apart[core].mean() < 3
    assert np.quantile(apart[core], 0.95) < 25


def test_it_turns_with_the_head_and_with_nothing_else(
    engine: MeshEngine, people: dict[str, tuple[Frame, Face]]
) -> None:
    picture, _core = drawn(people["hopper"], DOWN_LEFT, 0.05, GREEN)
    portrait = engine.prepare(picture, AS_IT_IS)
    turn = (2.0, 6.0, 3.0)
    brows = pulled(left_inner_brow=(0, -0.08), left_middle_brow=(0, -0.08))
    rest, turned, moved = (
        greener.astype(int)[..., 1] - greener[..., [0, 2]].max(-1) > 50
        for greener in (
            picture,
            animated(engine, portrait, held(rotation_deg=turn)),
            animated(
                engine,
                portrait,
                held(rotation_deg=turn, closure=(1, 1), control_points=PARTED + brows),
            ),
        )
    )
    assert (turned & moved).sum() > 0.97 * (turned | moved).sum()
    assert (turned & rest).sum() < 0.5 * rest.sum()
