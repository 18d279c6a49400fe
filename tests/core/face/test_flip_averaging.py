"""A second look, mirrored and turned, sees the same points of the same face, or says that not."""

from importlib.resources import files

import cv2
import numpy as np
import pytest

from liveportrait_core.face.detector import FaceMesh, Points
from liveportrait_core.face.flip_averaging import OTHER_SIDE, points_from_flip
from liveportrait_core.report import Frame


@pytest.fixture(scope="module")
def picture() -> Frame:
    """Eileen Collins, 512×512."""
    data = np.frombuffer(files("skimage").joinpath("data/astronaut.png").read_bytes(), np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


@pytest.fixture(scope="module")
def face(picture: Frame) -> Points:
    with FaceMesh(still=False) as mesh:
        found = mesh.follow(picture)
    assert found is not None
    return found.points


def again(frame: Frame, face: Points) -> Points | None:
    with FaceMesh(still=False, most_faces=1) as mesh:
        return points_from_flip(mesh.follow, frame, face)


def test_a_mirrors_mirror_shows_every_point_itself() -> None:
    assert np.array_equal(OTHER_SIDE[OTHER_SIDE], np.arange(478))
    assert [OTHER_SIDE[row] for row in (1, 33, 61, 234)] == [1, 263, 291, 454]


def test_both_looks_agree_on_every_point(picture: Frame, face: Points) -> None:
    other = again(picture, face)
    assert other is not None
    assert other.shape == face.shape
    assert other.dtype == face.dtype
    apart = np.linalg.norm((other - face)[:, :2], axis=1) / np.ptp(face[:, 1])
    assert apart.mean() < 0.02
    assert apart.max() < 0.06
    assert np.corrcoef(other[:, 2], face[:, 2])[0, 1] > 0.95


def test_the_looks_keep_to_one_size_in_a_larger_picture(picture: Frame, face: Points) -> None:
    twice: Frame = np.asarray(cv2.resize(picture, None, fx=2, fy=2), np.uint8)
    small, large = again(picture, face), again(twice, face * np.float32(2))
    assert small is not None
    assert large is not None
    assert np.abs(large / 2 - small).max() < 0.03 * np.ptp(face[:, 1])


def test_nothing_is_seen_where_no_face_is(picture: Frame, face: Points) -> None:
    assert again(np.full_like(picture, 128), face) is None


def test_a_neighbour_is_not_taken_for_the_face(picture: Frame, face: Points) -> None:
    beside = face.copy()
    beside[:, 0] += 0.6 * np.ptp(face[:, 0])
    assert again(picture, beside) is None
