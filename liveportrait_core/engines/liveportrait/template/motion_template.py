"""The motion of a driving clip as a value, and what makes one acceptable.

Knows no file format and no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.engines.liveportrait.motion.keypoints import MeasuredMotion
from liveportrait_core.engines.liveportrait.motion.pose import Floats, Motion
from liveportrait_core.engines.liveportrait.motion.speaking import SpokenMouth
from liveportrait_core.engines.liveportrait.networks import KEYPOINT_COUNT
from liveportrait_core.errors import VideoUnsupported
from liveportrait_core.report import RenderWarning

MAX_FPS = 240
_OPENINGS = ("eye_ratios", "lip_ratios")
_FRAME_SHAPES = {
    "canonical_keypoints": (KEYPOINT_COUNT, 3),
    "rotation": (3, 3),
    "expression": (KEYPOINT_COUNT, 3),
    "scale": (1,),
    "translation": (3,),
    "eye_ratios": (2,),
    "lip_ratios": (1,),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class LivePortraitMotion:
    """The motion of one driving clip."""

    measured: MeasuredMotion
    fps: Fraction
    warnings: tuple[RenderWarning, ...] = ()
    source_sha256: str = ""  # of the clip it was made from; empty where unknown
    frames_without_face: int | None = None  # of that clip; a file does not keep it
    spoken: SpokenMouth | None = None  # a talk over this motion, whose length it then is

    @property
    def frame_count(self) -> int:
        """Number of frames to draw; one is a driving picture."""
        return self.spoken.frame_count if self.spoken else self.idle_frames

    @property
    def idle_frames(self) -> int:
        """Number of frames of the motion itself."""
        return self.measured.frame_count

    @classmethod
    def form(cls) -> Mapping[str, np.dtype[Any]]:
        """Of the arrays of a frame."""
        return {name: np.dtype((np.float32, shape)) for name, shape in _FRAME_SHAPES.items()}

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Motion and openings, T×…."""
        return vars(FrameArrays.of(self.measured))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], **facts: Any) -> Self:
        """Restore a clip's motion from its arrays, and other fields by name."""
        return cls(measured=FrameArrays(**arrays).measured, **facts)

    def trimmed(self, max_seconds: float) -> "LivePortraitMotion":
        """Keep the first seconds; add a warning if that leaves something out."""
        count = int(max_seconds * self.fps)
        if self.frame_count <= count:
            return self
        return replace(
            self,
            measured=self.measured.first(count),
            warnings=(*self.warnings, RenderWarning.VIDEO_TRIMMED),
        )


class MotionWithoutOpenings(LivePortraitMotion):
    """The motion of one driving clip whose eyes and lips were not measured."""

    @classmethod
    def form(cls) -> Mapping[str, np.dtype[Any]]:
        """Of the arrays of a frame."""
        return {name: kind for name, kind in super().form().items() if name not in _OPENINGS}

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Motion alone, T×…."""
        return {name: array for name, array in super().arrays.items() if name not in _OPENINGS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], **facts: Any) -> Self:
        """Restore a clip's motion from its arrays, and other fields by name."""
        return cls.of(Motion(**arrays), **facts)

    @classmethod
    def of(cls, motion: Motion, **facts: Any) -> Self:
        """Take a motion of whose eyes and lips nothing is known, and other fields by name."""
        return cls(measured=MeasuredMotion.without_openings(motion), **facts)


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameArrays:
    """The numbers of a template as they come from a file: T×…, not checked yet."""

    canonical_keypoints: NDArray[Any]
    rotation: NDArray[Any]
    expression: NDArray[Any]
    scale: NDArray[Any]
    translation: NDArray[Any]
    eye_ratios: NDArray[Any]  # not a number where they are not measured
    lip_ratios: NDArray[Any]

    @classmethod
    def of(cls, measured: MeasuredMotion) -> "FrameArrays":
        """Return the arrays of a motion."""
        motion = measured.motion
        return cls(
            **{field.name: getattr(motion, field.name) for field in fields(motion)},
            eye_ratios=measured.eye_ratios,
            lip_ratios=measured.lip_ratios,
        )

    @property
    def measured(self) -> MeasuredMotion:
        """The motion they are, where nothing about them is in doubt."""
        arrays = dict(vars(self))
        eye_ratios, lip_ratios = arrays.pop("eye_ratios"), arrays.pop("lip_ratios")
        return MeasuredMotion(motion=Motion(**arrays), eye_ratios=eye_ratios, lip_ratios=lip_ratios)

    def checked(self, name: str) -> MeasuredMotion:
        """Check the arrays and return their motion.

        Args:
            name: of the file, for the message.

        Raises:
            VideoUnsupported: an array has another shape, is not floating point, or not finite.
        """
        count = self.expression.shape[0] if self.expression.ndim else 0
        checked = {
            part: _checked(name, part, getattr(self, part), (count, *shape))
            for part, shape in _FRAME_SHAPES.items()
        }
        return FrameArrays(**checked).measured


def checked_rate(name: str, numerator: object, denominator: object) -> Fraction:
    """Check a frame rate from a file.

    Raises:
        VideoUnsupported: it is none, or above 240 frames a second.
    """
    if isinstance(numerator, int) and isinstance(denominator, int) and denominator > 0:
        fps = Fraction(numerator, denominator)
        if 0 < fps <= MAX_FPS:
            return fps
    raise VideoUnsupported(
        f"template {name} has {shown(numerator)}/{shown(denominator)} frames a second; "
        f"accepted: above 0, up to {MAX_FPS}"
    )


def shown(value: object) -> str:
    """Show a value from a file in a few characters; of lists, endless in text, the type."""
    is_plain = isinstance(value, str | int | float)
    return f"{value!r:.40}" if is_plain else type(value).__name__


def _checked(name: str, part: str, array: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    if array.shape != shape or array.dtype.kind != "f" or shape[0] == 0:
        raise VideoUnsupported(
            f"template {name} has {part} of shape {array.shape} and type {array.dtype}; "
            f"accepted: {('frames', *shape[1:])}, floating point, at least one frame"
        )
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float32)
    if not part.endswith("_ratios") and not np.isfinite(numbers).all():
        raise VideoUnsupported(f"template {name} has values in {part} that are not finite")
    return numbers
