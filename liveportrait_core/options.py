"""What a render may be asked for: its options, and the form of its result.

Knows no file, no clock and no tensor. Ranges and defaults are those of contract.md, section 2.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from liveportrait_core.edit import REST, PortraitEdit
from liveportrait_core.errors import InvalidOption
from liveportrait_core.species import FaceLocation, FacePlace, Species


class Engine(StrEnum):
    """A way to render."""

    LIVEPORTRAIT = "liveportrait"  # the networks; needs downloaded weights
    MESH = "mesh"  # face-mesh warp; needs nothing that pip does not bring; a preview


class AnimationRegion(StrEnum):
    """What of the portrait may move."""

    ALL = "all"
    EXP = "exp"  # the whole expression, no head pose
    POSE = "pose"  # head pose only
    LIP = "lip"
    EYES = "eyes"


LARGEST_MULTIPLIER = {Species.HUMAN: 1.0, Species.ANIMAL: 2.0}
CROP_SCALES = (1.0, 3.2)
MOST_CROP_SHIFT = 0.5  # to either side
PASTED_BACK = {Species.HUMAN: True, Species.ANIMAL: False}
"""Whether the crop goes back into the picture where nobody says so."""


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """How to animate: every field changes pixels."""

    # 0..1, of animals 0..2: strength of the applied motion; 1 = as recorded
    driving_multiplier: float = 0.40
    normalize_lip: bool = True  # close the portrait's lips before animating
    animation_region: AnimationRegion = AnimationRegion.ALL
    edit: PortraitEdit = REST  # of the face that the animation begins with
    paste_back: bool = True  # False: the animated crop alone, as is usual for animals
    source_crop_scale: float = 2.3  # 1.0..3.2: side of the crop, relative to the face
    # Of the crop, in its sides along the face's axes, ±0.5; negative y is towards the forehead.
    # LivePortrait's, of people.
    source_crop_shift: tuple[float, float] = (0.0, -0.125)
    source_max_dim_px: int = 1600  # 512..2048: longest side of the result; never enlarged
    loop: bool = True  # ease the motion back to that of frame 0
    max_seconds: float = 10.0  # of the driving clip; the rest is left out with VIDEO_TRIMMED
    species: Species = Species.HUMAN
    face_points: FaceLocation | None = None  # of an animal; LivePortrait finds none by itself

    def __post_init__(self) -> None:
        strongest = LARGEST_MULTIPLIER[self.species]
        require_range("driving multiplier", self.driving_multiplier, 0.0, strongest)
        require_range("source crop scale", self.source_crop_scale, *CROP_SCALES)
        for axis, shift in zip("xy", self.source_crop_shift, strict=True):
            require_range(f"source crop {axis}", shift, -MOST_CROP_SHIFT, MOST_CROP_SHIFT)
        require_range("source max dim", self.source_max_dim_px, 512, 2048)
        require_range("max seconds", self.max_seconds, 0.5, 600.0)
        self.edit.require_in_range()
        self._require_a_place()

    def _require_a_place(self) -> None:
        if self.face_points is not None and self.species is not Species.ANIMAL:
            raise InvalidOption(
                f"face points are {self.face_points}, and the species is {self.species}, whose face"
                " is found; accepted: none, or the species animal"
            )
        if self.face_points is FacePlace.CROPPED and self.paste_back:
            raise InvalidOption(
                "face points are cropped, and paste-back is on: there is nothing around the crop to"
                " paste it into; accepted: points, or paste-back off"
            )


def require_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside its range.

    Raises:
        InvalidOption: names both.
    """
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidOption(f"{name} is {value}; accepted: {low} to {high}")


@dataclass(frozen=True, kw_only=True)
class SyntheticIdle:
    """A motion without any driving clip: sway, breath and blinks; the mesh engine's."""

    seed: int = 0  # another seed, another motion
    seconds: float = 6.0  # 0.5..60
    fps: Fraction = Fraction(30)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.seconds) and 0.5 <= self.seconds <= 60):
            raise InvalidOption(f"seconds is {self.seconds:g}; accepted: 0.5 to 60")


OUTPUT_SIDES_PX = (64, 2048)
PEAK_MBIT_S = (0.5, 100.0)
"""What is accepted as the highest rate of a video."""


class VideoFormat(StrEnum):
    """What the finished frames are put into."""

    MP4 = "mp4"  # H.264, as contract.md, section 6, wants it
    GIF = "gif"  # 256 colours, the same for all frames
    WEBP = "webp"


class SoundFrom(StrEnum):
    """Whose sound goes into the file; only MP4 holds sound."""

    NONE = "none"
    DRIVING = "driving"
    SOURCE = "source"  # of a clip that is animated; a picture has none


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How the finished frames become a file. Nothing of it changes what moves."""

    format: VideoFormat = VideoFormat.MP4
    longest_side_px: int | None = None  # 64..2048: frames are reduced to it, never enlarged
    sound: SoundFrom = SoundFrom.NONE
    peak_mbit_s: float | None = None  # 0.5..100: no second of the pictures has more; MP4 only

    def __post_init__(self) -> None:
        if self.peak_mbit_s is not None:
            require_range("peak rate in Mbit/s", self.peak_mbit_s, *PEAK_MBIT_S)
            if self.format is not VideoFormat.MP4:
                raise InvalidOption(
                    f"the peak rate is {self.peak_mbit_s:g} Mbit/s, and {self.format} has no rate; "
                    "accepted: none, or mp4"
                )
        if self.longest_side_px is not None:
            require_range("output size", self.longest_side_px, *OUTPUT_SIDES_PX)
        if self.sound is not SoundFrom.NONE and self.format is not VideoFormat.MP4:
            raise InvalidOption(
                f"audio is {self.sound}, and {self.format} holds no sound; accepted: none, or mp4"
            )


SILENT_MP4 = Delivery()


class SpeechMethod(StrEnum):
    """Where the motion of a speaking mouth comes from."""

    AUTO = "auto"  # the best one that is installed and allowed
    VISEMES = "visemes"  # no weights: timed visemes, text, or the sound's own features
    JOYVASA = "joyvasa"
    WAV2LIP = "wav2lip"


class SpeechHead(StrEnum):
    """What moves the head of a talk."""

    IDLE = "idle"  # as in the idle: the talk is cut into it without a jump
    SPEECH = "speech"  # the voice, where the method can: the whole motion is the method's


class MouthInside(StrEnum):
    """What the mesh engine shows between lips that the portrait shows closed."""

    PAINTED = "painted"  # a dark cavity and a band of teeth, which nobody has seen
    NOTHING = "nothing"  # lips part no further than stretched skin looks right


MOST_SPEECH_STRENGTH = 1.5
