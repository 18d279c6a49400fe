"""How a generation is rendered, as clients write it: every parameter is a field of `Params`.

`Params.applied` gives the values as they are stored (`Generation.params`); `web.jobs.options`
turns those into the renderer's options.
"""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from liveportrait_core import (
    LARGEST_MULTIPLIER,
    NINE_POINTS,
    AnimationRegion,
    Delivery,
    InvalidOption,
    InvalidSlider,
    PortraitEdit,
    RenderOptions,
    RenderWarning,
    Species,
    SpeechHead,
    SpeechInput,
    SyntheticIdle,
)
from liveportrait_core.engines.liveportrait.config import DrivingCrop
from liveportrait_core.engines.liveportrait.motion.settings import OBSERVATION_VARIANCES
from liveportrait_core.limits import written_rate
from liveportrait_core.media.clips.rate import HIGHEST_RATE
from liveportrait_core.options import (
    CROP_SCALES,
    MOST_CROP_SHIFT,
    MOST_SPEECH_STRENGTH,
    OUTPUT_SIDES_PX,
    PEAK_MBIT_S,
    MouthInside,
    SoundFrom,
    VideoFormat,
)
from web.api.animals import FacePoint, animal_values
from web.errors import InvalidRequest
from web.jobs.options import OF_LIVEPORTRAIT, OF_PEOPLE, changed

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def whole(value: object) -> object:
    """Take a double without a fraction for the integer that it means, as the contract does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def exact_rate(value: object) -> str:
    """Take a frame rate as a number or as a fraction, "30000/1001"; return the fraction."""
    try:
        rate = written_rate(str(value))
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= HIGHEST_RATE:
        raise ValueError(f"accepted: 1 to {HIGHEST_RATE}, such as 25 or 30000/1001")
    return str(rate)


Whole = Annotated[int, BeforeValidator(whole), Field(strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Switch = Annotated[bool, Field(strict=True)]
CropScale = Annotated[Number, Field(ge=CROP_SCALES[0], le=CROP_SCALES[1])]
CropShift = Annotated[Number, Field(ge=-MOST_CROP_SHIFT, le=MOST_CROP_SHIFT)]
Smoothing = Annotated[Number, Field(ge=OBSERVATION_VARIANCES[0], le=OBSERVATION_VARIANCES[1])]


class Body(BaseModel):
    """A part of a request: names in camel case; unknown ones are refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Params(Body):
    """How it is rendered: contract.md, section 2, and what a clip or an idle needs beside it.

    `applied` clamps the contract's numbers to their ranges; the others are refused outside theirs.
    """

    driving_multiplier: Number = RenderOptions.driving_multiplier
    normalize_lip: Switch = RenderOptions.normalize_lip
    animation_region: AnimationRegion = RenderOptions.animation_region
    edit: dict[str, Number] = Field(default_factory=dict)
    species: Species = Species.HUMAN
    face_points: Annotated[list[FacePoint], Field(max_length=NINE_POINTS)] | str | None = None
    pasteback: Switch | None = None  # None: as is usual for the species
    scale: Number = RenderOptions.source_crop_scale
    source_max_dim: Whole = RenderOptions.source_max_dim_px
    loop: Switch = RenderOptions.loop
    max_seconds: Annotated[Number, Field(ge=0.5, le=600)] = RenderOptions.max_seconds
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 0  # of an idle without a driving clip
    seconds: Annotated[Number, Field(ge=0.5, le=60)] = SyntheticIdle.seconds  # of such an idle
    fps: Annotated[str, BeforeValidator(exact_rate)] = str(SyntheticIdle.fps)  # of such an idle
    strength: Number = SpeechInput.strength  # of a talk's mouth
    method: Name = str(SpeechInput.method)
    inside: MouthInside = SpeechInput.inside
    start_frame: Annotated[Whole, Field(ge=0, lt=36_000)] = SpeechInput.start_frame
    head: SpeechHead = SpeechInput.head
    # Names of methods, and of the refiner, whose licence the client accepts, where it is not free.
    accept_licences: Annotated[tuple[Name, ...], Field(max_length=10)] = ()
    within: Annotated[Number, Field(ge=0)] | None = None  # seconds that the method may take
    refine: Literal["gfpgan"] | None = None  # sharpens a mouth that was painted into frames
    repeat: Switch = False  # of a lip-sync: begin the clip again where the sound lasts longer
    format: VideoFormat = VideoFormat.MP4
    output_size: Annotated[Whole, Field(ge=OUTPUT_SIDES_PX[0], le=OUTPUT_SIDES_PX[1])] | None = None
    peak_rate: Annotated[Number, Field(ge=PEAK_MBIT_S[0], le=PEAK_MBIT_S[1])] | None = None
    audio: SoundFrom = SoundFrom.NONE
    # LivePortrait's own; refused where another engine renders.
    relative: Switch = OF_LIVEPORTRAIT["relative"]
    stitching: Switch = OF_LIVEPORTRAIT["stitching"]
    crop_x: CropShift = OF_LIVEPORTRAIT["cropX"]
    crop_y: CropShift = OF_LIVEPORTRAIT["cropY"]
    driving_crop: DrivingCrop = DrivingCrop(OF_LIVEPORTRAIT["drivingCrop"])
    driving_scale: CropScale = OF_LIVEPORTRAIT["drivingScale"]
    driving_x: CropShift = OF_LIVEPORTRAIT["drivingX"]
    driving_y: CropShift = OF_LIVEPORTRAIT["drivingY"]
    smoothing: Smoothing = OF_LIVEPORTRAIT["smoothing"]  # of a portrait that is a clip

    def applied(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the values within their ranges, by their names in JSON, and warnings.

        Raises:
            InvalidRequest: an unknown slider of the edit, no place of a face, what animals lack, or
                what the format has not.
            Unprocessable: the face is to be found by what is not installed.
        """
        animal, is_place_clamped = animal_values(self.species, self.face_points, self.pasteback)
        try:
            Delivery(format=self.format, sound=self.audio, peak_mbit_s=self.peak_rate)
        except InvalidOption as error:
            raise InvalidRequest(str(error), field="params.format") from error
        try:
            edit, is_edit_clamped = PortraitEdit.from_fields(self.edit)
        except InvalidSlider as error:
            raise InvalidRequest(str(error), field=f"params.edit.{error.name}") from error
        within = {
            "driving_multiplier": _clamped(
                self.driving_multiplier, 0, LARGEST_MULTIPLIER[self.species]
            ),
            "scale": _clamped(self.scale, 1, 3.2),
            "strength": _clamped(self.strength, 0, MOST_SPEECH_STRENGTH),
            "source_max_dim": round(_clamped(self.source_max_dim, 512, 2048)),
        }
        is_clamped = (
            is_edit_clamped
            or is_place_clamped
            or any(getattr(self, name) != value for name, value in within.items())
        )
        values = self.model_copy(update=within).model_dump(
            mode="json", by_alias=True, exclude={"species", "face_points", "pasteback"}
        )
        values |= {"edit": dict(edit.changed), **animal}
        if self.species is Species.ANIMAL and (asked := changed(values, OF_PEOPLE)):
            raise InvalidRequest(
                f"{', '.join(asked)}: animals are animated in one way only; accepted: without",
                field=f"params.{asked[0]}",
            )
        return values, (RenderWarning.PARAM_CLAMPED.value,) if is_clamped else ()


def _clamped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
