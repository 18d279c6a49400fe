"""One render as its caller states it: a portrait, the motion it is given, the files to write.

Values only: opens no file and imports neither torch nor OpenCV.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.edit_sequence import EditSequence
from liveportrait_core.options import SILENT_MP4, Delivery, RenderOptions, SyntheticIdle
from liveportrait_core.report import RenderWarning


class EngineMotion(Protocol):
    """The motion of one driving clip as an engine computes it. Frozen; the engine's own type."""

    @property
    def fps(self) -> Fraction:
        """Constant frame rate, exact."""

    @property
    def frame_count(self) -> int:
        """Number of frames that `animate` will give."""

    @property
    def frames_without_face(self) -> int | None:
        """Of the clip it was read from; None: not counted."""

    @property
    def warnings(self) -> tuple[RenderWarning, ...]:
        """For example VIDEO_LEADING_FRAMES_SKIPPED, LANDMARKS_INTERPOLATED."""

    @classmethod
    def form(cls) -> Mapping[str, np.dtype[Any]]:
        """Of `arrays`: what one frame has in each, a subarray type."""

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What moves, as it is, `frame_count` × … each; C-contiguous where a clip was analysed."""

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        *,
        fps: Fraction,
        frames_without_face: int | None,
        warnings: tuple[RenderWarning, ...],
    ) -> Self:
        """Restore the motion of a clip from arrays that are of the form."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A video file, not yet read."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class CachedMotion:
    """A clip's motion as `Renderer.render` gave it to `on_motion`, or bytes that claim to be it."""

    data: bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class MotionTemplate:
    """A motion that is known, for any number of portraits, and what was measured on its clip.

    Without a clip (a template file, a synthetic idle) only `motion` is set.
    """

    motion: EngineMotion  # by the engine that is to apply it
    clip: Path | None = None  # where its sound is
    begins_at_s: Fraction = Fraction(0)  # of the clip: what is shown there drives frame 0
    warnings: tuple[RenderWarning, ...] = ()  # about the clip's file; the motion has its own
    clip_frames: int | None = None
    frames_without_face: int | None = None
    jitter_per_mille: float | None = None


@dataclass(frozen=True, kw_only=True)
class RenderRequest:
    """A portrait, what moves it, and the files to write."""

    portrait: Path | Clip  # a picture; a clip is animated at its own rate, without a loop
    motion: Clip | CachedMotion | MotionTemplate | SyntheticIdle | EditSequence
    output: Path  # appears complete or not at all
    poster: Path | None = None  # a JPEG of frame 0 to write as well
    options: RenderOptions = field(default_factory=RenderOptions)
    delivery: Delivery = SILENT_MP4
