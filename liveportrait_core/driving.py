"""A driving clip becomes a motion template: one face followed, one view for all frames, its motion.

Goes over the frames twice, because the crop is the mean over the whole clip, and holds only a batch
of them. Frames without a face are bridged, never dropped. Knows no portrait; the detector and the
networks are asked through functions it is given (docs/liveportrait.md, P4.6, P4.7).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import islice
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from liveportrait_core.errors import VideoFaceLost, VideoNoFace
from liveportrait_core.face.crop import (
    Matrix,
    Points,
    cut_crop,
    map_points,
    mean_upright_box,
    oriented_box,
    square_matrix,
)
from liveportrait_core.face.tracking import FaceTrack, FindFace, LocateLandmarks, track_face
from liveportrait_core.keypoints import MeasuredMotion
from liveportrait_core.motion import Floats, Motion
from liveportrait_core.options import Frame, RenderWarning
from liveportrait_core.prefetch import prefetch
from liveportrait_core.retargeting import eye_close_ratios, lip_close_ratio
from liveportrait_core.template import MotionTemplate

CROP_PX = 512
NETWORK_PX = 256
BATCH_FRAMES = 8
_DECODED_AHEAD = 4
_SCALE = 2.2
_OFFSET = -0.1

ExtractMotion = Callable[[NDArray[np.uint8]], Motion]
"""B×256×256×3 → the motion of B frames."""


class DrivingCrop(StrEnum):
    """Whether the driving frames are cropped to the face."""

    AUTO = "auto"  # unless they are square: then somebody has cropped them already
    ALWAYS = "always"
    NEVER = "never"


class DrivingView(Protocol):
    """What of every driving frame the networks see."""

    def network_frame(self, frame: Frame) -> Frame:
        """A frame as the networks see it: 256×256×3."""

    def points(self, landmarks: Points) -> Points:
        """Landmarks of a frame where the view has them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SquareView:
    """One upright square of the clip, the same for every frame: the crop does not move."""

    original_to_crop: Matrix

    @classmethod
    def around(cls, landmarks: Iterable[Points]) -> "SquareView":
        """The mean of the squares around a face."""
        boxes = [oriented_box(points, scale=_SCALE, vy_ratio=_OFFSET) for points in landmarks]
        return cls(original_to_crop=square_matrix(mean_upright_box(boxes), size_px=CROP_PX))

    def crop(self, frame: Frame) -> Frame:
        """The square itself: 512×512×3."""
        return cut_crop(frame, self.original_to_crop, CROP_PX).picture

    def network_frame(self, frame: Frame) -> Frame:
        """The square, reduced."""
        return squashed(self.crop(frame))

    def points(self, landmarks: Points) -> Points:
        """In pixels of the 512×512 square."""
        return map_points(landmarks, self.original_to_crop)


@dataclass(frozen=True, kw_only=True)
class WholeView:
    """The frames as they are."""

    def network_frame(self, frame: Frame) -> Frame:
        """The whole frame, whatever its proportions."""
        return squashed(frame)

    def points(self, landmarks: Points) -> Points:
        """In pixels of the frame."""
        return landmarks


def squashed(picture: Frame) -> Frame:
    """A picture at the networks' size, 256×256×3, bilinear."""
    return np.asarray(cv2.resize(picture, (NETWORK_PX, NETWORK_PX)), dtype=np.uint8)


def analyse_driving(
    frames: Iterable[Frame],
    fps: Fraction,
    *,
    find: FindFace,
    locate: LocateLandmarks | None,
    extract: ExtractMotion,
    crop: DrivingCrop = DrivingCrop.AUTO,
) -> MotionTemplate:
    """Turn a driving clip into motion.

    Args:
        frames: H×W×3 each; gone over twice, so no generator.
        fps: their constant rate.
        find: the detector.
        locate: the landmarks; None: the detector's own points.
        extract: the motion of a batch.
        crop: whether frames are cropped to the face.

    Raises:
        TypeError: the frames can be gone over only once.
        VideoNoFace: no face was found at all.
        VideoFaceLost: the face is missing from more than half of the frames.
    """
    if iter(frames) is frames:
        raise TypeError("driving frames are gone over twice: give a list or the like, no generator")
    frames = _DecodedAhead(frames)
    track = track_face(frames, find, locate)
    _require_face(track)
    view = _choose_view(track, crop)
    seen = _measure(islice(frames, track.skipped, None), track, view, extract)
    return MotionTemplate(
        measured=_bridge(seen, track.seen, len(track.landmarks)),
        fps=fps,
        warnings=_warnings(track),
    )


