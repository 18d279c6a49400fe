"""How the LivePortrait engine is put together: what is chosen once and holds for every render.

What a single render may ask for is `liveportrait_core.options.RenderOptions`. Knows no file and no
tensor.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from liveportrait_core.engines.liveportrait.motion.settings import (
    Anchor,
    AnimationSettings,
    MotionRefinement,
)
from liveportrait_core.errors import InvalidOption
from liveportrait_core.face.choice import Detector, FaceOrder
from liveportrait_core.options import (
    CROP_SCALES,
    MOST_CROP_SHIFT,
    Engine,
    RenderOptions,
    require_range,
)

REVISION = 3  # raise it with every change that changes pixels
EASE_S = 1.0  # over which the end of a clip eases back to its beginning


class DrivingCrop(StrEnum):
    """Whether the driving frames are cropped to the face."""

    AUTO = "auto"  # unless they are square: then they are cropped already
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class DrivingWindow:
    """The square that is cut around a driving face, where its frames are cropped."""

    scale: float = 2.2  # 1.0..3.2: its side, relative to the face
    shift: tuple[float, float] = (0.0, -0.1)  # as `RenderOptions.source_crop_shift`

    def __post_init__(self) -> None:
        require_range("driving crop scale", self.scale, *CROP_SCALES)
        for axis, shift in zip("xy", self.shift, strict=True):
            require_range(f"driving crop {axis}", shift, -MOST_CROP_SHIFT, MOST_CROP_SHIFT)


USUAL_WINDOW = DrivingWindow()


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """The choices. All but device and `keep_openings` change pixels, and so the version."""

    device: str = "auto"  # or cpu, cpu-torch, mps, cuda, cuda:<index>, cuda-plain
    precision: str = "auto"  # or fp32, fp16, bf16, mixed
    detector: Detector = Detector.MEDIAPIPE
    face_order: FaceOrder = FaceOrder.LARGEST_CENTRAL  # another only with insightface
    driving_crop: DrivingCrop = DrivingCrop.AUTO
    driving_window: DrivingWindow = USUAL_WINDOW
    # Region, multiplier and lips of it are what each render asks for.
    animation: AnimationSettings = field(default_factory=AnimationSettings)
    refinement: MotionRefinement = field(default_factory=MotionRefinement)
    accept_no_landmarks: bool = False  # without landmark.onnx take the face mesh's points
    # Measure a clip's eyes and lips although nothing here uses them: a template may be applied
    # by other choices.
    keep_openings: bool = False

    def __post_init__(self) -> None:
        is_usual = self.face_order is FaceOrder.LARGEST_CENTRAL
        if self.detector is Detector.MEDIAPIPE and not is_usual:
            raise InvalidOption(
                f"the detector mediapipe takes the largest central face, not {self.face_order}; "
                "accepted: that, or the detector insightface"
            )

    def settings(self, options: RenderOptions) -> AnimationSettings:
        """Return how one render applies motion."""
        return replace(
            self.animation,
            region=options.animation_region,
            multiplier=options.driving_multiplier,
            normalize_lip=options.normalize_lip,
        )

    @property
    def needs_openings(self) -> bool:
        """Whether it matters how far the eyes and lips of a driving clip are open."""
        retargets = bool(self.animation.retarget_eyes or self.animation.retarget_lips)
        return self.keep_openings or retargets or self.refinement.anchor is Anchor.NEUTRAL


DEFAULT_CONFIG = EngineConfig()


def engine_version(
    config: EngineConfig,
    *,
    finder_version: str,
    has_landmarks: bool,
    precision: str,
    digests: Iterable[str],
) -> str:
    """liveportrait-<revision>-<8 hex digits over files and settings that change pixels>.

    Args:
        config: all of it counts but device and `keep_openings`; the precision as it was chosen.
        finder_version: of who finds the face.
        has_landmarks: the 203 landmarks serve; otherwise the face mesh's points.
        precision: fp32, fp16, bf16 or mixed.
        digests: SHA-256 of every file loaded, in the order of the checkpoints.
    """
    settings = (
        finder_version,
        "203 landmarks" if has_landmarks else "face mesh landmarks",
        precision,
        config.face_order,
        config.driving_crop,
        repr(config.animation),
        repr(config.refinement),
        str(EASE_S),
        # Only where it differs: the versions of before it could be chosen stay what they were.
        *([] if config.driving_window == USUAL_WINDOW else [repr(config.driving_window)]),
    )
    sha = hashlib.sha256("\n".join((*settings, *digests)).encode())
    return f"{Engine.LIVEPORTRAIT}-{REVISION}-{sha.hexdigest()[:8]}"
