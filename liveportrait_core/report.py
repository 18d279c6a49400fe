"""What a render gives back: frames, progress, warnings, and the report of a finished video.

Knows no file and no clock. Imports numpy only for who asks for `Frame`: a gate has none.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from liveportrait_core.options import Engine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]
    """A picture outside the networks: H×W×3, RGB, uint8."""
else:

    def __getattr__(name: str) -> Any:
        """Make `Frame` when it is first imported."""
        if name != "Frame":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import numpy as np
        from numpy.typing import NDArray

        return NDArray[np.uint8]


_UNSEEN_STEP_LEVELS = 0.5


class RenderWarning(StrEnum):
    """Something the user should know about a render that succeeded."""

    PARAM_CLAMPED = "PARAM_CLAMPED"
    VIDEO_TRIMMED = "VIDEO_TRIMMED"
    VIDEO_LEADING_FRAMES_SKIPPED = "VIDEO_LEADING_FRAMES_SKIPPED"
    VIDEO_TURNED = "VIDEO_TURNED"
    MULTIPLE_FACES_IMAGE = "MULTIPLE_FACES_IMAGE"
    MULTIPLE_FACES_VIDEO = "MULTIPLE_FACES_VIDEO"
    IMAGE_DOWNSCALED = "IMAGE_DOWNSCALED"
    ALPHA_FLATTENED = "ALPHA_FLATTENED"
    IMAGE_END_MISSING = "IMAGE_END_MISSING"
    VFR_NORMALIZED = "VFR_NORMALIZED"
    MIME_MISMATCH = "MIME_MISMATCH"
    LANDMARKS_INTERPOLATED = "LANDMARKS_INTERPOLATED"
    EYES_LEFT_STILL = "EYES_LEFT_STILL"
    LIPS_LEFT_STILL = "LIPS_LEFT_STILL"
    EDIT_PARTLY_APPLIED = "EDIT_PARTLY_APPLIED"
    AUDIO_SILENT = "AUDIO_SILENT"
    AUDIO_TRIMMED = "AUDIO_TRIMMED"
    MOUTH_INVENTED = "MOUTH_INVENTED"
    LIPS_LIMITED = "LIPS_LIMITED"

    @property
    def words(self) -> str:
        """What it means, in a sentence for people."""
        return _WARNING_WORDS[self]


_WARNING_WORDS = {
    RenderWarning.PARAM_CLAMPED: "A setting was out of range; the nearest value was taken.",
    RenderWarning.VIDEO_TRIMMED: "Only the beginning of the clip was used.",
    RenderWarning.VIDEO_LEADING_FRAMES_SKIPPED: (
        "The clip starts before its face does; that part was left out."
    ),
    RenderWarning.VIDEO_TURNED: "The clip lies on its side, or upside down, and was read upright.",
    RenderWarning.MULTIPLE_FACES_IMAGE: (
        "Several faces in the portrait; the largest in the middle moves."
    ),
    RenderWarning.MULTIPLE_FACES_VIDEO: (
        "Several faces in the clip; the largest in the middle leads."
    ),
    RenderWarning.IMAGE_DOWNSCALED: "The portrait was made smaller.",
    RenderWarning.ALPHA_FLATTENED: "Transparent parts of the portrait became black.",
    RenderWarning.IMAGE_END_MISSING: (
        "The end of the portrait's file is missing; the picture is whole."
    ),
    RenderWarning.VFR_NORMALIZED: "The clip had an uneven frame rate; it was evened out.",
    RenderWarning.MIME_MISMATCH: "A file is of another kind than its name says.",
    RenderWarning.LANDMARKS_INTERPOLATED: (
        "The face in the clip was hidden for a moment; its move is guessed."
    ),
    RenderWarning.EYES_LEFT_STILL: "An eye is hidden, or drawn too wide open to blink.",
    RenderWarning.LIPS_LEFT_STILL: "Something is before the lips; they do not move.",
    RenderWarning.EDIT_PARTLY_APPLIED: "The engine cannot draw some of the sliders.",
    RenderWarning.AUDIO_SILENT: "No voice was heard; the mouth rests.",
    RenderWarning.AUDIO_TRIMMED: "Silence at the end was left out.",
    RenderWarning.MOUTH_INVENTED: (
        "The inside of the mouth is painted: the portrait does not show it."
    ),
    RenderWarning.LIPS_LIMITED: (
        "The lips move less than the voice: the portrait shows no open mouth."
    ),
}


class Stage(StrEnum):
    """The part of a render that is under way, in order."""

    PREPARE = "prepare"  # decode the portrait, find the face, everything computed once per portrait
    MOTION = "motion"  # decode and analyse the driving clip
    SPEECH = "speech"  # of a talk: read the sound and what the mouth does
    RENDER = "render"  # warp, blend and encode, overlapped
    ENCODE = "encode"  # wait for the encoder to finish the file


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle of pixels: columns x0..x1, rows y0..y1, the ends excluded."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns), for indexing an H×W×C array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def within(self, other: "Box") -> "Box | None":
        """Return what both have in common; None: nothing."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return Box(x0=x0, y0=y0, x1=x1, y1=y1) if x0 < x1 and y0 < y1 else None

    def seen_from(self, other: "Box") -> "Box":
        """Return the same rectangle in pixels counted from the other's corner."""
        x, y = other.x0, other.y0
        return Box(x0=self.x0 - x, y0=self.y0 - y, x1=self.x1 - x, y1=self.y1 - y)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a render is."""

    stage: Stage
    fraction: float  # 0..1 of the whole render
    eta_s: float | None  # seconds to the end, once it can be told


@dataclass(frozen=True, kw_only=True)
class StageSeconds:
    """Wall-clock seconds one stage took."""

    stage: Stage
    seconds: float


@dataclass(frozen=True, kw_only=True)
class QualityReport:
    """What was measured on a finished render. None: there was nothing to measure it on."""

    frames: int  # in the file
    driving_frames: int | None  # None: no driving clip, but a template or a synthetic motion
    frames_without_face: int | None  # of the driving clip: left out at its start, or bridged
    # Root mean square of what tracked corners jolt, in 1/1000 of the frame's longest side.
    jitter_driving_per_mille: float | None
    jitter_result_per_mille: float | None
    # Mean difference inside the box in grey levels: from a frame to the next, from last to first.
    median_step_levels: float
    loop_step_levels: float
    lip_ratio_portrait: float | None  # opening of the lips relative to their width
    lip_ratio_at_rest: float | None  # the same in frame 0
    # On the ring along the box's inner edge, the worst frame against the portrait:
    ring_delta_e: float | None  # how far the mean colour is off, CIE76
    seam_levels: float | None  # mean step at the very edge, grey levels
    touched_outside_share: float | None  # 0..1: pixels outside the box unlike the portrait's
    wanted_fps: Fraction
    measured_fps: Fraction  # by the file's own timestamps
    worst_frame_offset_ms: float  # of a frame from its place on the grid of the wanted rate
    size_bytes: int  # of the file
    peak_mbit_s: float | None  # most of any second; None: GIF and WebP
    warnings: tuple[RenderWarning, ...]

    def as_json(self) -> dict[str, object]:
        """For a file beside the video: plain types only, rounded."""
        return {
            "frames": self.frames,
            "drivingFrames": self.driving_frames,
            "framesWithoutFace": self.frames_without_face,
            "jitterPerMille": {
                "driving": _rounded(self.jitter_driving_per_mille),
                "result": _rounded(self.jitter_result_per_mille),
            },
            "loop": {
                "lastToFirstLevels": _rounded(self.loop_step_levels),
                "medianStepLevels": _rounded(self.median_step_levels),
            },
            "lipRatio": {
                "portrait": _rounded(self.lip_ratio_portrait),
                "atRest": _rounded(self.lip_ratio_at_rest),
            },
            "border": {
                "ringDeltaE": _rounded(self.ring_delta_e),
                "seamLevels": _rounded(self.seam_levels),
                "touchedOutsideShare": _rounded(self.touched_outside_share, digits=9),
            },
            "rate": {
                "wanted": str(self.wanted_fps),
                "measured": str(self.measured_fps),
                "worstOffsetMs": _rounded(self.worst_frame_offset_ms),
            },
            "file": {"bytes": self.size_bytes, "peakMbitPerS": _rounded(self.peak_mbit_s)},
            "warnings": [str(warning) for warning in self.warnings],
        }


def largest_loop_step(median_step_levels: float) -> float:
    """Return how far the last frame of a closed loop may be from the first, in grey levels.

    Of frames before encoding (docs/understand/contract.md, section 6). Where little moves, half a
    level is not seen.

    Args:
        median_step_levels: from a frame to the next, measured as the step at the loop is.
    """
    return max(median_step_levels, _UNSEEN_STEP_LEVELS)


def _rounded(value: float | None, *, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


@dataclass(frozen=True, kw_only=True)
class TalkCut:
    """Where a talk is cut into its idle, in frames of the idle, and what is heard."""

    start_frame: int  # the idle's frame in whose place the talk's first one is shown
    resume_frame: int  # the idle's frame that follows the talk's last one
    has_speech: bool  # False: nothing but silence was heard, and the talk is the idle
    method: str = "visemes"
    licence: str = "MIT"  # of the method's weights, in words
    refiner: str | None = None  # that sharpened the mouths; None: none
    refiner_licence: str | None = None


@dataclass(frozen=True, kw_only=True)
class RenderedVideo:
    """What a finished render is."""

    engine: Engine
    engine_version: str
    width_px: int
    height_px: int
    frame_count: int
    fps: Fraction
    size_bytes: int
    box: Box  # outside it every pixel is the portrait's, before encoding
    warnings: tuple[RenderWarning, ...]
    seconds: tuple[StageSeconds, ...]
    quality: QualityReport | None = None  # None: nothing was measured
    talk: TalkCut | None = None  # None: an idle

    @property
    def duration_ms(self) -> int:
        """Length of the video in milliseconds."""
        return round(1000 * self.frame_count / self.fps)