class _DecodedAhead:
    """Frames that are decoded a few ahead, as often as they are gone over."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return prefetch(self._frames, ahead=_DECODED_AHEAD)


def _require_face(track: FaceTrack) -> None:
    count = track.skipped + len(track.landmarks)
    missing = count - len(track.seen)
    if missing == count:
        raise VideoNoFace(
            f"no face was found in any of the {count} driving frames; "
            "accepted: a clip with one clearly visible face"
        )
    if missing > count / 2:
        raise VideoFaceLost(
            f"the face is missing from {missing} of {count} driving frames; accepted: at most half"
        )


def _choose_view(track: FaceTrack, crop: DrivingCrop) -> DrivingView:
    height, width = track.size
    if crop is DrivingCrop.NEVER or (crop is DrivingCrop.AUTO and height == width):
        return WholeView()
    return SquareView.around(points for points in track.landmarks if points is not None)


def _measure(
    frames: Iterable[Frame], track: FaceTrack, view: DrivingView, extract: ExtractMotion
) -> MeasuredMotion:
    """The motion of the frames with a face."""
    pairs = zip(frames, track.landmarks, strict=True)
    seen = ((view.network_frame(frame), points) for frame, points in pairs if points is not None)
    motions: list[Motion] = []
    landmarks: list[Points] = []
    for batch in _batches(seen):
        motions.append(extract(np.stack([frame for frame, _ in batch])))
        landmarks.extend(view.points(points) for _, points in batch)
    faces = np.stack(landmarks)
    return MeasuredMotion(
        motion=Motion.joined(motions),
        eye_ratios=eye_close_ratios(faces),
        lip_ratios=lip_close_ratio(faces),
    )


def _batches(
    items: Iterator[tuple[Frame, Points]],
) -> Iterator[list[tuple[Frame, Points]]]:
    while batch := list(islice(items, BATCH_FRAMES)):
        yield batch


def _bridge(measured: MeasuredMotion, seen: list[int], count: int) -> MeasuredMotion:
    """Fill the frames without a face: between their neighbours, or as the last one seen."""
    if len(seen) == count:
        return measured
    at = np.minimum(np.arange(count), seen[-1])

    def between(values: Floats) -> Floats:
        flat = values.reshape(len(seen), -1)
        columns = [np.interp(at, seen, column) for column in flat.T]
        return np.stack(columns, axis=1).reshape(count, *values.shape[1:]).astype(np.float32)

    motion = measured.motion
    # The last one is held to the end; one rotation alone is no path either.
    held = np.concatenate([motion.rotation, motion.rotation[-1:]])
    turning = Slerp([*seen, count], Rotation.from_matrix(held))
    return MeasuredMotion(
        motion=Motion(
            canonical_keypoints=between(motion.canonical_keypoints),
            rotation=turning(at).as_matrix().astype(np.float32),
            expression=between(motion.expression),
            scale=between(motion.scale),
            translation=between(motion.translation),
        ),
        eye_ratios=between(measured.eye_ratios),
        lip_ratios=between(measured.lip_ratios),
    )


def _warnings(track: FaceTrack) -> tuple[RenderWarning, ...]:
    is_so = {
        RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED: track.skipped > 0,
        RenderWarning.LANDMARKS_INTERPOLATED: len(track.seen) < len(track.landmarks),
        RenderWarning.MULTIPLE_FACES_VIDEO: not track.alone,
    }
    return tuple(warning for warning, holds in is_so.items() if holds)
