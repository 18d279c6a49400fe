"""What a request says of an animal: that it is one, where its face is, whether it is pasted back.

The values are those of contract.md, section 2, in the form in which clients write them.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from liveportrait_core import (
    PASTED_BACK,
    FaceLocation,
    FacePlace,
    FacePoints,
    InvalidOption,
    Species,
    parse_face_location,
)
from web.errors import InvalidRequest, Unprocessable

_FIELD = "params.facePoints"


class FacePoint(BaseModel):
    """A point of the picture, in shares of its width and height."""

    model_config = ConfigDict(extra="forbid")

    x: Annotated[float, Field(strict=True, allow_inf_nan=False)]
    y: Annotated[float, Field(strict=True, allow_inf_nan=False)]


def animal_values(
    species: Species, face_points: Sequence[FacePoint] | str | None, pasteback: bool | None
) -> tuple[dict[str, Any], bool]:
    """Return what is kept of it as JSON, nothing of people by default, and whether it was clamped.

    Raises:
        InvalidRequest: the points are none.
        Unprocessable: a network is to find them which is not installed.
    """
    if species is Species.HUMAN:
        if face_points is not None:
            raise InvalidRequest(
                "facePoints are given, and the species is human, whose face is found; accepted: "
                "without, or the species animal",
                field=_FIELD,
            )
        return ({} if pasteback is None else {"pasteback": pasteback}), False
    pasted = PASTED_BACK[species] if pasteback is None else pasteback
    values: dict[str, Any] = {"species": species.value, "pasteback": pasted}
    if face_points is None:
        return values, False
    place, is_clamped = _place(face_points)
    if place is FacePlace.CROPPED and pasted:
        raise InvalidRequest("facePoints are cropped, and pasteback is true", field=_FIELD)
    if isinstance(place, FacePoints):
        return {**values, "facePoints": [{"x": x, "y": y} for x, y in place.points]}, is_clamped
    return {**values, "facePoints": place.value}, is_clamped


def _place(face_points: Sequence[FacePoint] | str) -> tuple[FaceLocation, bool]:
    try:
        if isinstance(face_points, str):
            place = parse_face_location(face_points)
            if place is FacePlace.XPOSE:
                raise Unprocessable(
                    "facePoints are xpose, and X-Pose is not installed; accepted: three points, "
                    "nine, or cropped",
                    field=_FIELD,
                    code="METHOD_NOT_INSTALLED",
                )
            return place, False
        given = tuple((point.x, point.y) for point in face_points)
        held = tuple((round(_held(x), 4), round(_held(y), 4)) for x, y in given)
        return FacePoints(points=held), any(_held(each) != each for xy in given for each in xy)
    except InvalidOption as error:
        raise InvalidRequest(str(error), field=_FIELD) from error


def _held(share: float) -> float:
    return min(max(share, 0.0), 1.0)
