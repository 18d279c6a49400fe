"""One render as its caller states it: a portrait, the motion it is given, the files to write.

Values only: opens no file and imports neither torch nor OpenCV, nor numpy.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from liveportrait_core.edit_sequence import EditSequence
from liveportrait_core.errors import InvalidOption
from liveportrait_core.limits import MAX_SPEECH_SECONDS
from liveportrait_core.options import (
    MOST_SPEECH_STRENGTH,
    SILENT_MP4,
    Delivery,
    MouthInside,
    RenderOptions,
    SoundFrom,
    SpeechHead,
    SpeechMethod,
    SyntheticIdle,
    VideoFormat,
)
from liveportrait_core.report import RenderWarning
from liveportrait_core.speech.viseme_formats import TimedViseme, require_in_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    def form(cls) -> "Mapping[str, np.dtype[Any]]":
        """Of `arrays`: what one frame has in each, a subarray type."""

    @property
    def arrays(self) -> "Mapping[str, NDArray[Any]]":
        """What moves, as it is, `frame_count` × … each; C-contiguous where a clip was analysed."""

    @classmethod
    def from_arrays(
        cls,
        arrays: "Mapping[str, NDArray[Any]]",
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
class SpeechInput:
    """What a portrait says, beside the motion of its head.

    Raises:
        InvalidOption: a value is not accepted.
    """

    sound: Path  # a file with a sound track; the video is as long, and carries it
    visemes: tuple[TimedViseme, ...] = ()  # of a synthesiser; none: read from the sound
    text: str | None = None  # what is said; not beside visemes, which say more
    strength: float = 1.0  # 0..1.5 of the mouth's movement; the driving multiplier has no part
    method: str = SpeechMethod.AUTO  # or any name of an installed one
    inside: MouthInside = MouthInside.PAINTED  # of the mesh engine; LivePortrait draws its own
    start_frame: int = 0  # of the motion: what it shows as the sound begins
    head: SpeechHead = SpeechHead.IDLE
    refine: bool = False  # sharpen a mouth that a method painted
    within_s: float | None = None  # refuse a method that takes longer here, beyond the drawing
    max_seconds: float = MAX_SPEECH_SECONDS  # of the sound

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and 0 <= self.strength <= MOST_SPEECH_STRENGTH):
            raise InvalidOption(
                f"speech strength is {self.strength}; accepted: 0 to {MOST_SPEECH_STRENGTH}"
            )
        if self.start_frame < 0:
            raise InvalidOption(f"start frame is {self.start_frame}; accepted: 0 or later")
        if self.within_s is not None and not (math.isfinite(self.within_s) and self.within_s >= 0):
            raise InvalidOption(f"within is {self.within_s} s; accepted: seconds from 0, or none")
        if self.visemes and self.text is not None:
            raise InvalidOption("visemes and text were given; accepted: one of them, or neither")
        require_in_order(self.visemes)


@dataclass(frozen=True, kw_only=True)
class RenderRequest:
    """A portrait, what moves it, and the files to write.

    Raises:
        InvalidOption: speech that this portrait, motion or file cannot have.
    """

    portrait: Path | Clip  # a picture; a clip is animated at its own rate, without a loop
    motion: Clip | CachedMotion | MotionTemplate | SyntheticIdle | EditSequence
    output: Path  # appears complete or not at all
    poster: Path | None = None  # a JPEG of frame 0 to write as well
    options: RenderOptions = field(default_factory=RenderOptions)
    delivery: Delivery = SILENT_MP4
    speech: SpeechInput | None = None  # None: an idle

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that the video is made from."""
        motion = self.motion
        files = (
            self.portrait.path if isinstance(self.portrait, Clip) else self.portrait,
            motion.path if isinstance(motion, Clip) else None,
            motion.clip if isinstance(motion, MotionTemplate) else None,
            self.speech.sound if self.speech is not None else None,
        )
        return tuple(file for file in files if file is not None)

    def __post_init__(self) -> None:
        if self.speech is None:
            return
        if isinstance(self.portrait, Clip) or isinstance(self.motion, EditSequence):
            what = "a clip" if isinstance(self.portrait, Clip) else "moved by key-framed edits"
            raise InvalidOption(
                f"the portrait is {what}, and was asked to speak; accepted: a picture that is "
                "moved by a clip, a template or a synthetic idle"
            )
        if self.delivery.format is not VideoFormat.MP4:
            raise InvalidOption(
                f"speech was asked of a {self.delivery.format}, which holds no sound; accepted: mp4"
            )
        if self.delivery.sound is not SoundFrom.NONE:
            raise InvalidOption(
                f"audio is {self.delivery.sound}, and a speaking portrait is heard itself; "
                "accepted: none"
            )
