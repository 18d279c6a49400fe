"""Finding a face in a still picture: small ones, several, none; and without chatter."""

import subprocess
import sys
from importlib.resources import files

import cv2
import numpy as np
import pytest

from liveportrait_core.face.detector import POINT_COUNT, FaceMesh, FoundFace, person_mask
from liveportrait_core.report import Frame


@pytest.fixture(scope="module")
def face() -> Frame:
    """A head and its surroundings, 240×240."""
    data = np.frombuffer(files("skimage").joinpath("data/astronaut.png").read_bytes(), np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)[0:240, 100:340], np.uint8)


def find(picture: Frame) -> FoundFace | None:
    with FaceMesh(still=True) as mesh:
        return mesh.find(picture)


def on_a_wall(width: int, height: int, *placed: tuple[Frame, int, int]) -> Frame:
    scene = np.full((height, width, 3), 150, np.uint8)
    for picture, x, y in placed:
        scene[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return scene


def middle(found: FoundFace) -> tuple[float, float]:
    x, y = found.points[:, :2].mean(0)
    return float(x), float(y)


@pytest.mark.parametrize(("width", "height"), [(240, 240), (700, 300), (300, 700)])
def test_the_points_lie_on_the_face_whatever_the_pictures_shape(
    face: Frame, width: int, height: int
) -> None:
    alone = find(face)
    found = find(on_a_wall(width, height, (face, width - 240, height - 240)))
    assert alone is not None
    assert found is not None
    assert found.points.shape == (POINT_COUNT, 3)
    offset = np.array([width - 240, height - 240], np.float32)
    assert np.abs(found.points[:, :2] - offset - alone.points[:, :2]).max() < 4


def test_a_small_face_in_a_large_picture_is_found(face: Frame) -> None:
    small = np.asarray(cv2.resize(face, (150, 150), interpolation=cv2.INTER_AREA), np.uint8)
    found = find(on_a_wall(2400, 1600, (small, 1900, 1200)))
    assert found is not None
    assert 1900 < middle(found)[0] < 2050
    assert 1200 < middle(found)[1] < 1350


def test_of_two_faces_the_larger_is_taken_and_the_other_reported(face: Frame) -> None:
    larger = np.asarray(cv2.resize(face, (360, 360)), np.uint8)
    found = find(on_a_wall(620, 370, (face, 10, 60), (larger, 255, 5)))
    assert found is not None
    assert not found.alone
    assert middle(found)[0] > 260


def test_no_face_is_none() -> None:
    assert find(on_a_wall(300, 200)) is None


def test_following_keeps_to_one_face(face: Frame) -> None:
    scene = on_a_wall(600, 260, (face, 20, 10), (np.ascontiguousarray(face[:, ::-1]), 340, 10))
    with FaceMesh(still=False) as mesh:
        seen = [mesh.follow(scene) for _ in range(6)]
    assert all(found is not None for found in seen)
    places = {round(middle(found)[0] / 50) for found in seen if found is not None}
    assert len(places) == 1


@pytest.mark.parametrize("seed", [11, 12, 22, 24, 34])
def test_soft_noise_is_no_face(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(20, 236, (200, 160, 3), np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 4).astype(np.float32)
    assert find(np.clip((soft - soft.mean()) * 3 + 128, 0, 255).astype(np.uint8)) is None


def test_who_stays_behind_is_not_taken_for_who_has_left(face: Frame) -> None:
    larger = np.asarray(cv2.resize(face, (300, 300)), np.uint8)
    both = on_a_wall(640, 320, (face, 20, 40), (larger, 320, 10))
    left_alone = on_a_wall(640, 320, (face, 20, 40))
    with FaceMesh(still=False) as mesh:
        assert mesh.follow(both) is not None
        assert [mesh.follow(left_alone) for _ in range(4)] == [None] * 4
        back = mesh.follow(both)
    assert back is not None
    assert middle(back)[0] > 320


def test_following_says_when_the_face_is_gone(face: Frame) -> None:
    with FaceMesh(still=False) as mesh:
        assert mesh.follow(face) is not None
        assert mesh.follow(np.full_like(face, 150)) is None


def test_the_person_is_told_from_the_background(face: Frame) -> None:
    mask = person_mask(on_a_wall(500, 300, (face, 130, 60)))
    assert mask.shape == (300, 500)
    assert mask[170, 230] > 0.9
    assert mask[20, 20] < 0.1


def test_mediapipe_keeps_quiet_from_its_first_import_on() -> None:
    """Also where `sys.stderr` is not the descriptor, as under a server that captures it."""
    script = (
        "import io, sys; sys.stderr = io.StringIO(); import numpy as np;"
        "from liveportrait_core.face.detector import FaceMesh, _quiet\n"
        "with FaceMesh(still=True) as mesh: mesh.find(np.full((200, 200, 3), 150, np.uint8))\n"
        "with _quiet(): print('said meanwhile', file=sys.stderr)\n"
        "print(sys.stderr.getvalue(), end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "said meanwhile\n"
    assert done.stderr == ""


def test_mediapipe_keeps_quiet(face: Frame, capfd: pytest.CaptureFixture[str]) -> None:
    find(face)
    person_mask(face)
    assert capfd.readouterr().err == ""
