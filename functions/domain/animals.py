"""What a document says of an animal: that it is one, and where its face is. Pure.

The rules are the table of contract.md, section 2. Of people it is not looked at: a save may bring
back what the picture before this one needed.
"""

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from functions.domain.field_values import Clamp, choice, invalid, is_default
from functions.errors import Code, Failure
from liveportrait_core import (
    NINE_POINTS,
    THREE_TAPS,
    FacePlace,
    FacePoints,
    InvalidOption,
    Species,
)

_ACCEPTED = (
    "a list of three maps {x, y} (both eyes and the mouth) or of nine, from 0 to 1; 'cropped'"
)


def species_of(field: str, value: object) -> Species:
    """Return who is in the picture.

    Raises:
        Failure: it is none of the words.
    """
    return Species(choice(field, value, tuple(Species), Species.HUMAN))


def face_points_of(field: str, value: object, clamp: Clamp) -> str:
    """Return where an animal's face is, as `parse_face_location` reads it; empty: not said.

    Raises:
        Failure: it is no place, or one that a network is to find which is not installed.
    """
    if is_default(value):
        return ""
    if isinstance(value, str):
        place = FacePlace(choice(field, value, tuple(FacePlace), FacePlace.CROPPED))
        if place is FacePlace.XPOSE:
            raise Failure(
                Code.METHOD_NOT_INSTALLED,
                f"{field} is {value!r}, and X-Pose is not installed: its network is not built here,"
                f" and its weights are for non-commercial use; accepted: {_ACCEPTED}",
                field=field,
            )
        return place
    if not _is_list_of_maps(value):
        raise invalid(field, value, _ACCEPTED)
    shares = tuple(
        (clamp.share(f"{field}.x", point.get("x")), clamp.share(f"{field}.y", point.get("y")))
        for point in value
    )
    try:
        return str(FacePoints(points=shares))
    except InvalidOption as error:
        raise Failure(Code.INVALID_PARAMS, f"{field}: {error}", field=field) from error


def _is_list_of_maps(value: object) -> TypeGuard[Sequence[Mapping[str, object]]]:
    return (
        isinstance(value, Sequence)
        and len(value) in (THREE_TAPS, NINE_POINTS)
        and all(isinstance(point, Mapping) for point in value)
    )
