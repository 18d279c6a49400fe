"""The routes of the API."""

import asyncio
import time
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from web.api.bodies import body_of, files_of
from web.api.schemas import read_request
from web.api.service import Service
from web.errors import InvalidRequest, NotFinished, Unsupported
from web.generation import Generation, State

_POLL_EVERY_S = 0.1
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/GenerationRequest"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["request"],
                    "properties": {
                        "request": {"type": "string", "description": "the JSON body"},
                        "portrait": {"type": "string", "format": "binary"},
                        "driving": {"type": "string", "format": "binary"},
                    },
                }
            },
        },
    }
}
_ANIMATE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["source", "driving"],
                    "properties": {
                        "source": {"type": "string", "format": "binary"},
                        "driving": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


router = APIRouter()


def service_of(request: Request) -> Service:
    """Return the application's service."""
    service: Service = request.app.state.service
    return service


Used = Annotated[Service, Depends(service_of)]


@router.post("/v1/generations", status_code=201, openapi_extra=_BODY)
async def create(
    request: Request,
    service: Used,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    prefer: Annotated[str | None, Header()] = None,
) -> Response:
    """Ask for a generation. `Prefer: wait=60` answers 200 once it has ended in time."""
    owner = service.guard.owner(request)
    with service.keys.held(owner, idempotency_key):
        async with body_of(request) as (body, form):
            generation = await _add(service, owner, uuid4(), body, form, idempotency_key)
    return await _answer(service, generation, prefer)


@router.put("/v1/generations/{generation_id}", status_code=201, openapi_extra=_BODY)
async def create_named(
    request: Request,
    service: Used,
    generation_id: UUID,
    prefer: Annotated[str | None, Header()] = None,
) -> Response:
    """Ask for a generation under a UUID of the client's; the same request again changes nothing."""
    owner = service.guard.owner(request)
    with service.keys.held(owner, str(generation_id)):
        async with body_of(request) as (body, form):
            generation = await _add(service, owner, generation_id, body, form, None)
    return await _answer(service, generation, prefer)


@router.get("/v1/generations")
async def page(
    request: Request,
    service: Used,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: UUID | None = None,
) -> JSONResponse:
    """List the generations of this key, the newest first."""
    owner = service.guard.owner(request)
    if after is not None:
        service.own(owner, after)
    found = service.jobs.store.page(
        owner, limit=limit + 1, after=None if after is None else str(after)
    )
    data = [service.describe(generation) for generation in found[:limit]]
    return JSONResponse({"data": data, "hasMore": len(found) > limit})


@router.get("/v1/generations/{generation_id}")
async def read(request: Request, service: Used, generation_id: UUID) -> JSONResponse:
    """Read a generation."""
    owner = service.guard.owner(request)
    return JSONResponse(service.describe(service.own(owner, generation_id)))


@router.post("/v1/generations/{generation_id}/cancel")
async def cancel(request: Request, service: Used, generation_id: UUID) -> JSONResponse:
    """Cancel a generation; one that has ended stays as it is."""
    owner = service.guard.owner(request)
    after = await run_in_threadpool(service.cancel, service.own(owner, generation_id))
    return JSONResponse(service.describe(after))


@router.post("/v1/estimate", openapi_extra=_BODY)
async def estimate(request: Request, service: Used) -> JSONResponse:
    """Tell what a request would make and take; nothing is kept."""
    service.guard.owner(request)
    async with body_of(request) as (body, form):
        wanted = read_request(body)
        return JSONResponse(await run_in_threadpool(service.estimate, wanted, form))


@router.get("/health")
async def health(service: Used) -> JSONResponse:
    """Tell whether generations are rendered."""
    told = service.health()
    return JSONResponse(told, status_code=503 if told["status"] in ("starting", "failed") else 200)


@router.post("/animate", openapi_extra=_ANIMATE_BODY)
async def animate(request: Request, service: Used) -> JSONResponse:
    """Animate `source` by `driving`, wait, and answer `{"video_url"}`."""
    owner = service.guard.owner(request)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Unsupported("accepted: multipart/form-data with the files source and driving")
    body = {"input": {"portrait": {"upload": "source"}, "driving": {"upload": "driving"}}}
    async with files_of(request) as form:
        for name in ("source", "driving"):
            if not isinstance(form.get(name), UploadFile):
                raise InvalidRequest(
                    f"there is no file part named {name}; accepted: source and driving", field=name
                )
        generation = await _add(service, owner, uuid4(), body, form, None)
    ended = await _wait(service, generation, service.settings.wait_limit_s)
    told = service.describe(ended)
    if ended.state is State.READY:
        return JSONResponse({"video_url": told["output"]["videoUrl"]})
    if not ended.state.is_final:
        late = NotFinished("it is not finished yet; ask again at the address in Location")
        return JSONResponse(
            late.as_json(), status_code=late.status, headers={"location": told["urls"]["get"]}
        )
    failure = told["error"] or {"code": "CANCELED", "message": "it was canceled"}
    return JSONResponse({"error": failure}, status_code=422)


@router.get("/v1/generations/{generation_id}/{name}")
async def file(
    request: Request,
    service: Used,
    generation_id: UUID,
    name: Literal["video", "poster", "picture", "motion"],
    token: str | None = None,
) -> Response:
    """Return a file of a finished generation; `Range` and `If-None-Match` are honoured."""
    return service.file(request, generation_id, name, token)


async def _add(
    service: Service,
    owner: str,
    generation_id: UUID,
    body: Any,
    form: FormData,
    idempotency_key: str | None,
) -> Generation:
    wanted = read_request(body)
    return await run_in_threadpool(
        service.add, owner, str(generation_id), wanted, form, idempotency_key
    )


async def _wait(service: Service, generation: Generation, seconds: float) -> Generation:
    deadline = time.monotonic() + seconds
    while not generation.state.is_final and time.monotonic() < deadline:
        await asyncio.sleep(_POLL_EVERY_S)
        found = await run_in_threadpool(service.jobs.store.get, generation.id)
        generation = found or generation
    return generation


async def _answer(service: Service, generation: Generation, prefer: str | None) -> JSONResponse:
    seconds = _preferred_wait(prefer)
    headers = {"location": f"{service.base_url}/v1/generations/{generation.id}"}
    if seconds is not None:
        seconds = min(seconds, service.settings.wait_limit_s)
        generation = await _wait(service, generation, seconds)
        headers["preference-applied"] = f"wait={seconds:g}"
    status = 200 if generation.state.is_final else 201
    return JSONResponse(service.describe(generation), status_code=status, headers=headers)


def _preferred_wait(prefer: str | None) -> float | None:
    for part in (prefer or "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait":
            try:
                return max(0.0, float(value))
            except ValueError:
                raise InvalidRequest(
                    f"Prefer is {prefer!r}; accepted: wait=SECONDS", field="Prefer"
                ) from None
    return None
