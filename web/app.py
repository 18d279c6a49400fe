"""The ASGI application, built from the settings."""

import errno
import logging
import os
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from liveportrait_core import __version__
from liveportrait_core.errors import InvalidOption
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.speech.methods import LICENCES
from web.api.description import describe, docs_page
from web.api.guard import BodyLimit, Guard, OwnPagesOnly
from web.api.inputs import MAX_BODY_BYTES
from web.api.routes import router
from web.api.schemas import generation_object, sync_object
from web.api.service import Service, base_url
from web.api.sync_routes import PREFIX
from web.api.sync_routes import router as sync_router
from web.command_line import locked
from web.errors import ApiError, InvalidRequest, Unavailable
from web.fetch import SafeClient
from web.generation import Generation
from web.jobs.files import LocalFiles
from web.jobs.housekeeping import Housekeeper
from web.jobs.ports import Jobs
from web.jobs.store import SqliteJobStore
from web.jobs.webhooks import WebhookSender
from web.jobs.worker import Worker
from web.settings import Settings

_LOG = logging.getLogger("web")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_HTTP_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


def create_app(
    settings: Settings,
    *,
    jobs: Jobs | None = None,
    renderer: Callable[[], Renderer] | None = None,
    client: SafeClient | None = None,
) -> FastAPI:
    """Return the application; generations are rendered while it is served.

    Args:
        settings: how it is served.
        jobs: where generations wait and are rendered; None: in this process.
        renderer: opens the renderer of this process; None: as the settings say.
        client: reaches the addresses that clients name; None: as the settings say.

    Raises:
        InvalidSetting: as it is served, where another process uses the same data.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    jobs = jobs or _embedded(settings, renderer)
    client = client or SafeClient(
        private_hosts=settings.private_hosts, url_hosts=settings.url_hosts
    )
    service = Service(
        settings=settings,
        guard=Guard(settings),
        jobs=jobs,
        arriving=settings.data / "arriving",
        client=client,
    )
    housekeeper = _housekeeper(settings, jobs, client)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        lock = locked(settings.data)
        shutil.rmtree(service.arriving, ignore_errors=True)
        jobs.rendering.start()
        housekeeper.start()
        try:
            yield
        finally:
            housekeeper.stop()
            jobs.rendering.stop()
            lock.release()

    # The usual page of the documentation loads scripts from another site; `docs_page` does not.
    app = FastAPI(
        title="Avatar idle", version=__version__, lifespan=running, docs_url=None, redoc_url=None
    )
    app.add_api_route("/docs", docs_page, include_in_schema=False)
    app.include_router(router)
    app.include_router(sync_router)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    if not settings.key_digests:
        app.add_middleware(OwnPagesOnly)
    app.state.service = service
    _answer_errors(app)
    describe(app)
    return app


def _embedded(settings: Settings, renderer: Callable[[], Renderer] | None) -> Jobs:
    """Return the queue of this process: SQLite, a folder, a thread."""
    store = SqliteJobStore(settings.data / "generations.sqlite", max_queued=settings.max_queued)
    files = LocalFiles(settings.data / "files")
    worker = Worker(
        store=store,
        files=files,
        open_renderer=renderer or partial(_opened, settings),
        method_limit_s=settings.method_limit_s,
        end_process=lambda: os.kill(os.getpid(), signal.SIGTERM),  # whoever watches starts another
    )
    return Jobs(store=store, queue=store, messages=store, files=files, rendering=worker)


def _opened(settings: Settings) -> Renderer:
    """Open the renderer with the licences that its operator accepts.

    Raises:
        InvalidOption: a licence is of no method that is known.
    """
    accepted = settings.accepted_licences
    opened = open_renderer(settings.engine, settings.weights, accepted=accepted)
    known = {*LICENCES, *opened.talk_methods}
    if not accepted <= known:
        raise InvalidOption(
            f"AVATAR_WEB_ACCEPTED_LICENCES is {', '.join(sorted(accepted))}; accepted: some of "
            f"{', '.join(sorted(known))}"
        )
    return opened


def _housekeeper(settings: Settings, jobs: Jobs, client: SafeClient) -> Housekeeper:
    def payload(generation: Generation) -> dict[str, object]:
        if generation.sync is not None:
            return sync_object(generation, base_url=base_url(settings))
        data = generation_object(generation, base_url=base_url(settings), position=None)
        return {
            "type": f"generation.{generation.state}",
            "timestamp": data["finishedAt"] or data["createdAt"],
            "data": data,
        }

    sender = WebhookSender(jobs.messages, client, settings.webhook_secrets, payload)
    return Housekeeper(jobs, sender, result_ttl_s=settings.result_ttl_s)


def _answer_errors(app: FastAPI) -> None:
    """Give every refusal the same form."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> JSONResponse:
        headers = {}
        if error.retry_after_s is not None:
            headers["retry-after"] = str(error.retry_after_s)
        return _told(request, error, error.status, headers)

    @app.exception_handler(sqlite3.OperationalError)
    @app.exception_handler(OSError)
    async def no_room(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, OSError) and error.errno not in _NO_ROOM:
            raise error
        _LOG.error("a request was refused: %s", error)
        return await refused(
            request,
            Unavailable("the disk is full, or the store is locked", retry_after_s=30),
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        wrong = InvalidRequest(f"{name} is {first['input']!r}: {first['msg']}", field=name)
        return await refused(request, wrong)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP_CODES.get(error.status_code, "INVALID_PARAMS")
        wrong = ApiError(f"{request.method} {request.url.path}: {error.detail}", code=code)
        return _told(request, wrong, error.status_code, error.headers)


def _told(
    request: Request, error: ApiError, status: int, headers: Mapping[str, str] | None
) -> JSONResponse:
    body = error.as_json()
    if request.url.path.startswith(PREFIX):  # as Sync.so's clients read it
        body = {"message": str(error), "statusCode": status}
    return JSONResponse(body, status_code=status, headers=headers)
