"""Sync.so's routes: its clients make talks here, unchanged but for their base URL and key.

`video` is a picture of a face, or a clip: then its first frame talks, and moves as the clip does.
Any model name is taken; what would change the result and is not made here is refused.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from web.api.bodies import files_of, json_of, parsed
from web.api.routes import Used
from web.api.schemas import GenerationRequest, read_request, sync_object
from web.errors import InvalidRequest, Unsupported

PREFIX = "/v2/"
_KINDS = {"video": "driving", "audio": "sound"}  # of an input, and what it is here
_OPTIONS = frozenset({"sync_mode", "temperature"})
_MODES = frozenset({"cut_off", "loop"})  # the video is as long as the sound, and loops
_PAGE = 100
_LONGEST_MODEL = 100
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["model", "input"],
                    "properties": {
                        "model": {"type": "string"},
                        "input": {"type": "array", "items": {"type": "object"}},
                        "options": {"type": "object"},
                        "webhookUrl": {"type": "string"},
                        "outputFileName": {"type": "string"},
                    },
                }
            }
        },
    }
}

router = APIRouter()


@router.post("/v2/generate", status_code=201, openapi_extra=_BODY)
async def generate(request: Request, service: Used) -> JSONResponse:
    """Make a talk (Sync.so's form): JSON, or multipart with the files video and audio."""
    owner = service.guard.owner(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        made = await _add(request, service, owner, await json_of(request), FormData())
    elif kind == "multipart/form-data":
        async with files_of(request) as form:
            made = await _add(request, service, owner, _fields(form), form)
    else:
        raise Unsupported("accepted: application/json, multipart/form-data")
    return made


@router.get("/v2/generate/{generation_id}")
async def read(request: Request, service: Used, generation_id: UUID) -> JSONResponse:
    """Read a talk (Sync.so's form)."""
    found = service.own(service.guard.owner(request), generation_id)
    return JSONResponse(sync_object(found, base_url=service.base_url))


@router.get("/v2/generations")
async def page(
    request: Request,
    service: Used,
    status: str | None = None,
    ids: Annotated[list[str] | None, Query()] = None,
) -> JSONResponse:
    """List the last talks that were asked for in Sync.so's form, the newest first."""
    owner = service.guard.owner(request)
    wanted = {name for each in ids or () for name in each.split(",")}
    found = service.jobs.store.page(owner, limit=_PAGE, after=None)
    told = [
        sync_object(each, base_url=service.base_url)
        for each in found
        if each.sync is not None and (not wanted or each.id in wanted)
    ]
    return JSONResponse([each for each in told if status in (None, each["status"])])


@router.post("/v2/analyze/cost", openapi_extra=_BODY)
async def cost(request: Request, service: Used) -> JSONResponse:
    """Tell the frames and the price of a talk (Sync.so's form); nothing is kept."""
    service.guard.owner(request)
    wanted, _ = _wanted(await json_of(request), FormData())
    told = await run_in_threadpool(service.estimate, wanted, FormData())
    price = {
        "estimatedFrameCount": told["frames"],
        "estimatedGenerationCost": told["costUsd"] or 0.0,
    }
    return JSONResponse([price])


async def _add(
    request: Request, service: Used, owner: str, body: Any, form: FormData
) -> JSONResponse:
    wanted, told = _wanted(body, form)
    made = await run_in_threadpool(service.add, owner, str(uuid4()), wanted, form, None, told)
    return JSONResponse(sync_object(made, base_url=service.base_url), status_code=201)


def _fields(form: FormData) -> dict[str, Any]:
    """Return the JSON of a multipart body: each text is JSON, or itself."""
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            try:
                read = parsed(value)
            except InvalidRequest:
                read = value
            if name == "input" and isinstance(read, Mapping):
                fields.setdefault("input", []).append(read)
            else:
                fields[name] = read
    return fields


def _wanted(body: Any, form: FormData) -> tuple[GenerationRequest, dict[str, Any]]:
    """Return the request as ours, and what is told of it again.

    Raises:
        InvalidRequest: it has what is not made here, or lacks a file.
    """
    model = body.get("model") if isinstance(body, Mapping) else None
    if not isinstance(model, str) or not 0 < len(model) <= _LONGEST_MODEL:
        raise InvalidRequest(
            f"model is missing, or no name; accepted: any, of at most {_LONGEST_MODEL} characters",
            field="model",
        )
    if body.get("segments"):
        raise InvalidRequest("segments are not made here; accepted: none", field="segments")
    items = body.get("input") or []
    if not isinstance(items, list):
        raise InvalidRequest("input is no list; accepted: one of objects", field="input")
    files = _files(items, form)
    options = _options(body.get("options") or {})
    hook = body.get("webhookUrl")
    ours = {
        "kind": "talk",
        "input": files,
        "params": {"strength": 2 * options.get("temperature", 0.5), "drivingMultiplier": 1},
        **({"webhook": {"url": hook}} if hook else {}),
    }
    told = {name: options[name] for name in sorted(_OPTIONS & set(options))}
    return read_request(ours), {"model": model, "input": _told(items), "options": told}


def _files(items: list[Any], form: FormData) -> dict[str, dict[str, str]]:
    files = {}
    for name, ours in _KINDS.items():
        if isinstance(form.get(name), UploadFile):
            files[ours] = {"upload": name}
    for item in items:
        kind = item.get("type") if isinstance(item, Mapping) else None
        if not isinstance(kind, str) or kind not in _KINDS or not isinstance(item.get("url"), str):
            raise InvalidRequest(
                f"an input is {item!r:.80}; accepted: type video or audio, with a url",
                field="input",
            )
        if _KINDS[kind] in files:
            raise InvalidRequest(f"there are two of {kind}; accepted: one", field="input")
        files[_KINDS[kind]] = {"url": item["url"]}
    for name, ours in _KINDS.items():
        if ours not in files:
            raise InvalidRequest(f"there is no {name}; accepted: one", field="input")
    return files


def _told(items: list[Any]) -> list[dict[str, str]]:
    """Return what is told again of inputs that have been read."""
    return [{"type": item["type"], "url": item["url"]} for item in items]


def _options(options: Any) -> dict[str, Any]:
    if not isinstance(options, Mapping):
        raise InvalidRequest(f"options are {options!r:.40}; accepted: an object", field="options")
    given = {name: value for name, value in options.items() if value is not None}
    for name in sorted(set(given) - _OPTIONS):
        if given[name] is not False:
            raise InvalidRequest(
                f"options.{name} is not made here; accepted: {', '.join(sorted(_OPTIONS))}",
                field=f"options.{name}",
            )
    mode = given.get("sync_mode", "loop")
    if not isinstance(mode, str) or mode not in _MODES:
        raise InvalidRequest(
            f"options.sync_mode is {mode!r:.40}; accepted: "
            f"{', '.join(sorted(_MODES))}: the video is as long as the sound",
            field="options.sync_mode",
        )
    heat = given.get("temperature", 0.5)
    if isinstance(heat, bool) or not isinstance(heat, int | float) or not 0 <= heat <= 1:
        raise InvalidRequest(
            f"options.temperature is {heat!r:.40}; accepted: 0 to 1", field="options.temperature"
        )
    return given
