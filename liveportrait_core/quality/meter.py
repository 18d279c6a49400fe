"""Everything that is measured on a render, put together into one report.

Frames come by once, before they are encoded; the file is looked at when it is finished.
"""

from fractions import Fraction
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from liveportrait_core.face.detector import FaceMesh
from liveportrait_core.face.openings import lip_close_ratio
from liveportrait_core.options import VideoFormat
from liveportrait_core.quality.border import BorderMeter, Mask
from liveportrait_core.quality.jitter import Grey, JitterMeter, small_grey
from liveportrait_core.quality.timing import timing_of
from liveportrait_core.report import Box, Frame, QualityReport, RenderWarning
from liveportrait_core.request import MotionTemplate

_LEAST_FACE_PX = 32


class QualityMeter:
    """Given every frame of a render once."""

    def __init__(self, portrait: Frame | None, box: Box, mask: Mask | None = None) -> None:
        """Begin.

        Args:
            portrait: what the frames outside `box` are to be equal to, H×W×3; None: a clip is
                animated, or the frames are a crop, and there is nothing to compare with.
            box: what may change.
            mask: of the box, what may change in it; None: all of it.
        """
        self._portrait = portrait
        self.box = box
        self._border = None if portrait is None else BorderMeter(portrait, box, mask)
        self._jitter = JitterMeter()
        self._first: Frame | None = None
        self._first_grey: Grey | None = None
        self._last_grey: Grey | None = None
        self._steps: list[float] = []

    def add(self, frame: Frame) -> None:
        """Measure one frame, H×W×3."""
        inside = frame[self.box.slices]
        grey = small_grey(inside)
        if self._last_grey is None:
            self._first, self._first_grey = frame, grey
        else:
            self._steps.append(_difference(grey, self._last_grey))
        self._last_grey = grey
        self._jitter.add_grey(grey)
        if self._border is not None:
            self._border.add(frame)

    def report(
        self,
        video: Path,
        form: VideoFormat,
        wanted_fps: Fraction,
        motion: MotionTemplate,
        warnings: tuple[RenderWarning, ...],
    ) -> QualityReport:
        """Return what was measured, once the file is finished.

        Raises:
            ValueError: no frame was given.
        """
        if self._first is None or self._first_grey is None or self._last_grey is None:
            raise ValueError("a render without frames has no quality")
        timing = timing_of(video, form, wanted_fps, len(self._steps) + 1)
        in_portrait, at_rest = self._lip_ratios(self._first)
        border = self._border
        return QualityReport(
            frames=timing.frame_count,
            driving_frames=motion.clip_frames,
            frames_without_face=motion.frames_without_face,
            jitter_driving_per_mille=motion.jitter_per_mille,
            jitter_result_per_mille=_of_whole(self._jitter, self._first, self.box),
            median_step_levels=median(self._steps) if self._steps else 0.0,
            loop_step_levels=_difference(self._last_grey, self._first_grey),
            lip_ratio_portrait=in_portrait,
            lip_ratio_at_rest=at_rest,
            ring_delta_e=border.worst_delta_e if border else None,
            seam_levels=border.worst_seam if border else None,
            touched_outside_share=border.worst_outside_share if border else None,
            wanted_fps=wanted_fps,
            measured_fps=timing.rate_fps,
            worst_frame_offset_ms=float(1000 * timing.worst_offset_s),
            size_bytes=video.stat().st_size,
            peak_mbit_s=timing.peak_mbit_s,
            warnings=warnings,
        )

    def _lip_ratios(self, first: Frame) -> tuple[float | None, float | None]:
        """Return opening of the lips relative to their width, in the portrait and in frame 0."""
        pictures = [self._portrait, first]
        ratios: list[float | None] = []
        with FaceMesh(still=True) as mesh:
            for picture in pictures:
                part = None if picture is None else picture[self.box.slices]
                ratios.append(None if part is None else _lip_ratio(mesh, part))
        return ratios[0], ratios[1]


def _lip_ratio(mesh: FaceMesh, picture: Frame) -> float | None:
    if min(picture.shape[:2]) < _LEAST_FACE_PX:
        return None
    found = mesh.follow(np.ascontiguousarray(picture))
    return None if found is None else float(lip_close_ratio(found.points[None, :, :2])[0, 0])


def _of_whole(jitter: JitterMeter, frame: Frame, box: Box) -> float | None:
    """Return jitter within the box, in thousandths of the whole frame's longest side."""
    inside = jitter.per_mille()
    longest = max(box.x1 - box.x0, box.y1 - box.y0)
    return None if inside is None else inside * longest / max(frame.shape[:2])


def _difference(one: Grey, other: Grey) -> float:
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size
