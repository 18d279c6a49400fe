"""The square around an animal's face: what three taps tell, beside nine points."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.animals.box import (
    PixelPoints,
    animal_box,
    crop_animal,
)
from liveportrait_core.errors import InvalidOption
from liveportrait_core.face.crop import oriented_box
from tests.core.faces import gradient

EYE, OTHER_EYE, MOUTH = (100.0, 100.0), (160.0, 100.0), (130.0, 170.0)
NINE = np.array(
    [(90, 100), (110, 101), (150, 99), (170, 100), (130, 140), (118, 168), (142, 172), (131, 165),
     (130, 181)], np.float64,
)  # fmt: skip


def taps(*points: tuple[float, float]) -> PixelPoints:
    return np.array(points, np.float64)


def turned(points: NDArray[Any], degrees: float) -> NDArray[Any]:
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return points @ matrix


def test_the_square_of_three_taps_holds_eyes_and_chin() -> None:
    box = animal_box(taps(EYE, OTHER_EYE, MOUTH), scale=1.0, vy_ratio=0.0)
    assert box.side_px == pytest.approx(1.35 * 60)
    assert box.centre == pytest.approx([130, 100 + 0.55 * 70])
    long = animal_box(taps(EYE, OTHER_EYE, (130, 220)), scale=1.0, vy_ratio=0.0)
    assert long.side_px == pytest.approx(1.1 * 120)


def test_it_turns_grows_and_shifts_with_the_face() -> None:
    plain = animal_box(taps(EYE, OTHER_EYE, MOUTH), scale=2.3)
    assert plain.side_px == pytest.approx(2.3 * 1.35 * 60)
    assert plain.centre[1] == pytest.approx(100 + 0.55 * 70 - 0.125 * plain.side_px)
    tilted = animal_box(turned(taps(EYE, OTHER_EYE, MOUTH), 30), scale=2.3)
    assert tilted.side_px == pytest.approx(plain.side_px)
    assert np.degrees(tilted.angle_rad) == pytest.approx(30)
    assert tilted.centre == pytest.approx(turned(plain.centre, 30))


def test_the_eyes_may_be_tapped_in_any_order() -> None:
    one = animal_box(taps(EYE, OTHER_EYE, MOUTH), scale=2.3)
    other = animal_box(taps(OTHER_EYE, EYE, MOUTH), scale=2.3)
    assert np.array_equal(one.corners(), other.corners())


def test_taps_have_the_direction_of_the_nine_points_they_stand_for() -> None:
    middles = taps(
        tuple(NINE[[0, 1]].mean(0)), tuple(NINE[[2, 3]].mean(0)), tuple(NINE[[5, 6]].mean(0))
    )
    assert animal_box(middles, scale=1).angle_rad == animal_box(NINE, scale=1).angle_rad


def test_the_box_of_nine_points_is_computed_in_double() -> None:
    box = animal_box(NINE, scale=2.3)
    assert box.centre.dtype == box.side_px.dtype == np.float64
    single = oriented_box(NINE.astype(np.float32), scale=2.3, vy_ratio=-0.125)
    assert single.side_px.dtype == np.float32


def test_points_that_span_nothing_are_refused() -> None:
    with pytest.raises(InvalidOption, match=r"span 0.* pixels; accepted: points of a face"):
        crop_animal(gradient(64, 64), taps((5, 5), (5.01, 5), (5, 5.01)), scale=2.3)
