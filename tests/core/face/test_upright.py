"""Faces that do not stand upright are found where they are, and clips are turned for them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib.resources import files

import cv2
import numpy as np
import pytest

from liveportrait_core.face.detector import FaceMesh, Points
from liveportrait_core.face.flip_averaging import places_apart, points_from_flip, roll_rad
from liveportrait_core.face.upright import (
    QuarterTurns,
    UprightFrames,
    find_face,
    quarter_turns,
    turned,
)
from liveportrait_core.report import Frame

ANGLES_DEG = (45, 90, 135, 180, 270)


@pytest.fixture(scope="module")
def picture() -> Frame:
    """Eileen Collins's head and shoulders, 300×300."""
    data = np.frombuffer(files("skimage").joinpath("data/astronaut.png").read_bytes(), np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)[0:300, 80:380], np.uint8)


@pytest.fixture(scope="module")
def mesh() -> Iterator[FaceMesh]:
    with FaceMesh(still=True) as mesh:
        yield mesh


def tilted(picture: Frame, angle_deg: float) -> tuple[Frame, np.ndarray]:
    """Clockwise, with its surroundings; and the map from the picture to it, 2×3."""
    height, width = picture.shape[:2]
    to_tilted = cv2.getRotationMatrix2D((width / 2, height / 2), -angle_deg, 1)
    view = cv2.warpAffine(picture, to_tilted, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, np.uint8), to_tilted


def found(mesh: FaceMesh, picture: Frame) -> Points:
    face = find_face(mesh, picture)
    assert face is not None
    return face.points


@pytest.mark.parametrize("angle_deg", ANGLES_DEG)
def test_a_face_is_found_however_it_stands(
    mesh: FaceMesh, picture: Frame, angle_deg: float
) -> None:
    upright = found(mesh, picture)
    view, to_tilted = tilted(picture, angle_deg)
    seen = found(mesh, view)
    assert places_apart(seen, upright[:, :2] @ to_tilted[:, :2].T + to_tilted[:, 2]) < 0.03
    off = np.degrees(roll_rad(seen) - roll_rad(upright)) - angle_deg
    assert abs((off + 180) % 360 - 180) < 5


def test_an_upright_face_is_where_one_look_sees_it(mesh: FaceMesh, picture: Frame) -> None:
    once = mesh.find(picture)
    assert once is not None
    assert np.array_equal(found(mesh, picture), once.points)


def test_a_small_face_upside_down_is_found(mesh: FaceMesh, picture: Frame) -> None:
    scene = np.full((900, 1300, 3), 150, np.uint8)
    scene[500:650, 900:1050] = cv2.resize(picture[::-1, ::-1], (150, 150))
    x, y = found(mesh, scene)[:, :2].mean(0)
    assert 920 < x < 1030
    assert 520 < y < 630
    assert find_face(mesh, np.full((200, 300, 3), 150, np.uint8)) is None


@pytest.mark.parametrize("angle_deg", [0, 60, 90, 150, 180, 240, 300])
def test_the_second_look_sees_a_face_at_any_angle_and_denies_a_wrong_one(
    mesh: FaceMesh, picture: Frame, angle_deg: float
) -> None:
    view, to_tilted = tilted(picture, angle_deg)
    true = found(mesh, picture)
    true = np.column_stack([true[:, :2] @ to_tilted[:, :2].T + to_tilted[:, 2], true[:, 2]])
    again = points_from_flip(mesh.find_large, view, true.astype(np.float32))
    assert again is not None
    assert places_apart(again, true) < 0.02
    middle = true[:, :2].mean(0)
    upside_down = np.column_stack([2 * middle - true[:, :2], true[:, 2]]).astype(np.float32)
    assert points_from_flip(mesh.find_large, view, upside_down) is None


def test_a_face_upside_down_is_far_from_itself_though_its_middle_is_not(
    mesh: FaceMesh, picture: Frame
) -> None:
    seen = found(mesh, picture)
    upside_down = seen * np.array([-1, -1, 1]) + 2 * seen.mean(0) * np.array([1, 1, 0])
    assert places_apart(upside_down, seen) > 0.3
    assert places_apart(seen, seen) == 0


@pytest.mark.parametrize(("angle_deg", "quarters"), [(0, 0), (45, 0), (90, 1), (180, 2), (270, 3)])
def test_a_clip_is_turned_when_its_face_lies(
    mesh: FaceMesh, picture: Frame, angle_deg: float, quarters: int
) -> None:
    assert quarter_turns(mesh, tilted(picture, angle_deg)[0]) == quarters


def test_no_face_tells_nothing(mesh: FaceMesh) -> None:
    assert quarter_turns(mesh, np.full((200, 300, 3), 150, np.uint8)) is None


def test_the_first_frame_with_a_face_turns_a_clip_as_often_as_it_is_gone_over() -> None:
    clip = [np.full((4, 6, 3), level, np.uint8) for level in range(4)]
    clip[2][0, 0] = 255
    asked: list[int] = []

    def judge() -> AbstractContextManager[QuarterTurns]:
        def turns_of(frame: Frame) -> int | None:
            asked.append(int(frame[1, 1, 0]))
            return 1 if asked[-1] == 2 else None

        return nullcontext(turns_of)

    frames = UprightFrames(clip, judge)
    once = [frame.shape for frame in frames]
    assert once == [(4, 6, 3), (4, 6, 3), (6, 4, 3), (6, 4, 3)]
    assert frames.are_turned
    again = list(frames)
    assert asked == [0, 1, 2]
    assert {frame.shape for frame in again} == {(6, 4, 3)}
    assert np.array_equal(turned(again[2], 3), clip[2])
