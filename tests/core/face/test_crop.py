"""The aligned square: where it lies, that it follows the face, and that its maps are inverse."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.face.crop import (
    crop_face,
    cut_crop,
    map_points,
    mean_upright_box,
    oriented_box,
    reference_points,
    square_matrix,
)
from tests.core.faces import face_106, face_203, gradient

PLACES = st.fixed_dictionaries(
    {
        "x": st.floats(100, 900),
        "y": st.floats(100, 900),
        "size": st.floats(20, 300),
        "angle_rad": st.floats(-3, 3),
    }
)


@given(place=PLACES, scale=st.floats(1, 3.2), vy_ratio=st.floats(-0.3, 0.3))
def test_the_box_turns_and_grows_with_the_face(
    place: dict[str, float], scale: float, vy_ratio: float
) -> None:
    box = oriented_box(face_203(**place), scale=scale, vy_ratio=vy_ratio)
    assert box.side_px == pytest.approx(2 * place["size"] * scale, rel=1e-3)
    assert math.sin(box.angle_rad - place["angle_rad"]) == pytest.approx(0, abs=2e-3)
    down = np.array([-math.sin(place["angle_rad"]), math.cos(place["angle_rad"])])
    middle = np.array([place["x"], place["y"]]) + down * vy_ratio * box.side_px
    assert np.allclose(box.centre, middle, atol=0.005 * box.side_px)


@given(place=PLACES, size_px=st.sampled_from([224, 256, 512]))
def test_the_crop_holds_the_face_upright_and_its_maps_are_inverse(
    place: dict[str, float], size_px: int
) -> None:
    points = face_106(**place)
    crop = crop_face(gradient(64, 64), points, size_px=size_px, scale=1.5, vy_ratio=0.0)
    assert crop.picture.shape == (size_px, size_px, 3)
    inside = map_points(points, crop.original_to_crop)
    assert inside.min() >= 0
    assert inside.max() <= size_px
    eyes, lip = reference_points(inside)
    assert lip[1] > eyes[1]
    assert abs(lip[0] - eyes[0]) < 0.01 * size_px
    back = map_points(inside, crop.crop_to_original)
    assert np.allclose(back, points, atol=0.01 + 1e-4 * np.abs(points).max())


def test_without_turning_the_crop_keeps_the_pictures_axes() -> None:
    points = face_203(x=200, y=150, size=60, angle_rad=0.5)
    crop = crop_face(gradient(400, 400), points, size_px=256, scale=2, vy_ratio=0, upright=False)
    assert crop.original_to_crop[0, 1] == 0
    assert crop.original_to_crop[1, 0] == 0


@given(place=PLACES)
def test_corners_go_clockwise_from_the_top_left(place: dict[str, float]) -> None:
    box = oriented_box(face_203(**place), scale=2, vy_ratio=0)
    for corners in (box.corners(), box.upright_corners()):
        sides = np.diff(np.vstack([corners, corners[:1]]), axis=0)
        assert np.allclose(np.linalg.norm(sides, axis=1), box.side_px, rtol=1e-3)
        assert all(a[0] * b[1] - a[1] * b[0] > 0 for a, b in pairwise(sides))
    assert box.upright_corners()[0, 0] < box.upright_corners()[1, 0]


def test_a_face_shifted_sideways_has_its_box_shifted_along_its_own_axis() -> None:
    points = face_203(x=300, y=300, size=50, angle_rad=0.3)
    still = oriented_box(points, scale=2, vy_ratio=0)
    moved = oriented_box(points, scale=2, vy_ratio=0, vx_ratio=0.1)
    across = np.array([math.cos(0.3), math.sin(0.3)])
    assert np.allclose(moved.centre - still.centre, 0.1 * still.side_px * across, atol=0.1)


def test_a_face_without_height_counts_as_upright() -> None:
    points = np.tile(np.array([[5.0, 5.0]], dtype=np.float32), (203, 1))
    points[100] = (0, 0)
    assert oriented_box(points, scale=1, vy_ratio=0).angle_rad == 0.0


def test_the_mesh_is_measured_without_its_forehead() -> None:
    mesh = np.zeros((478, 2), dtype=np.float32)
    mesh[:] = (50, 50)
    mesh[[33, 133, 362, 263, 61, 291, 152]] = (
        (30, 40), (45, 40), (55, 40), (70, 40), (40, 70), (60, 70), (50, 90),
    )  # fmt: skip
    before = oriented_box(mesh, scale=1, vy_ratio=0)
    mesh[10] = (50, -500)  # the top of the forehead
    after = oriented_box(mesh, scale=1, vy_ratio=0)
    assert np.array_equal(before.centre, after.centre)
    assert before.side_px == after.side_px


@pytest.mark.parametrize("count", [0, 4, 7, 100])
def test_an_unknown_layout_is_named(count: int) -> None:
    with pytest.raises(ValueError, match=f"no landmark layout has {count} points; known: 203, 106"):
        reference_points(np.zeros((count, 2), dtype=np.float32))


def test_one_square_for_a_clip_is_the_mean_and_does_not_turn() -> None:
    boxes = [
        oriented_box(face_203(x=x, y=100, size=40, angle_rad=a), scale=2, vy_ratio=0)
        for x, a in ((100, 0.0), (120, 0.4), (140, -0.4))
    ]
    left, top, right, bottom = mean_upright_box(boxes)
    assert (left + right) / 2 == pytest.approx(np.mean([box.centre[0] for box in boxes]), abs=1e-3)
    assert right - left == pytest.approx(np.mean([box.side_px for box in boxes]), abs=1e-2)
    assert bottom - top == pytest.approx(right - left, abs=1e-2)


def test_a_square_at_full_size_is_cut_pixel_by_pixel() -> None:
    picture = gradient(100, 120)
    matrix = square_matrix((20, 10, 84, 74), size_px=64)
    assert np.array_equal(cut_crop(picture, matrix, 64).picture, picture[10:74, 20:84])


def test_beyond_the_picture_the_crop_is_black() -> None:
    picture = np.full((50, 50, 3), 200, dtype=np.uint8)
    crop = cut_crop(picture, square_matrix((-50, -50, 50, 50), size_px=100), 100)
    assert not crop.picture[:49, :49].any()
    assert (crop.picture[51:, 51:] == 200).all()
