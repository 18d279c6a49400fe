"""Motion extraction: one face through a clip, in batches, with gaps bridged.

Frames without a face are bridged, never dropped; no more than a batch of frames is held. Knows no
crop: what the networks see of a frame is asked through a function.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion
from liveportrait_core.errors import VideoFaceLost, VideoNoFace
from liveportrait_core.face.crop import Points
from liveportrait_core.face.openings import eye_close_ratios, lip_close_ratio
from liveportrait_core.face.tracking import FaceTrack
from liveportrait_core.prefetch import prefetch
from liveportrait_core.report import Frame, RenderWarning

BATCH_FRAMES = 8
_DECODED_AHEAD = 4

ExtractMotion = Callable[[NDArray[np.uint8]], Motion]
"""B×256×256×3 → the motion of B frames."""
Preprocess = Callable[[Frame, Points], tuple[Frame, Points]]
"""A frame and its landmarks → what the networks see of it, 256×256×3, and the landmarks there."""


class ClipFrames:
    """Frames that are decoded a few ahead, as often as they are gone over.

    Raises:
        TypeError: they can be gone over only once.
    """

    def __init__(self, frames: Iterable[Frame]) -> None:
        if iter(frames) is frames:
            raise TypeError("a clip is gone over twice: give a list or the like, no generator")
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return prefetch(self._frames, ahead=_DECODED_AHEAD)


def require_face(track: FaceTrack, what: str) -> None:
    """Refuse a clip without enough of a face; `what` clip it is, for the message.

    Raises:
        VideoNoFace: no face was found at all.
        VideoFaceLost: the face is missing from more than half of the frames.
    """
    count = track.skipped + len(track.landmarks)
    missing = count - len(track.seen)
    if missing == count:
        raise VideoNoFace(
            f"no face was found in any of the {count} {what} frames; "
            "accepted: a clip with one clearly visible face"
        )
    if missing > count / 2:
        raise VideoFaceLost(
            f"the face is missing from {missing} of {count} {what} frames; accepted: at most half"
        )


def extract_clip_motion(
    frames: Iterable[Frame],
    track: FaceTrack,
    preprocess: Preprocess,
    extract: ExtractMotion,
    *,
    openings: bool = True,
) -> MeasuredMotion:
    """Extract the motion of every frame from the first face on; interpolate the gaps.

    Without `openings` eyes and lips are not measured, and the track may have any points.
    """
    kept = islice(frames, track.skipped, None)
    pairs = zip(kept, track.landmarks, strict=True)
    seen = (preprocess(frame, points) for frame, points in pairs if points is not None)
    motions: list[Motion] = []
    landmarks: list[Points] = []
    while batch := list(islice(seen, BATCH_FRAMES)):
        motions.append(extract(np.stack([frame for frame, _ in batch])))
        landmarks.extend(points for _, points in batch)
    measured = MeasuredMotion.without_openings(Motion.joined(motions))
    if openings:
        faces = np.stack(landmarks)
        measured = replace(
            measured, eye_ratios=eye_close_ratios(faces), lip_ratios=lip_close_ratio(faces)
        )
    return _bridge(measured, track.seen, len(track.landmarks))


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
            rotation=np.ascontiguousarray(turning(at).as_matrix(), np.float32),
            expression=between(motion.expression),
            scale=between(motion.scale),
            translation=between(motion.translation),
        ),
        eye_ratios=between(measured.eye_ratios),
        lip_ratios=between(measured.lip_ratios),
    )


def face_warnings(track: FaceTrack) -> tuple[RenderWarning, ...]:
    """Return what the user should know about the face in a clip."""
    is_so = {
        RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED: track.skipped > 0,
        RenderWarning.LANDMARKS_INTERPOLATED: len(track.seen) < len(track.landmarks),
        RenderWarning.MULTIPLE_FACES_VIDEO: not track.alone,
    }
    return tuple(warning for warning, holds in is_so.items() if holds)
