"""The parameters of an avatar's render, and how they are read from `training.livePortrait`. Pure.

The rules are the table of contract.md, section 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.domain.animals import face_points_of, species_of
from functions.domain.document import ALIASES, INPUTS
from functions.domain.field_values import (
    ABSENT,
    Clamp,
    boolean,
    choice,
    invalid,
    is_default,
    nonce,
    whole,
)
from functions.errors import Code, Failure
from liveportrait_core import (
    LARGEST_MULTIPLIER,
    PASTED_BACK,
    AnimationRegion,
    FacePlace,
    InvalidSlider,
    PortraitEdit,
    RenderOptions,
    Species,
    parse_face_location,
)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The parameters of a render as applied: clamped, real numbers in whole hundredths."""

    driving_multiplier: int = 40  # hundredths, 0..100, of animals 0..200
    normalize_lip: bool = True
    animation_region: AnimationRegion = AnimationRegion.ALL
    pasteback: bool = True
    scale: int = 230  # hundredths, 100..320
    source_max_dim: int = 1600  # pixels, 512..2048
    edit: str = ""  # of the face that the animation begins with, as `PortraitEdit.parse` reads it
    species: Species = Species.HUMAN
    face_points: str = ""  # of an animal, as `parse_face_location` reads it

    def options(self, max_seconds: float) -> RenderOptions:
        """Return the options for the renderer."""
        return RenderOptions(
            driving_multiplier=self.driving_multiplier / 100,
            normalize_lip=self.normalize_lip,
            animation_region=self.animation_region,
            paste_back=self.pasteback,
            source_crop_scale=self.scale / 100,
            source_max_dim_px=self.source_max_dim,
            edit=PortraitEdit.parse(self.edit),
            max_seconds=max_seconds,
            species=self.species,
            face_points=parse_face_location(self.face_points) if self.face_points else None,
        )


class AvatarInputs:
    """Reads `training.livePortrait`; afterwards `clamp` tells if a number was out of range."""

    def __init__(self, inputs: Mapping[str, object]) -> None:
        self._inputs = inputs
        self.clamp = Clamp()

    def read(self) -> Parameters:
        """Validate every parameter, and hold each number to its range.

        Raises:
            Failure: a value is not accepted.
        """
        default = Parameters()
        species = species_of(*self._pick("species"))
        strongest = round(100 * LARGEST_MULTIPLIER[species])
        return Parameters(
            driving_multiplier=self.clamp.hundredths(
                *self._pick("drivingMultiplier"), default.driving_multiplier, 0, strongest
            ),
            normalize_lip=boolean(*self._pick("normalizeLip")),
            animation_region=self._region(),
            pasteback=boolean(*self._pick("pasteback"), default=PASTED_BACK[species]),
            scale=self.clamp.hundredths(*self._pick("scale"), default.scale, 100, 320),
            source_max_dim=self._source_max_dim(default.source_max_dim),
            edit=self._edit(),
            species=species,
            face_points=self._face_points(species),
        )

    def nonce(self) -> str | int | None:
        """Return what asks for another render of the same; None: nothing does.

        Raises:
            Failure: it is no nonce.
        """
        return nonce(*self._pick("renderNonce"))

    def _pick(self, key: str) -> tuple[str, object]:
        """Return the field path as stored, and its value."""
        name = next((name for name in ALIASES[key] if name in self._inputs), key)
        return ".".join((*INPUTS, name)), self._inputs.get(name, ABSENT)

    def _region(self) -> AnimationRegion:
        accepted = tuple(region.value for region in AnimationRegion)
        return AnimationRegion(
            choice(*self._pick("animationRegion"), accepted, AnimationRegion.ALL)
        )

    def _source_max_dim(self, default: int) -> int:
        field, value = self._pick("sourceMaxDim")
        if is_default(value):
            return default
        pixels = whole(value)
        if pixels is None:
            raise invalid(field, value, "a whole number from 512 to 2048")
        return self.clamp.within(pixels, 512, 2048)

    def _face_points(self, species: Species) -> str:
        if species is Species.HUMAN:
            return ""
        field, value = self._pick("facePoints")
        points = face_points_of(field, value, self.clamp)
        if points == FacePlace.CROPPED and boolean(*self._pick("pasteback"), default=False):
            raise invalid(field, value, "points, or pasteback false: there is nothing around it")
        return points

    def _edit(self) -> str:
        field, value = self._pick("edit")
        if is_default(value):
            return ""
        if not isinstance(value, Mapping):
            raise invalid(field, value, "a map from sliders to numbers")
        try:
            edit, clamped = PortraitEdit.from_fields(value)
        except InvalidSlider as error:
            raise Failure(Code.INVALID_PARAMS, str(error), field=f"{field}.{error.name}") from error
        self.clamp.applied = self.clamp.applied or clamped
        return str(edit)
