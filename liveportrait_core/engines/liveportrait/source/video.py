"""A portrait that moves already: a clip in which one face is to be animated.

Every frame has a crop of its own (liveportrait.md, P4.5); a frame without a face has none, and
stays as it is. Knows no driving clip; key points come ready.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from liveportrait_core.engines.liveportrait.drawing import BATCHES_AHEAD
from liveportrait_core.engines.liveportrait.model import Model
from liveportrait_core.engines.liveportrait.motion.extraction import (
    ClipFrames,
    ExtractMotion,
    extract_clip_motion,
    face_warnings,
    require_face,
)
from liveportrait_core.engines.liveportrait.motion.keypoints import DrivenKeypoints, MeasuredMotion
from liveportrait_core.engines.liveportrait.source.crop import (
    crop_source,
    fit_portrait,
    network_frame,
)
from liveportrait_core.engines.liveportrait.source.paste_back import PasteBack
from liveportrait_core.face.crop import FaceCrop, Points
from liveportrait_core.face.tracking import FindFace, LocateLandmarks, track_face
from liveportrait_core.options import RenderOptions
from liveportrait_core.prefetch import prefetch
from liveportrait_core.report import Frame, RenderWarning


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredVideo:
    """Where the face is in every frame from the first one with it, and how it moves."""

    skipped: int  # frames before that one
    landmarks: tuple[Points | None, ...]
    measured: MeasuredMotion
    warnings: tuple[RenderWarning, ...]

    @property
    def frame_count(self) -> int:
        """Number of frames from the first one with a face."""
        return len(self.landmarks)


class FittedFrames:
    """Frames at the size of the result, decoded ahead, as often as they are gone over.

    Raises:
        TypeError: they can be gone over only once.
    """

    def __init__(self, frames: Iterable[Frame], max_dim_px: int) -> None:
        self._frames = ClipFrames(frames)
        self._max_dim_px = max_dim_px

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            yield fit_portrait(frame, self._max_dim_px)


def analyse_source(
    frames: FittedFrames,
    *,
    options: RenderOptions,
    find: FindFace,
    locate: LocateLandmarks | None,
    extract: ExtractMotion,
) -> MeasuredVideo:
    """Follow the face that is to be animated; the frames are gone over twice.

    Args:
        frames: H×W×3 each, at the size of the result.
        options: which square around the face is seen.
        find: the detector.
        locate: the landmarks; None: the detector's own points.
        extract: the motion of a batch.

    Raises:
        VideoNoFace: no face was found at all.
        VideoFaceLost: the face is missing from more than half of the frames.
    """

    def preprocess(frame: Frame, landmarks: Points) -> tuple[Frame, Points]:
        # Openings do not change with the crop, so the landmarks may stay where they are.
        return network_frame(crop_source(frame, landmarks, options)), landmarks

    track = track_face(frames, find, locate)
    require_face(track, "source")
    return MeasuredVideo(
        skipped=track.skipped,
        landmarks=track.landmarks,
        measured=extract_clip_motion(frames, track, preprocess, extract),
        warnings=face_warnings(track),
    )


def animated_frames(
    model: Model,
    frames: FittedFrames,
    source: MeasuredVideo,
    driven: DrivenKeypoints,
    options: RenderOptions,
) -> Iterator[Frame]:
    """Yield the source's frames, each with its animated crop in it; without a face, as they are."""
    pictures = _animated_crops(model, frames, source, driven, options)
    for frame, crop in prefetch(pictures, ahead=BATCHES_AHEAD):
        if crop is None:
            yield frame
        else:
            yield PasteBack.prepare(frame, crop.crop_to_original).blend(crop.picture)


def _animated_crops(
    model: Model,
    frames: FittedFrames,
    source: MeasuredVideo,
    driven: DrivenKeypoints,
    options: RenderOptions,
) -> Iterator[tuple[Frame, FaceCrop | None]]:
    """Yield every frame with its animated crop; None where it has no face."""
    kept = islice(frames, source.skipped, None)
    moves = zip(source.landmarks, driven.source, driven.final, strict=False)
    for (landmarks, resting, moved), frame in zip(moves, kept, strict=False):
        if landmarks is None:
            yield frame, None
            continue
        crop = crop_source(frame, landmarks, options)
        feature = model.extract_appearance(network_frame(crop)[None])
        (picture,) = model.animate(feature, resting[None], moved[None])
        yield frame, replace(crop, picture=picture)
