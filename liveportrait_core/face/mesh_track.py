"""A clip → the face mesh of one face in every frame, without gaps.

What the mesh engine and the inspection measure motion by, where `tracking` serves the networks'
crop. Knows frames and points; what a movement means is read in `mesh.motion`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.errors import VideoFaceLost, VideoNoFace, VideoTooShort
from liveportrait_core.face.detector import POINT_COUNT, FaceMesh, FoundFace, Points
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.face.flip_averaging import points_from_flip
from liveportrait_core.face.upright import UprightFrames
from liveportrait_core.limits import least_frames
from liveportrait_core.prefetch import prefetch
from liveportrait_core.report import Frame, RenderWarning

LOOKS_AHEAD = 4  # frames: while one is looked at again, the next one is looked at first


@dataclass(frozen=True, kw_only=True, eq=False)
class MeshTrack:
    """One face through a clip: N×478×3 pixels, from the first frame in which it was seen."""

    points: NDArray[np.float64]
    fps: Fraction
    frames_without_face: int  # of the whole clip, those left out at its start included
    warnings: tuple[RenderWarning, ...]


def track_mesh(frames: Iterable[Frame], fps: Fraction) -> MeshTrack:
    """Follow the largest central face.

    A clip on its side or upside down is turned first. Every frame is looked at twice, and the mean
    taken. Frames before the face appears are left out; later gaps are bridged by interpolation.

    Raises:
        VideoNoFace: no face was found at all.
        VideoFaceLost: the face is missing from more than half of the frames.
        VideoTooShort: too few frames are left.
    """
    seen: list[Points | None] = []
    again: list[Points | None] = []
    alone = True
    upright = UprightFrames(frames, MeshFinder().upright)
    with FaceMesh(still=False, most_faces=1) as mirror:
        for frame, found in prefetch(_first_looks(upright), ahead=LOOKS_AHEAD):
            seen.append(None if found is None else found.points)
            again.append(
                None if found is None else points_from_flip(mirror.follow, frame, found.points)
            )
            alone = alone and (found is None or found.alone)
    _require_face(seen)
    first = next(i for i, points in enumerate(seen) if points is not None)
    kept = seen[first:]
    _require_length(len(kept), first, fps)
    is_so = {
        RenderWarning.VIDEO_TURNED: upright.are_turned,
        RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED: first > 0,
        RenderWarning.LANDMARKS_INTERPOLATED: any(points is None for points in kept),
        RenderWarning.MULTIPLE_FACES_VIDEO: not alone,
    }
    return MeshTrack(
        points=_averaged(kept, again[first:]),
        fps=fps,
        frames_without_face=sum(points is None for points in seen),
        warnings=tuple(warning for warning, holds in is_so.items() if holds),
    )


def _first_looks(frames: Iterable[Frame]) -> Iterator[tuple[Frame, FoundFace | None]]:
    """Follow the face; run by a thread of its own, to which all that it opens belongs."""
    with FaceMesh(still=False) as mesh:
        for frame in frames:
            yield frame, mesh.follow(frame)


def _require_face(seen: list[Points | None]) -> None:
    missing = sum(points is None for points in seen)
    if missing == len(seen):
        raise VideoNoFace(
            f"no face was found in any of the {len(seen)} driving frames; "
            "accepted: a clip with one clearly visible face"
        )
    if missing > len(seen) / 2:
        raise VideoFaceLost(
            f"the face is missing from {missing} of {len(seen)} driving frames; "
            "accepted: at most half"
        )


def _require_length(frame_count: int, skipped: int, fps: Fraction) -> None:
    least = least_frames(fps)
    if frame_count < least:
        raise VideoTooShort(
            f"{frame_count} driving frames are left after {skipped} without a face at the start; "
            f"accepted: at least {least}"
        )


def _averaged(looks: list[Points | None], others: list[Points | None]) -> NDArray[np.float64]:
    """Return the mean of both measurements; interpolate a missing one's difference."""
    pairs = zip(looks, others, strict=True)
    apart = [None if one is None or other is None else other - one for one, other in pairs]
    unknown = all(difference is None for difference in apart)
    return _bridge(looks) + (0 if unknown else _bridge(apart) / 2)


def _bridge(points: list[Points | None]) -> NDArray[np.float64]:
    """Fill gaps: linear between the neighbours, the last seen position after the end."""
    known = [i for i, face in enumerate(points) if face is not None]
    flat = np.stack([face.ravel() for face in points if face is not None]).astype(np.float64)
    columns = [np.interp(np.arange(len(points)), known, column) for column in flat.T]
    return np.stack(columns, axis=1).reshape(len(points), POINT_COUNT, 3)
