"""What browsers reach of Firestore: REST and the web channel behind one ASGI application."""

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from emulator.faults import FaultPlan
from emulator.firestore.methods import Methods
from emulator.firestore.rest import RestDialect
from emulator.firestore.web_channel import ROOT, WebChannel
from emulator.serving import cors_headers

_log = logging.getLogger(__name__)


class FirestoreHttpServer:
    """The ASGI application."""

    def __init__(self, methods: Methods, faults: FaultPlan) -> None:
        self._rest = RestDialect(methods, faults)
        self._channel = WebChannel(methods, faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        response.headers.update(cors_headers(request.method, request.headers))
        await response(scope, receive, send)

    def end_streams(self) -> None:
        """Ends what would keep the server from stopping."""
        self._channel.end_streams()

    async def _answer(self, request: Request) -> Response:
        try:
            if request.method == "OPTIONS":
                return Response(status_code=204)
            if request.url.path == "/" and request.method in ("GET", "HEAD"):
                return PlainTextResponse("Ok\n")
            if request.url.path.startswith(ROOT):
                return await self._channel.answer(request)
            return await self._rest.answer(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            _log.exception("%s %s failed", request.method, request.url.path)
            return PlainTextResponse("The emulator failed; its log says how", status_code=500)
