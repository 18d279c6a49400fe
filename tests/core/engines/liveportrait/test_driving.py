"""A clip becomes motion: the same view for all frames, gaps bridged, refusals in plain words."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liveportrait_core.engines.liveportrait.config import DrivingCrop
from liveportrait_core.engines.liveportrait.driving import (
    FixedCrop,
    FullFrame,
    analyse_driving,
    resize_to_network,
)
from liveportrait_core.engines.liveportrait.motion.extraction import BATCH_FRAMES
from liveportrait_core.engines.liveportrait.motion.pose import Motion, rotation_matrix
from liveportrait_core.engines.liveportrait.template import LivePortraitMotion
from liveportrait_core.errors import VideoFaceLost, VideoNoFace
from liveportrait_core.report import Frame, RenderWarning
from tests.core.faces import face_203, found

FPS = Fraction(25)
DEGREES_A_LEVEL = 0.5


class Extractor:
    """Reads motion off the pictures: their level is the roll, and everything else."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.pictures: list[Frame] = []

    def __call__(self, pictures: NDArray[np.uint8]) -> Motion:
        assert pictures.shape[1:] == (256, 256, 3)
        self.batches.append(len(pictures))
        self.pictures.extend(pictures)
        level = np.median(pictures.reshape(len(pictures), -1), axis=1).astype(np.float32)
        still = np.zeros((len(level), 1), dtype=np.float32)
        return Motion(
            canonical_keypoints=np.broadcast_to(level[:, None, None], (len(level), 21, 3)).copy(),
            rotation=rotation_matrix(still, still, DEGREES_A_LEVEL * level[:, None]),
            expression=np.broadcast_to(level[:, None, None], (len(level), 21, 3)).copy(),
            scale=1 + level[:, None],
            translation=np.repeat(level[:, None], 3, axis=1),
        )


def clip(levels: Sequence[int], *, width: int = 320, height: int = 240) -> list[Frame]:
    return [np.full((height, width, 3), level, dtype=np.uint8) for level in levels]


def analysed(
    frames: list[Frame],
    extract: Extractor,
    *,
    seen: Sequence[bool] | None = None,
    crop: DrivingCrop = DrivingCrop.AUTO,
    alone: bool = True,
) -> LivePortraitMotion:
    points = face_203(x=160, y=120, size=40)
    answers = iter(seen or [True] * len(frames))
    return analyse_driving(
        frames,
        FPS,
        find=lambda _: found(points, alone=alone) if next(answers) else None,
        locate=lambda *_: points,
        extract=extract,
        crop=crop,
    )


def test_every_frame_has_its_motion_in_batches() -> None:
    extract = Extractor()
    levels = list(range(10, 10 + 2 * BATCH_FRAMES + 3))
    template = analysed(clip(levels), extract)
    assert template.frame_count == len(levels)
    assert extract.batches == [BATCH_FRAMES, BATCH_FRAMES, 3]
    assert np.array_equal(template.measured.motion.expression[:, 0, 0], levels)
    assert template.fps == FPS
    assert template.warnings == ()
    assert template.measured.eye_ratios.shape == (len(levels), 2)


def test_a_gap_is_bridged_in_motion_and_not_one_frame_is_dropped() -> None:
    levels = [10, 20, 0, 0, 50, 60]
    seen = [True, True, False, False, True, True]
    template = analysed(clip(levels), Extractor(), seen=seen)
    bridged = template.measured.motion
    assert bridged.expression[:, 3, 1] == pytest.approx([10, 20, 30, 40, 50, 60])
    assert bridged.scale[:, 0] == pytest.approx([11, 21, 31, 41, 51, 61])
    turns = Rotation.from_matrix(bridged.rotation.transpose(0, 2, 1)).as_euler("xyz", degrees=True)
    assert turns[:, 2] == pytest.approx([5, 10, 15, 20, 25, 30], abs=1e-3)
    assert template.warnings == (RenderWarning.LANDMARKS_INTERPOLATED,)


def test_seen_frames_beside_a_gap_keep_their_motion_to_the_bit() -> None:
    seen = [True, True, False, True]
    template = analysed(clip([10, 20, 0, 40]), Extractor(), seen=seen)
    exact = Extractor()(np.stack([resize_to_network(frame) for frame in clip([10, 20, 40])]))
    assert np.array_equal(template.measured.motion.rotation[[0, 1, 3]], exact.rotation)
    assert np.array_equal(template.measured.motion.expression[[0, 1, 3]], exact.expression)


@pytest.mark.parametrize("seen", [[True, True, False], [True, False]])
def test_after_the_last_sight_the_motion_is_held(seen: list[bool]) -> None:
    template = analysed(clip([10, 20, 0][: len(seen)]), Extractor(), seen=seen)
    motion = template.measured.motion
    last = sum(seen) - 1
    assert np.allclose(motion.rotation[-1], motion.rotation[last], atol=1e-6)
    assert motion.expression[-1, 0, 0] == motion.expression[last, 0, 0]


