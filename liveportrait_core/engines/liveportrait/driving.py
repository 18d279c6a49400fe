"""A driving clip becomes motion: follow one face, preprocess every frame alike, extract.

Passes over the frames twice, because the crop is the mean over the whole clip, and holds one batch
of them. Frames without a face are bridged, never dropped. Knows no portrait; detector and networks
are functions it is given (liveportrait.md, P4.6, P4.7).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice

import cv2
import numpy as np

from liveportrait_core.engines.liveportrait.config import (
    USUAL_WINDOW,
    DrivingCrop,
    DrivingWindow,
)
from liveportrait_core.engines.liveportrait.motion.extraction import (
    ClipFrames,
    ExtractMotion,
    Preprocess,
    extract_clip_motion,
    face_warnings,
    require_face,
)
from liveportrait_core.engines.liveportrait.networks import CROP_PX, NETWORK_PX
from liveportrait_core.engines.liveportrait.template import (
    LivePortraitMotion,
    MotionWithoutOpenings,
)
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
from liveportrait_core.report import Frame


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedCrop:
    """One upright square of the clip, the same for every frame: the crop does not move."""

    original_to_crop: Matrix

    @classmethod
    def around(
        cls, landmarks: Iterable[Points], window: DrivingWindow = USUAL_WINDOW
    ) -> "FixedCrop":
        """Return the mean of the squares around a face."""
        across, down = window.shift
        boxes = [
            oriented_box(points, scale=window.scale, vy_ratio=down, vx_ratio=across)
            for points in landmarks
        ]
        return cls(original_to_crop=square_matrix(mean_upright_box(boxes), size_px=CROP_PX))

    def crop(self, frame: Frame) -> Frame:
        """Return the square itself: 512×512×3."""
        return cut_crop(frame, self.original_to_crop, CROP_PX).picture

    def network_frame(self, frame: Frame) -> Frame:
        """Return the square, reduced."""
        return resize_to_network(self.crop(frame))

    def points(self, landmarks: Points) -> Points:
        """In pixels of the 512×512 square."""
        return map_points(landmarks, self.original_to_crop)

    def __call__(self, frame: Frame, landmarks: Points) -> tuple[Frame, Points]:
        """Frame and landmarks of the square."""
        return self.network_frame(frame), self.points(landmarks)


@dataclass(frozen=True, kw_only=True)
class FullFrame:
    """The frames as they are."""

    def network_frame(self, frame: Frame) -> Frame:
        """Resize the whole frame, whatever its proportions."""
        return resize_to_network(frame)

    def points(self, landmarks: Points) -> Points:
        """In pixels of the frame."""
        return landmarks

    def __call__(self, frame: Frame, landmarks: Points) -> tuple[Frame, Points]:
        """Return the frame reduced, and the landmarks."""
        return self.network_frame(frame), self.points(landmarks)


def resize_to_network(picture: Frame) -> Frame:
    """Return a picture at the networks' size, 256×256×3, bilinear."""
    return np.asarray(cv2.resize(picture, (NETWORK_PX, NETWORK_PX)), dtype=np.uint8)


def analyse_driving(
    frames: Iterable[Frame],
    fps: Fraction,
    *,
    find: FindFace,
    locate: LocateLandmarks | None,
    extract: ExtractMotion,
    crop: DrivingCrop = DrivingCrop.AUTO,
    window: DrivingWindow = USUAL_WINDOW,
    openings: bool = True,
) -> LivePortraitMotion:
    """Turn a driving clip into motion; landmarks are looked for only where something uses them.

    Args:
        frames: H×W×3 each; gone over twice, so no generator.
        fps: their constant rate.
        find: the detector.
        locate: the landmarks; None: the detector's own points.
        extract: the motion of a batch.
        crop: whether frames are cropped to the face.
        window: the square around it, where they are.
        openings: whether to measure eyes and lips; if not, the motion is without them.

    Raises:
        TypeError: the frames can be gone over only once.
        VideoNoFace: no face was found at all.
        VideoFaceLost: the face is missing from more than half of the frames.
    """
    clip = ClipFrames(frames)
    track = _track(clip, find, locate, crop, openings=openings)
    require_face(track, "driving")
    preprocess = _choose_preprocess(track, crop, window)
    motion_type = LivePortraitMotion if openings else MotionWithoutOpenings
    return motion_type(
        measured=extract_clip_motion(clip, track, preprocess, extract, openings=openings),
        fps=fps,
        warnings=face_warnings(track),
        frames_without_face=track.skipped + len(track.landmarks) - len(track.seen),
    )


def _track(
    clip: ClipFrames,
    find: FindFace,
    locate: LocateLandmarks | None,
    crop: DrivingCrop,
    *,
    openings: bool,
) -> FaceTrack:
    """Follow the face, by the detector alone where neither crop nor openings need landmarks."""
    frames = iter(clip)
    first = list(islice(frames, 1))
    is_used = openings or any(_is_cropped(frame.shape[:2], crop) for frame in first)
    return track_face(chain(first, frames), find, locate if is_used else None)


def _is_cropped(size: tuple[int, ...], crop: DrivingCrop) -> bool:
    height, width = size
    return crop is DrivingCrop.ALWAYS or (crop is DrivingCrop.AUTO and height != width)


def _choose_preprocess(track: FaceTrack, crop: DrivingCrop, window: DrivingWindow) -> Preprocess:
    if not _is_cropped(track.size, crop):
        return FullFrame()
    seen = (points for points in track.landmarks if points is not None)
    return FixedCrop.around(seen, window)
