"""The HTTP server of all APIs: routes, CORS, errors in Google's form, counts.

Object names arrive percent-encoded, slashes included, so routes are matched on the raw path.
Security rules are not evaluated.
"""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emulator.faults import FaultPlan
from emulator.serving import cors_headers
from emulator.storage.errors import (
    NotEmulated,
    NotFound,
    NotModified,
    RangeNotSatisfiable,
    StorageError,
)
from emulator.storage.http import batch
from emulator.storage.http.partial import parse_fields, select
from emulator.storage.http.recognition import Known, check_request, known, recognised
from emulator.storage.http.responses import json_response

_log = logging.getLogger(__name__)

PathParameters = dict[str, str]
Handler = Callable[[Request, PathParameters], Awaitable[Response]]

_CLIENT_CLOSED = 499
_JSON_API = re.compile(
    r"(/resumable)?(/upload|/download)?(/storage/v1)?/(b|projects|channels)(/|$)|/batch/"
)
_EXPOSED = (
    "Content-Encoding, Content-Length, Content-Range, Content-Type, ETag, Location, Range, "
    "X-Firebase-Storage-XSRF, X-Goog-Generation, X-Goog-Hash, X-Goog-Metageneration, "
    "X-Goog-Stored-Content-Length, X-Goog-Upload-Chunk-Granularity, X-Goog-Upload-Control-URL, "
    "X-Goog-Upload-Size-Received, X-Goog-Upload-Status, X-Goog-Upload-URL"
)


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method on one path pattern; `counted` is its name in the count of calls.

    `accepted` is what a request may ask for; None: the handler checks it.
    """

    method: str
    path: re.Pattern[str]
    handler: Handler
    counted: str
    accepted: Known | None


def route(method: str, path: str, handler: Handler, counted: str, accepted: Known | None) -> Route:
    """Make a route of a path with `{parameters}`; a parameter ends at a slash."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return Route(
        method=method,
        path=re.compile(pattern),
        handler=handler,
        counted=counted,
        accepted=accepted,
    )


class StorageServer:
    """The ASGI application."""

    def __init__(self, routes: list[Route], faults: FaultPlan) -> None:
        calls = route("POST", batch.PATH, self._batch, "storage.batch", known())
        self._routes = [calls, *routes]
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers.update(cors_headers(request.method, request.headers, _EXPOSED))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204)
        try:
            return await self._route(await recognised(request))
        except StorageError as error:
            await _drain(request)
            return _error_response(error)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED)
        except Exception:
            _log.exception("%s %s failed", request.method, request.url.path)
            return _error_response(StorageError("The emulator failed; its log says how"))

    async def _batch(self, request: Request, path: PathParameters) -> Response:
        return await batch.batch(request, self._respond)

    async def _route(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii")
        for candidate in self._routes:
            if candidate.method != request.method:
                continue
            match = candidate.path.fullmatch(path)
            if match is not None:
                if candidate.accepted is not None:
                    check_request(request, request.method, candidate.accepted)
                    parse_fields(request.query_params.get("fields", "*"))
                self._faults.count(_counted(candidate, request))
                parameters = {name: unquote(text) for name, text in match.groupdict().items()}
                return _partial(request, await candidate.handler(request, parameters))
        kind = NotEmulated if _JSON_API.match(path) else NotFound
        raise kind(f"The emulator has no {request.method} {path}")


def _partial(request: Request, response: Response) -> Response:
    """Reduce a JSON response to what the parameter `fields` selects."""
    fields = request.query_params.get("fields")
    if fields is None or response.media_type != "application/json":
        return response
    selected = select(json.loads(bytes(response.body)), parse_fields(fields))
    return json_response(selected, response.status_code)


def _counted(matched: Route, request: Request) -> str:
    """Return the name in the count of calls: metadata and media share a route."""
    if request.query_params.get("alt") == "media" and matched.counted.endswith(".get"):
        return f"{matched.counted.removesuffix('get')}download"
    return matched.counted


async def _drain(request: Request) -> None:
    """Read the rest of a refused upload: a client that still sends would miss the response."""
    try:
        async for _ in request.stream():
            pass
    except (RuntimeError, ClientDisconnect):  # all is read, or the client is gone
        return


def _error_response(error: StorageError) -> Response:
    if isinstance(error, NotModified):
        return Response(status_code=304)
    headers = {}
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    entry = {"message": str(error), "domain": "global", "reason": error.reason}
    body = {"error": {"code": error.status, "message": str(error), "errors": [entry]}}
    return json_response(body, error.status, headers)