def test_leading_frames_without_a_face_are_skipped_with_a_warning() -> None:
    template = analysed(clip([0, 0, 30, 40, 50]), Extractor(), seen=[False] * 2 + [True] * 3)
    assert template.measured.motion.expression[:, 0, 0].tolist() == [30, 40, 50]
    assert template.warnings == (RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED,)


def test_several_faces_are_said() -> None:
    template = analysed(clip([1, 2]), Extractor(), alone=False)
    assert template.warnings == (RenderWarning.MULTIPLE_FACES_VIDEO,)


def test_no_face_at_all_is_refused() -> None:
    with pytest.raises(VideoNoFace, match="in any of the 4 driving frames; accepted"):
        analysed(clip([1] * 4), Extractor(), seen=[False] * 4)


@pytest.mark.parametrize(("missing", "is_lost"), [(3, False), (4, True)])
def test_a_face_missing_from_more_than_half_is_lost(missing: int, is_lost: bool) -> None:
    seen = [False] * missing + [True] * (6 - missing)
    if is_lost:
        with pytest.raises(VideoFaceLost, match="missing from 4 of 6 driving frames"):
            analysed(clip([1] * 6), Extractor(), seen=seen)
    else:
        assert analysed(clip([1] * 6), Extractor(), seen=seen).frame_count == 3


def test_frames_that_can_be_gone_over_only_once_are_refused() -> None:
    with pytest.raises(TypeError, match="gone over twice"):
        analyse_driving(iter(clip([1])), FPS, find=lambda _: None, locate=None, extract=Extractor())


@pytest.mark.parametrize(
    ("height", "crop", "openings", "looks"),
    [
        (320, DrivingCrop.AUTO, False, 0),  # square: neither crop nor openings
        (320, DrivingCrop.AUTO, True, 4),
        (320, DrivingCrop.ALWAYS, False, 4),
        (240, DrivingCrop.AUTO, False, 4),
        (240, DrivingCrop.NEVER, False, 0),
    ],
)
def test_landmarks_are_looked_for_only_where_something_uses_them(
    height: int, crop: DrivingCrop, openings: bool, looks: int
) -> None:
    points, near = face_203(x=160, y=120, size=40), []

    def locate(_frame: Frame, where: NDArray[np.float32]) -> NDArray[np.float32]:
        near.append(where)
        return points

    def motion(*, openings: bool) -> LivePortraitMotion:
        frames, near[:] = clip([10, 20, 30, 40], height=height), []
        return analyse_driving(
            frames, FPS, find=lambda _: found(points), locate=locate,
            extract=Extractor(), crop=crop, openings=openings,
        )  # fmt: skip

    measured, sparing = motion(openings=True).measured, motion(openings=openings)
    assert len(near) == looks
    for name, values in vars(measured.motion).items():
        assert np.array_equal(getattr(sparing.measured.motion, name), values), name
    assert np.isfinite(measured.eye_ratios).all()
    assert np.isfinite(sparing.measured.eye_ratios).all() == openings


def corners_marked(height: int, width: int) -> list[Frame]:
    """Grey frames with a white border."""
    frame = np.full((height, width, 3), 100, dtype=np.uint8)
    frame[:8] = frame[-8:] = 255
    return [frame]


@pytest.mark.parametrize(
    ("height", "width", "crop", "is_cropped"),
    [
        (240, 320, DrivingCrop.AUTO, True),
        (320, 320, DrivingCrop.AUTO, False),
        (320, 320, DrivingCrop.ALWAYS, True),
        (240, 320, DrivingCrop.NEVER, False),
    ],
)
def test_frames_are_cropped_unless_they_are_square(
    height: int, width: int, crop: DrivingCrop, is_cropped: bool
) -> None:
    extract = Extractor()
    analysed(corners_marked(height, width), extract, crop=crop)
    (picture,) = extract.pictures
    assert (picture[0] == 255).all() != is_cropped


def test_the_view_stands_still_while_the_face_moves() -> None:
    faces = [face_203(x=x, y=120, size=40) for x in (150, 160, 170)]
    view = FixedCrop.around(faces)
    middles = [float(view.points(face)[:, 0].mean()) for face in faces]
    assert np.ptp(middles) == pytest.approx(20 * 512 / (2.2 * 80), rel=0.02)
    assert view.crop(clip([7])[0]).shape == (512, 512, 3)


def test_a_whole_view_leaves_landmarks_where_they_are() -> None:
    points = face_203(x=50, y=50, size=20)
    assert FullFrame().points(points) is points
