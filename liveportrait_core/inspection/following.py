"""How well the face of a finished video follows its driving clip: head, lids, tremble, outline.

Both videos are read by the same tracker, so its own faults largely cancel out. Knows neither how
the video was made nor what was asked for; the closing of the loop is left out of the comparison.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.mesh.motion import EASE_S, MeshMotion, motion_of
from liveportrait_core.errors import VideoTooShort
from liveportrait_core.face.detector import person_mask
from liveportrait_core.face.mesh_track import track_mesh
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import DrivingClip, probe
from liveportrait_core.quality.jitter import JitterMeter
from liveportrait_core.report import Frame

_LEAST_TURN_DEG = 1.0  # of a driving clip; below it there is nothing to follow
_SHUT, _OPEN = 0.8, 0.4  # closures
_BLINK_MARGIN_FRAMES = 2
_FLOW_SIDE_PX = 480
_FLOWS = 8  # frames in which the outline is looked at
_OUTLINE_SHARE = 0.04  # half the width of its band, of the picture's shorter side

_Floats = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Turning:
    """One axis of the head: how alike the two videos are in time, and how much of it is seen."""

    axis: str
    correlation: float
    gain: float


@dataclass(frozen=True, kw_only=True)
class Following:
    """What was measured.

    turnings: of the axes about which the driving head turns at all.
    blinks, blinks_hit: of the driving clip, and those in whose frames the video's lids shut.
    least_closure: at the height of a blink, the least of them, 0..1; None without a blink.
    jitter_per_mille, driving_jitter_per_mille: of the moving part's size.
    edge_residual, inner_residual: grey levels by which a band along the person's outline, and the
        rest of the person, differ from the first frame moved along the flow.
    edge_steepness: 99th percentile of the flow's slope in that band, pixels a pixel.
    """

    turnings: tuple[Turning, ...]
    blinks: int
    blinks_hit: int
    least_closure: float | None
    jitter_per_mille: float | None
    driving_jitter_per_mille: float | None
    edge_residual: float
    inner_residual: float
    edge_steepness: float

    def as_json(self) -> dict[str, Any]:
        """For printing: plain types only."""
        return asdict(self)


def measure_following(video: Path, driving: Path, *, max_seconds: float) -> Following:
    """Compare a finished video with the clip that drove it.

    Raises:
        BadInput: a file cannot be read, or has no face that can be followed.
    """
    result, jitter = _motion(probe(video, max_seconds))
    driven, driving_jitter = _motion(probe(driving, max_seconds))
    count = min(result.frame_count, driven.frame_count)
    compared = count - round(EASE_S * result.fps)
    if compared < 2:
        raise VideoTooShort(f"{count} frames; accepted: more than {EASE_S:g} s to compare")
    blinks = _blinks(driven.closure[:compared])
    heights = [_height(result.closure, blink) for blink in blinks]
    edge, inner, steepness = _outline(probe(video, max_seconds), count)
    return Following(
        turnings=tuple(_turnings(result.rotation_deg[:compared], driven.rotation_deg[:compared])),
        blinks=len(blinks),
        blinks_hit=sum(height >= _SHUT for height in heights),
        least_closure=round(min(heights), 3) if heights else None,
        jitter_per_mille=jitter,
        driving_jitter_per_mille=driving_jitter,
        edge_residual=round(edge, 2),
        inner_residual=round(inner, 2),
        edge_steepness=round(steepness, 3),
    )


def _motion(clip: DrivingClip) -> tuple[MeshMotion, float | None]:
    meter = JitterMeter()

    def metered(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            meter.add(frame)
            yield frame

    with FrameReader(clip, max_side_px=None) as reader:
        motion = motion_of(track_mesh(metered(iter(reader)), Fraction(clip.rate_fps)))
    return motion, meter.per_mille()


def _turnings(result: _Floats, driven: _Floats) -> Iterator[Turning]:
    for column, axis in enumerate(("pitch", "yaw", "roll")):
        seen, wanted = result[:, column], driven[:, column]
        if np.ptp(wanted) < _LEAST_TURN_DEG or np.ptp(seen) == 0:
            continue
        yield Turning(
            axis=axis,
            correlation=round(float(np.corrcoef(wanted, seen)[0, 1]), 3),
            gain=round(float(np.polyfit(wanted, seen, 1)[0]), 3),
        )


def _blinks(closure: _Floats) -> list[slice]:
    """From where both lids leave the open eye to where they are back in it."""
    both = closure.min(1)
    edges = np.flatnonzero(np.diff(np.pad((both > _OPEN).astype(int), 1)))
    spans = [slice(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
    return [span for span in spans if both[span].max() >= _SHUT]


def _height(closure: _Floats, blink: slice) -> float:
    around = slice(max(blink.start - _BLINK_MARGIN_FRAMES, 0), blink.stop + _BLINK_MARGIN_FRAMES)
    return float(closure[around].min(1).max())


def _outline(clip: DrivingClip, count: int) -> tuple[float, float, float]:
    """Return the residual in the outline's band and within, and the band's steepest flow."""
    places = set(np.linspace(0, count - 1, _FLOWS + 2).astype(int)[1:-1].tolist())
    first: NDArray[np.uint8] | None = None
    band = inner = np.empty(0, bool)
    edges, inners, slopes = [], [], []
    with FrameReader(clip, max_side_px=_FLOW_SIDE_PX) as reader:
        for place, frame in enumerate(reader):
            grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
            if first is None:
                first, (band, inner) = grey, _areas(frame)
            elif place in places:
                flow = np.asarray(
                    cv2.calcOpticalFlowFarneback(
                        grey,
                        first,
                        np.zeros((*grey.shape, 2), np.float32),
                        0.5,
                        4,
                        15,
                        4,
                        5,
                        1.1,
                        0,
                    ),
                    np.float32,
                )
                residual = np.abs(_moved(first, flow).astype(np.float32) - grey)
                slope = np.sqrt(
                    sum((np.asarray(np.gradient(flow, axis=a)) ** 2).sum(-1) for a in (0, 1))
                )
                edges.append(float(residual[band].mean()))
                inners.append(float(residual[inner].mean()))
                slopes.append(float(np.percentile(slope[band], 99)))
    return float(np.mean(edges)), float(np.mean(inners)), float(np.mean(slopes))


def _moved(picture: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    rows, columns = np.indices(picture.shape, np.float32)
    moved = cv2.remap(picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    return np.asarray(moved, np.uint8)


def _areas(frame: Frame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the band along the person's outline, and the rest of the person."""
    person = (person_mask(frame) > 0.5).astype(np.uint8)
    reach = max(2, round(_OUTLINE_SHARE * min(person.shape)))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    wide = cv2.dilate(person, kernel, borderType=cv2.BORDER_REPLICATE)
    narrow = cv2.erode(person, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(wide > narrow), np.asarray(narrow > 0)
