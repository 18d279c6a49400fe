"""REST and the web channel behind one ASGI application."""

import logging
import re
from collections.abc import Callable
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from emulator.faults import FaultPlan
from emulator.firestore.rpc.methods import Methods
from emulator.firestore.transports.rest import RestTransport
from emulator.firestore.transports.web_channel import ROOT, WebChannel
from emulator.serving import cors_headers

_CLEARED = re.compile(r"/emulator/v1/(projects/[^/]+/databases/[^/]+)/documents")
"""The official emulator's path for deleting documents; test libraries use it."""
_log = logging.getLogger(__name__)


class FirestoreHttpServer:
    """The ASGI application; `clear` deletes a database, given by its full name."""

    def __init__(self, methods: Methods, faults: FaultPlan, clear: Callable[[str], None]) -> None:
        self._clear = clear
        self._rest = RestTransport(methods, faults)
        self._channel = WebChannel(methods, faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers.update(cors_headers(request.method, request.headers))
        await response(scope, receive, send)

    def end_streams(self) -> None:
        """End all streams, so that the server can stop."""
        self._channel.end_streams()

    async def _respond(self, request: Request) -> Response:
        try:
            if request.method == "OPTIONS":
                return Response(status_code=204)
            if request.url.path == "/" and request.method in ("GET", "HEAD"):
                return PlainTextResponse("Ok\n")
            if request.url.path.startswith(ROOT):
                return await self._channel.respond(request)
            cleared = _CLEARED.fullmatch(unquote(request.url.path))
            if cleared is not None and request.method == "DELETE":
                self._clear(cleared[1])
                return JSONResponse({})
            return await self._rest.respond(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            _log.exception("%s %s failed", request.method, request.url.path)
            return PlainTextResponse("The emulator failed; its log says how", status_code=500)
