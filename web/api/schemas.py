"""The bodies of requests, as clients write them, and the object that answers them."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from liveportrait_core import PortraitEdit, TimedViseme, timed_visemes
from liveportrait_core.errors import InvalidOption
from liveportrait_core.options import SoundFrom, VideoFormat
from liveportrait_core.speech.viseme_formats import MOST_VISEMES
from web.api.params import Body, Params
from web.errors import InvalidRequest
from web.generation import Generation, Kind, State

METADATA_BYTES = 1024
_OF_SPEECH = ("sound", "text", "visemes")
Event = Literal["rendering", "ready", "failed", "canceled"]


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

    portrait: InputFile | None = None  # of a talk: else the picture, or the clip's first frame
    driving: InputFile | None = None
    motion: InputFile | None = None  # key-framed edits or a motion template, in place of a clip
    sound: InputFile | None = None  # what is said; the rest may say more of the mouth
    text: Annotated[str, Field(min_length=1, max_length=5000)] | None = None
    visemes: Annotated[list[Any], Field(min_length=1, max_length=MOST_VISEMES)] | None = None

    def timed(self) -> tuple[TimedViseme, ...]:
        """Return the visemes.

        Raises:
            InvalidRequest: they are of no known form.
        """
        try:
            return timed_visemes(self.visemes or ())
        except InvalidOption as error:
            raise InvalidRequest(str(error), field="input.visemes") from error


class WebhookRequest(Body):
    """Where to report states, and which."""

    url: Annotated[str, Field(max_length=2048)]
    events: Annotated[tuple[Event, ...], Field(min_length=1)] = ("ready", "failed", "canceled")


class GenerationRequest(Body):
    """What is asked for."""

    kind: Kind = Kind.ANIMATE
    input: Inputs
    params: Params = Field(default_factory=Params)
    webhook: WebhookRequest | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(json.dumps(self.metadata, allow_nan=False).encode()) > METADATA_BYTES:
            raise ValueError(
                f"metadata has more than {METADATA_BYTES} bytes as JSON; accepted: at most that"
            )
        if self.kind is Kind.ANIMATE:
            return self
        if self.params.format is not VideoFormat.MP4:
            raise ValueError(
                f"format is {self.params.format}, and kind is {self.kind}; accepted: without"
            )
        if self.params.audio is not SoundFrom.NONE:
            raise ValueError(
                f"audio is {self.params.audio}, and kind is {self.kind}; accepted: none"
            )
        return self

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.kind is Kind.LIPSYNC:
            return self._has_clip()
        if self.kind is Kind.MOTION:
            return self._has_motion()
        moves = [self.input.driving, self.input.motion]
        if self.kind is Kind.EDIT and moves[1]:
            raise ValueError("an edit has no motion; accepted: driving, a picture, or neither")
        if all(moves):
            raise ValueError("there are driving and motion; accepted: one of them, or neither")
        if self.input.portrait is None and (self.kind is not Kind.TALK or not moves[0]):
            raise ValueError("input.portrait is missing; accepted: a picture of a face")
        return self

    def _has_clip(self) -> Self:
        if self.input.driving is None:
            raise ValueError("input.driving is missing; accepted: a clip of a face")
        for name in ("portrait", "motion", "text", "visemes"):
            if getattr(self.input, name) is not None:
                raise ValueError(
                    f"there is input.{name}, and kind is lipsync; accepted: driving and sound"
                )
        return self

    def _has_motion(self) -> Self:
        given = [self.input.driving, self.input.motion]
        if all(given) or not any(given):
            raise ValueError("accepted: input.driving, a clip, or input.motion")
        if self.input.portrait is not None and self.input.motion is None:
            raise ValueError("input.portrait is of key-framed edits; accepted: without")
        return self

    @model_validator(mode="after")
    def _speaks(self) -> Self:
        given = [name for name in _OF_SPEECH if getattr(self.input, name) is not None]
        if not self.kind.speaks:
            if given:
                raise ValueError(
                    f"input.{given[0]} is of kinds talk and lipsync, and kind is {self.kind}"
                )
            return self
        if "sound" not in given:
            raise ValueError("input.sound is missing; accepted: a file with what is said")
        if len(given) == len(_OF_SPEECH):
            raise ValueError("there are text and visemes; accepted: one of them, or neither")
        return self


def read_request(value: object) -> GenerationRequest:
    """Read the JSON of a request.

    Raises:
        InvalidRequest: names the field that is at fault.
    """
    try:
        return GenerationRequest.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(
            f"{where or 'the body'} is {_shown(first.get('input'))}: "
            f"{first['msg'].removeprefix('Value error, ')}",
            field=where or None,
        ) from error


def generation_object(
    generation: Generation, *, base_url: str, position: int | None
) -> dict[str, Any]:
    """Return the object that clients read."""
    here = f"{base_url}/v1/generations/{generation.id}"
    output = None
    if generation.output is not None:
        names = generation.file_names
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
        "quality": generation.quality,
        "warnings": list(generation.warnings),
        "error": None if generation.error is None else asdict(generation.error),
        "metadata": dict(generation.metadata),
        "urls": {"get": here, "cancel": f"{here}/cancel"},
    }


_SYNC_STATES = {
    State.QUEUED: "PENDING",
    State.RENDERING: "PROCESSING",
    State.READY: "COMPLETED",
    State.FAILED: "FAILED",
    State.CANCELED: "REJECTED",
}


def sync_object(generation: Generation, *, base_url: str) -> dict[str, Any]:
    """Return the object that clients of Sync.so's routes read."""
    error, output, hook = generation.error, generation.output, generation.webhook
    is_final_failure = error is not None and not error.retryable
    told = generation.sync or {"model": "", "input": [], "options": {}}
    url = f"{base_url}/v1/generations/{generation.id}/video?token={generation.token}"
    length = None if output is None else output.duration_ms
    return {
        **told,
        "id": generation.id,
        "status": "REJECTED" if is_final_failure else _SYNC_STATES[generation.state],
        "createdAt": _time(generation.created_at),
        "outputUrl": None if output is None else url,
        "outputDuration": None if length is None else length / 1000,
        "webhookUrl": None if hook is None else hook.url,
        "error": None if error is None else str(error.message),
        "error_code": None if error is None else error.code,
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
