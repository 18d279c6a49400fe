"""A clip made with known motion is read back; clips that cannot be read say why."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.engines.mesh.idle import synthetic_idle
from liveportrait_core.engines.mesh.motion import MeshMotion, limited, scaled
from liveportrait_core.engines.mesh.portrait import MeshPortrait
from liveportrait_core.errors import VideoFaceLost, VideoNoFace, VideoTooShort
from liveportrait_core.options import RenderOptions
from liveportrait_core.report import Frame, RenderWarning
from tests.core.engines.mesh.motions import blinking, held, swaying

FPS = held().fps
FULL_MOTION = RenderOptions(driving_multiplier=1.0, normalize_lip=False)
WALL: Frame = np.full((512, 512, 3), 128, np.uint8)


def rendered(engine: MeshEngine, portrait: MeshPortrait, motion: MeshMotion) -> Iterator[Frame]:
    return engine.animate(portrait, motion, FULL_MOTION)


@pytest.mark.parametrize(
    ("axis", "gain", "likeness"), [(0, 0.3, 0.97), (1, 0.25, 0.99), (2, 0.15, 0.99)]
)
def test_turns_are_read_back(
    engine: MeshEngine, astronaut_portrait: MeshPortrait, axis: int, gain: float, likeness: float
) -> None:
    made = swaying(axis, 5.0)
    read = engine.analyse(rendered(engine, astronaut_portrait, made), FPS)
    true = limited(scaled(made, FULL_MOTION)).rotation_deg[:, axis]
    assert np.corrcoef(true, read.rotation_deg[:, axis])[0, 1] >= likeness
    assert abs(np.polyfit(true, read.rotation_deg[:, axis], 1)[0] - 1) <= gain
    others = np.delete(read.rotation_deg, axis, axis=1)
    assert np.abs(others).max() < 2.0


def test_a_living_face_is_read_back(engine: MeshEngine, astronaut_portrait: MeshPortrait) -> None:
    made = synthetic_idle(seed=7, seconds=5, fps=FPS)
    read = engine.analyse(rendered(engine, astronaut_portrait, made), FPS)
    true = limited(scaled(made, FULL_MOTION))
    pitch, yaw, roll = (
        np.corrcoef(true.rotation_deg[:, axis], read.rotation_deg[:, axis])[0, 1]
        for axis in range(3)
    )
    assert pitch >= 0.9
    assert yaw >= 0.985
    assert roll >= 0.985
    shut_made, shut_read = made.closure.min(1) > 0.95, read.closure.min(1) > 0.5
    assert shut_read[shut_made].all()
    assert shut_read.sum() <= shut_made.sum() + 4


def test_blinks_are_read_back_on_their_frames(
    engine: MeshEngine, astronaut_portrait: MeshPortrait
) -> None:
    made = blinking(40, 12, 28)
    read = engine.analyse(rendered(engine, astronaut_portrait, made), FPS).closure
    assert (read[[12, 28]] > 0.9).all()
    assert (read[[5, 20, 36]] < 0.05).all()
    assert set(np.flatnonzero(read.min(1) > 0.5)) <= {11, 12, 13, 14, 27, 28, 29, 30}


def test_lids_take_a_persons_time(engine: MeshEngine, astronaut_portrait: MeshPortrait) -> None:
    """Sped-up clips shut and open an eye within a frame, and flutter."""
    shut = held(frames=40).closure.copy()
    shut[12] = shut[25:33:2] = 1
    made = replace(held(frames=40), closure=shut)
    read = engine.analyse(rendered(engine, astronaut_portrait, made), FPS).closure
    assert (read[[12, 25, 27, 29, 31]] > 0.9).all()
    assert (read[13:15] > 0.2).all()
    assert np.abs(np.diff(read[26:32], axis=0)).max() < 0.5


def test_a_blinks_lids_move_as_one_and_a_wink_stays_a_wink(
    engine: MeshEngine, astronaut_portrait: MeshPortrait
) -> None:
    made = blinking(44, 12, 30)
    closure = made.closure.copy()
    closure[9:18, 1] = closure[10:19, 0]  # a frame ahead
    closure[20:, 1] = 0
    uneven = replace(made, closure=closure)
    read = engine.analyse(rendered(engine, astronaut_portrait, uneven), FPS).closure
    blink, wink = read[8:20], read[24:38]
    assert np.abs(blink[:, 0] - blink[:, 1]).max() < 0.15
    assert wink[:, 0].max() > 0.7
    assert wink[:, 1].max() < 0.3


def test_a_still_face_stays_still(engine: MeshEngine, astronaut: Frame) -> None:
    read = engine.analyse([astronaut] * 15, FPS)
    assert np.abs(read.rotation_deg).max() < 0.3
    assert np.abs(read.shift).max() < 0.01
    assert np.abs(read.control_points).max() < 0.01
    assert read.closure.max() < 0.05


def test_frames_before_the_face_appears_are_left_out(engine: MeshEngine, astronaut: Frame) -> None:
    read = engine.analyse([WALL] * 4 + [astronaut] * 16, FPS)
    assert read.frame_count == 16
    assert read.warnings == (RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED,)


def test_gaps_are_bridged(engine: MeshEngine, astronaut_portrait: MeshPortrait) -> None:
    clip = list(rendered(engine, astronaut_portrait, swaying(2, 4.0, frames=30)))
    whole = engine.analyse(clip, FPS)
    clip[12:16] = [WALL] * 4
    bridged = engine.analyse(clip, FPS)
    assert bridged.warnings == (RenderWarning.LANDMARKS_INTERPOLATED,)
    assert bridged.frame_count == 30
    assert np.abs(bridged.rotation_deg[:, 2] - whole.rotation_deg[:, 2]).max() < 1.0


def test_a_clip_without_a_face_is_refused(engine: MeshEngine) -> None:
    with pytest.raises(VideoNoFace, match="any of the 12 driving frames"):
        engine.analyse([WALL] * 12, FPS)


def test_a_face_lost_for_more_than_half_is_refused(engine: MeshEngine, astronaut: Frame) -> None:
    with pytest.raises(VideoFaceLost, match="missing from 20 of 32"):
        engine.analyse([astronaut] * 12 + [WALL] * 20, FPS)


def test_too_little_left_is_refused(engine: MeshEngine, astronaut: Frame) -> None:
    slow = Fraction(12)
    with pytest.raises(VideoTooShort, match="9 driving frames are left after 7"):
        engine.analyse([WALL] * 7 + [astronaut] * 9, slow)
    assert engine.analyse([WALL] * 7 + [astronaut] * 10, slow).frame_count == 10


def test_less_than_half_a_second_left_is_refused(engine: MeshEngine, astronaut: Frame) -> None:
    with pytest.raises(VideoTooShort, match=r"14 driving frames are left.*accepted: at least 15"):
        engine.analyse([WALL] * 3 + [astronaut] * 14, Fraction(30))
    assert engine.analyse([WALL] * 3 + [astronaut] * 15, Fraction(30)).frame_count == 15


def test_a_second_face_is_reported_and_the_larger_followed(
    engine: MeshEngine, astronaut: Frame
) -> None:
    face = astronaut[20:220, 120:320]
    scene = np.full((400, 800, 3), 128, np.uint8)
    scene[40:360, 60:380] = cv2.resize(face, (320, 320))
    scene[100:300, 500:700] = face
    read = engine.analyse([scene] * 15, FPS)
    assert RenderWarning.MULTIPLE_FACES_VIDEO in read.warnings
    assert np.abs(read.shift).max() < 0.02
