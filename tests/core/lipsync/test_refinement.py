"""A refiner shows where a mouth was painted, in the voice's measure, and nowhere else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from liveportrait_core.lipsync.base import FaceBox
from liveportrait_core.lipsync.refinement import Refinement
from liveportrait_core.report import Frame
from liveportrait_core.speech.methods import MIT

BOX = FaceBox(x0=40, y0=30, x1=140, y1=150)
POINTS = np.zeros((478, 3), np.float32)


class Brightening:
    """Adds a number of levels, another one each time."""

    name, licence = "brightening", MIT

    def __init__(self, *levels: int) -> None:
        self.levels = list(levels)

    def refine(self, picture: Frame, points: NDArray[np.float32]) -> Frame:
        return (picture + np.uint8(self.levels.pop(0))).astype(np.uint8)

    def seconds_for(self, faces: int) -> float:
        return 0.0


def painted(level: int = 100) -> Frame:
    return np.full((180, 200, 3), level, np.uint8)


def test_it_shows_inside_the_mouths_mask_alone() -> None:
    result = Refinement(Brightening(50)).refined(painted(), POINTS, BOX, 1.0)
    assert (result[100:130, 80:100] == 150).all()
    outside = result.copy()
    outside[80:150, 40:140] = 100
    assert (outside == 100).all()


@pytest.mark.parametrize(("activity", "level"), [(0.5, 125), (0.2, 110)])
def test_it_shows_in_the_measure_of_the_voice(activity: float, level: int) -> None:
    result = Refinement(Brightening(50)).refined(painted(), POINTS, BOX, activity)
    assert (result[100:130, 80:100] == level).all()


def test_without_a_voice_the_frame_is_left_as_it_is() -> None:
    frame = painted()
    assert Refinement(Brightening()).refined(frame, POINTS, BOX, 0.0) is frame


def flicker(*levels: int, under: tuple[int, ...] = (100, 110, 120)) -> float | None:
    refinement = Refinement(Brightening(*levels))
    assert refinement.flicker is None
    for level in under:
        refinement.refined(painted(level), POINTS, BOX, 1.0)
    return refinement.flicker


def test_it_tells_how_much_it_flickers() -> None:
    steady, flickering, calming = flicker(50, 50, 50), flicker(50, 80, 50), flicker(50, 40, 30)
    assert steady == pytest.approx(1)
    assert flickering is not None
    assert flickering > 1.3
    assert calming is not None
    assert calming < 0.85
    assert flicker(50, 50, 50, under=(100, 100, 100)) is None  # nothing moved
