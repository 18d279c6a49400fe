"""Two people close together: the one moves, the other stands still to the pixel."""

import cv2
import numpy as np
import pytest

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.motion import MeshMotion
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from tests.core.engines.mesh.motions import held, pulled

FULL_MOTION = RenderOptions(driving_multiplier=1.0, normalize_lip=False)
EYES_PX = 45
EYES_AT = {"astronaut": ((225, 111), 42.0), "hopper": ((268, 201), 62.0)}  # middle, distance
MOTIONS = (
    held(rotation_deg=(0, 0, 8), shift=(0.1, 0, 0)),
    held(rotation_deg=(3, 8, -8), shift=(-0.1, 0.05, 0.02), closure=(1, 1)),
    held(control_points=pulled(left_mouth_corner=(-0.1, 0), right_mouth_corner=(0.1, 0))),
)


def side_by_side(astronaut: Frame, hopper: Frame, gap: float) -> Frame:
    """Both with eyes 45 px apart, their faces `gap` eye distances from each other, 500×360."""
    halves = []
    for picture, name, x in ((astronaut, "astronaut", -0.5), (hopper, "hopper", 0.5)):
        (eyes_x, eyes_y), distance = EYES_AT[name]
        scale = EYES_PX / distance
        left, top = 250 + x * gap * EYES_PX - scale * eyes_x, 150 - scale * eyes_y
        placed = np.array([[scale, 0, left], [0, scale, top]])
        halves.append(cv2.warpAffine(picture, placed, (500, 360), borderMode=cv2.BORDER_REPLICATE))
    return np.asarray(np.hstack([halves[0][:, :250], halves[1][:, 250:]]), np.uint8)


def face_of(name: str, gap: float) -> tuple[slice, slice]:
    """Cheek to cheek and brow to chin."""
    x = round(250 + (-0.5 if name == "astronaut" else 0.5) * gap * EYES_PX)
    return slice(130, 235), slice(x - 32, x + 32)


def animated(engine: MeshEngine, portrait: MeshPortrait, motion: MeshMotion) -> Frame:
    return next(engine.animate(portrait, motion, FULL_MOTION))


@pytest.mark.parametrize("gap", [2.4, 3.2])
def test_a_neighbour_stands_still(
    engine: MeshEngine, astronaut: Frame, hopper: Frame, gap: float
) -> None:
    picture = side_by_side(astronaut, hopper, gap)
    portrait = engine.prepare(picture, FULL_MOTION)
    assert RenderWarning.MULTIPLE_FACES_IMAGE in portrait.warnings
    is_left = portrait.eyes[0].slit.centre[0] < 250
    own, other = ("astronaut", "hopper") if is_left else ("hopper", "astronaut")
    for motion in MOTIONS:
        frame = animated(engine, portrait, motion)
        assert np.array_equal(frame[face_of(other, gap)], picture[face_of(other, gap)])
        moved = np.abs(frame.astype(float) - picture)[face_of(own, gap)]
        assert moved.mean() > (8 if motion.rotation_deg.any() else 1)


def test_the_picture_at_rest_is_the_picture(
    engine: MeshEngine, astronaut: Frame, hopper: Frame
) -> None:
    picture = side_by_side(astronaut, hopper, 2.4)
    portrait = engine.prepare(picture, FULL_MOTION)
    assert np.array_equal(animated(engine, portrait, held()), picture)


def test_who_is_alone_has_nobody_in_front(hopper_portrait: MeshPortrait) -> None:
    assert hopper_portrait.in_front is None
