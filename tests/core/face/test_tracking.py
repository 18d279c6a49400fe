"""Following a face: lost and found again, cuts, several faces, and where nothing is there."""

import logging

import numpy as np
import pytest

from liveportrait_core.face.crop import Points
from liveportrait_core.face.detector import FoundFace
from liveportrait_core.face.tracking import FindFace, locate_face, track_face
from liveportrait_core.report import Frame
from tests.core.faces import face_106, face_203, found, gradient

FRAME = gradient(64, 96)


class Follower:
    """Landmarks that lie where they are looked for; remembers where that was."""

    def __init__(self) -> None:
        self.looked_at: list[int] = []

    def __call__(self, frame: Frame, near: Points) -> Points:
        self.looked_at.append(len(near))
        x, y = (near.min(axis=0) + near.max(axis=0)) / 2
        return face_203(x=float(x), y=float(y), size=float(np.ptp(near[:, 0]) / 2))


def detections(*faces: FoundFace | None) -> FindFace:
    answers = iter(faces)
    return lambda _: next(answers)


def at(x: float, *, alone: bool = True) -> FoundFace:
    return found(face_106(x=x, y=30, size=10), alone=alone)


def clip(count: int) -> list[Frame]:
    return [FRAME] * count


def test_landmarks_are_found_from_the_frame_before() -> None:
    follower = Follower()
    track = track_face(clip(4), detections(at(30), at(31), at(32), at(33)), follower)
    assert follower.looked_at == [106, 203, 203, 203]
    assert track.seen == [0, 1, 2, 3]
    assert track.skipped == 0
    assert track.size == (64, 96)
    assert track.alone


def test_a_lost_face_is_detected_again() -> None:
    follower = Follower()
    track = track_face(clip(6), detections(None, at(30), at(30), None, at(60), at(60)), follower)
    assert track.skipped == 1
    assert track.seen == [0, 1, 3, 4]
    assert [points is None for points in track.landmarks] == [False, False, True, False, False]
    # After the gap the detector says where to look, wherever that is: this is no cut.
    assert follower.looked_at == [106, 203, 106, 203]


def test_a_face_that_jumps_is_detected_again_and_said_aloud(
    caplog: pytest.LogCaptureFixture,
) -> None:
    follower = Follower()
    with caplog.at_level(logging.WARNING):
        track_face(clip(3), detections(at(20), at(70), at(70)), follower)
    assert follower.looked_at == [106, 106, 203]
    assert "scene cuts" in caplog.text
    assert "[1]" in caplog.text


def test_another_face_in_any_frame_is_remembered() -> None:
    track = track_face(clip(3), detections(at(30), at(30, alone=False), at(30)), Follower())
    assert not track.alone


def test_without_a_landmark_network_the_detectors_points_serve() -> None:
    faces = [at(30), at(31)]
    track = track_face(clip(2), detections(*faces), None)
    for points, face in zip(track.landmarks, faces, strict=True):
        assert points is not None
        assert np.array_equal(points, face.points)


def test_depth_is_left_out() -> None:
    flat = face_106(x=30, y=30, size=10)
    deep = found(np.hstack([flat, np.ones((106, 1), dtype=np.float32)]))
    face = locate_face(FRAME, detections(deep), None)
    assert face is not None
    assert np.array_equal(face.detected, flat)


@pytest.mark.parametrize("count", [0, 3])
def test_where_there_is_no_face_the_track_is_empty(count: int) -> None:
    track = track_face(clip(count), detections(*[None] * count), Follower())
    assert track.landmarks == ()
    assert track.skipped == count


def test_a_portrait_is_located_from_the_detectors_points() -> None:
    follower = Follower()
    face = locate_face(FRAME, detections(at(40, alone=False)), follower)
    assert face is not None
    assert follower.looked_at == [106]
    assert not face.alone
    assert face.landmarks.shape == (203, 2)
    assert locate_face(FRAME, detections(None), follower) is None
