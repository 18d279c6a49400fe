"""The bodies of requests, as clients write them, and the object that answers them."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from liveportrait_core import (
    AnimationRegion,
    InvalidSlider,
    PortraitEdit,
    RenderOptions,
    RenderWarning,
)
from web.errors import InvalidRequest, Unprocessable
from web.generation import Generation, Kind, State

METADATA_BYTES = 1024
NOT_INSTALLED = {"talk": "a method that speaks", "lipsync": "a lip-sync method"}
Event = Literal["rendering", "ready", "failed", "canceled"]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def whole(value: object) -> object:
    """Take a double without a fraction for the integer that it means, as the contract does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(whole), Field(strict=True)]
Switch = Annotated[bool, Field(strict=True)]


class Body(BaseModel):
    """A part of a request: names in camel case; unknown ones are refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class InputFile(Body):
    """Where a file comes from: one of the two."""

    url: Annotated[str, Field(max_length=8192)] | None = None
    upload: Annotated[str, Field(max_length=100)] | None = None  # the multipart field that has it

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.url is None) == (self.upload is None):
            raise ValueError("accepted: either url or upload")
        return self


class Inputs(Body):
    """The files of a generation."""

    portrait: InputFile
    driving: InputFile | None = None
    motion: InputFile | None = None  # key-framed edits, in place of a clip


class Params(Body):
    """How it is rendered: contract.md, section 2, and what a clip or an idle needs beside it.

    `applied` clamps the contract's numbers to their ranges; the others are refused outside theirs.
    """

    driving_multiplier: Number = RenderOptions.driving_multiplier
    normalize_lip: Switch = RenderOptions.normalize_lip
    animation_region: AnimationRegion = RenderOptions.animation_region
    edit: dict[str, Number] = Field(default_factory=dict)
    scale: Number = RenderOptions.source_crop_scale
    source_max_dim: Whole = RenderOptions.source_max_dim_px
    loop: Switch = RenderOptions.loop
    max_seconds: Annotated[Number, Field(ge=0.5, le=600)] = RenderOptions.max_seconds
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 0  # of an idle without a driving clip
    seconds: Annotated[Number, Field(ge=0.5, le=60)] = 6.0  # of such an idle

    def applied(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the values within their ranges, by their names in JSON, and warnings.

        Raises:
            InvalidRequest: an unknown slider of the edit.
        """
        try:
            edit, is_edit_clamped = PortraitEdit.from_fields(self.edit)
        except InvalidSlider as error:
            raise InvalidRequest(str(error), field=f"params.edit.{error.name}") from error
        within = {
            "driving_multiplier": _clamped(self.driving_multiplier, 0, 1),
            "scale": _clamped(self.scale, 1, 3.2),
            "source_max_dim": round(_clamped(self.source_max_dim, 512, 2048)),
        }
        is_clamped = is_edit_clamped or any(
            getattr(self, name) != value for name, value in within.items()
        )
        values = self.model_copy(update=within).model_dump(mode="json", by_alias=True)
        values["edit"] = dict(edit.changed)
        return values, (RenderWarning.PARAM_CLAMPED.value,) if is_clamped else ()


class WebhookRequest(Body):
    """Where to report states, and which."""

    url: Annotated[str, Field(max_length=2048)]
    events: Annotated[list[Event], Field(min_length=1)] = ["ready", "failed", "canceled"]


class GenerationRequest(Body):
    """What is asked for."""

    kind: Kind = Kind.ANIMATE
    input: Inputs
    params: Params = Field(default_factory=Params)
    webhook: WebhookRequest | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(json.dumps(self.metadata).encode()) > METADATA_BYTES:
            raise ValueError(
                f"metadata has more than {METADATA_BYTES} bytes as JSON; accepted: at most that"
            )
        moves = [self.input.driving, self.input.motion]
        if self.kind is Kind.EDIT and any(moves):
            raise ValueError("an edit has no driving clip; accepted: without, or kind animate")
        if all(moves):
            raise ValueError("there are driving and motion; accepted: one of them, or neither")
        return self


def read_request(value: object) -> GenerationRequest:
    """Read the JSON of a request.

    Raises:
        InvalidRequest: names the field that is at fault.
        Unprocessable: the kind needs a method that is not installed.
    """
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if kind in NOT_INSTALLED:
        raise Unprocessable(
            f"kind is {kind}, and {NOT_INSTALLED[kind]} is not installed; accepted: animate, edit",
            field="kind",
            code="METHOD_NOT_INSTALLED",
        )
    try:
        return GenerationRequest.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(
            f"{where or 'the body'} is {_shown(first.get('input'))}: {first['msg']}",
            field=where or None,
        ) from error


def generation_object(
    generation: Generation, *, base_url: str, position: int | None
) -> dict[str, Any]:
    """Return the object that clients read."""
    here = f"{base_url}/v1/generations/{generation.id}"
    output = None
    if generation.output is not None:
        names = ("video", "poster") if generation.kind.is_video else ("picture",)
        output = {
            **{f"{name}Url": f"{here}/{name}?token={generation.token}" for name in names},
            **{to_camel(name): value for name, value in asdict(generation.output).items()},
        }
    return {
        "id": generation.id,
        "kind": generation.kind.value,
        "status": generation.state.value,
        "stage": generation.stage if generation.state is State.RENDERING else None,
        "progress": generation.progress,
        "queuePosition": position,
        "createdAt": _time(generation.created_at),
        "startedAt": _time(generation.started_at),
        "finishedAt": _time(generation.finished_at),
        "etaSeconds": generation.eta_s,
        "params": {
            **generation.params,
            "edit": PortraitEdit(**generation.params["edit"]).as_fields(),
        },
        "engine": generation.engine,
        "engineVersion": generation.engine_version,
        "fingerprint": generation.fingerprint,
        "output": output,
        "warnings": list(generation.warnings),
        "error": None if generation.error is None else asdict(generation.error),
        "metadata": dict(generation.metadata),
        "urls": {"get": here, "cancel": f"{here}/cancel"},
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _clamped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
