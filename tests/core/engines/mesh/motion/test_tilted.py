"""Motion is read along a face's own axes and applied along the portrait's, however both stand."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.motion import MeshMotion, limited, scaled
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from tests.core.engines.mesh.motions import blinking, held

FULL_MOTION = RenderOptions(driving_multiplier=1.0, normalize_lip=False, loop=False)
FRAMES = 20


def tilted(picture: Frame, angle_deg: int) -> Frame:
    """The head and its surroundings, clockwise."""
    size = picture.shape[1::-1]
    about_the_nose = cv2.getRotationMatrix2D((225, 120), -angle_deg, 1)
    turned = cv2.warpAffine(picture, about_the_nose, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def nodding_shaking_and_tilting() -> MeshMotion:
    """About each axis in a way of its own, the eyes shut once."""
    phase = 2 * np.pi * np.arange(FRAMES) / FRAMES
    rotation = 3.0 * np.stack([np.sin(phase), np.sin(2 * phase), 1 - np.cos(phase)], axis=1)
    return replace(blinking(FRAMES, 10), rotation_deg=rotation)


@pytest.mark.parametrize("angle_deg", [0, 45, 90, 180])
def test_a_nod_stays_a_nod_on_a_tilted_head(
    engine: MeshEngine, astronaut: Frame, angle_deg: int
) -> None:
    portrait = engine.prepare(tilted(astronaut, angle_deg), FULL_MOTION)
    made = nodding_shaking_and_tilting()
    read = engine.analyse(engine.animate(portrait, made, FULL_MOTION), made.fps)
    true = limited(scaled(made, FULL_MOTION))
    for axis in range(3):
        wanted, seen = true.rotation_deg[:, axis], read.rotation_deg[:, axis]
        assert np.corrcoef(wanted, seen)[0, 1] >= 0.9
        assert 0.4 < np.polyfit(wanted, seen, 1)[0] < 1.3
    assert (read.closure[10] > 0.8).all()
    assert (read.closure[18] < 0.1).all()


@pytest.fixture(scope="module")
def upright(engine: MeshEngine, astronaut_portrait: MeshPortrait) -> list[Frame]:
    return list(engine.animate(astronaut_portrait, nodding_shaking_and_tilting(), FULL_MOTION))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_clip_that_lies_is_read_as_if_it_stood(
    engine: MeshEngine, upright: list[Frame], quarters: int
) -> None:
    fps = held().fps
    lying = [np.ascontiguousarray(np.rot90(frame, quarters)) for frame in upright]
    seen, wanted = engine.analyse(lying, fps), engine.analyse(upright, fps)
    assert seen.warnings == (RenderWarning.VIDEO_TURNED,)
    assert wanted.warnings == ()
    for name, channel in wanted.arrays.items():
        assert np.array_equal(seen.arrays[name], channel), name


@pytest.mark.parametrize("angle_deg", [0, 45, 90, 180])
def test_a_tilted_head_moves_along_itself(
    engine: MeshEngine, astronaut: Frame, angle_deg: int
) -> None:
    picture = tilted(astronaut, angle_deg)
    portrait = engine.prepare(picture, FULL_MOTION)
    down = next(engine.animate(portrait, held(shift=(0, 0.1, 0)), FULL_MOTION))
    face = np.s_[80:160, 185:265]
    grey = [cv2.cvtColor(frame[face], cv2.COLOR_RGB2GRAY) for frame in (picture, down)]
    (right, below), _sureness = cv2.phaseCorrelate(
        *[picture.astype(np.float32) for picture in grey]
    )
    moved = np.array([right, below]) / portrait.head.eye_distance_px
    angle = np.radians(angle_deg)
    assert moved == pytest.approx([-0.1 * np.sin(angle), 0.1 * np.cos(angle)], abs=0.025)
