"""The HTTP server: the REST transport, and the keys by which tokens are checked."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from emulator.faults import FaultPlan
from emulator.tasks.api.calls import Call
from emulator.tasks.api.messages import Message, raw
from emulator.tasks.errors import InvalidArgument, NotFound, TasksError
from emulator.tasks.identity import Identity

_LOCATION = r"projects/[^/]+/locations/[^/]+"
_QUEUE = rf"{_LOCATION}/queues/[^/:]+"
_TASK = rf"{_QUEUE}/tasks/[^/:]+"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Route:
    """A method of the service: its verb, its path, and what the path and the body are."""

    name: str
    verb: str
    pattern: str  # the named group is a field of the request, or of its queue
    body: str = ""  # `queue`: the body is that field; else the request itself


_ROUTES = (
    _Route(
        name="CreateQueue", verb="POST", pattern=f"(?P<parent>{_LOCATION})/queues", body="queue"
    ),
    _Route(name="ListQueues", verb="GET", pattern=f"(?P<parent>{_LOCATION})/queues"),
    _Route(name="GetQueue", verb="GET", pattern=f"(?P<name>{_QUEUE})"),
    _Route(name="UpdateQueue", verb="PATCH", pattern=f"(?P<queue>{_QUEUE})", body="queue"),
    _Route(name="DeleteQueue", verb="DELETE", pattern=f"(?P<name>{_QUEUE})"),
    _Route(name="PurgeQueue", verb="POST", pattern=f"(?P<name>{_QUEUE}):purge"),
    _Route(name="PauseQueue", verb="POST", pattern=f"(?P<name>{_QUEUE}):pause"),
    _Route(name="ResumeQueue", verb="POST", pattern=f"(?P<name>{_QUEUE}):resume"),
    _Route(name="CreateTask", verb="POST", pattern=f"(?P<parent>{_QUEUE})/tasks"),
    _Route(name="ListTasks", verb="GET", pattern=f"(?P<parent>{_QUEUE})/tasks"),
    _Route(name="GetTask", verb="GET", pattern=f"(?P<name>{_TASK})"),
    _Route(name="DeleteTask", verb="DELETE", pattern=f"(?P<name>{_TASK})"),
    _Route(name="RunTask", verb="POST", pattern=f"(?P<name>{_TASK}):run"),
)


class TasksHttpServer:
    """The ASGI application.

    Args:
        calls: the service's methods.
        identity: whose keys are published.
        faults: counts the calls.
    """

    def __init__(self, calls: Mapping[str, Call], identity: Identity, faults: FaultPlan) -> None:
        self._calls = calls
        self._identity = identity
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            if request.url.path == "/":
                return PlainTextResponse("Ok\n")
            if request.url.path == "/oauth2/v3/certs":
                return JSONResponse(self._identity.key_set)
            if request.url.path == "/oauth2/v1/certs":
                return JSONResponse(self._identity.certificates)
            return await self._method(request)
        except TasksError as error:
            content = {"code": error.http_status, "message": str(error), "status": error.status}
            return JSONResponse({"error": content}, status_code=error.http_status)
        except Exception:
            _log.exception("%s %s failed", request.method, request.url.path)
            return PlainTextResponse("The emulator failed; its log says how", status_code=500)

    async def _method(self, request: Request) -> Response:
        for route in _ROUTES:
            found = re.fullmatch(f"/v2/{route.pattern}", request.url.path)
            if found is not None and route.verb == request.method:
                message = await _read(route, found.groupdict(), request)
                self._faults.count(f"cloudtasks.{route.name}")
                return _written(await self._calls[route.name](message))
        raise NotFound(f"{request.method} {request.url.path} is no method of the emulator")


async def _read(route: _Route, names: Mapping[str, str], request: Request) -> Message:
    message = raw(f"{route.name}Request")()
    try:
        body = await request.body()
        if body:
            json_format.Parse(body, message.queue if route.body else message)
        query = {name: value for name, value in request.query_params.items() if name[0] != "$"}
        query.pop("alt", None)
        json_format.ParseDict(query, message)
    except json_format.ParseError as error:
        raise InvalidArgument(str(error)) from error
    for field, name in names.items():
        if field == "queue":
            message.queue.name = name
        else:
            setattr(message, field, name)
    return message


def _written(message: Message | Empty) -> Response:
    return Response(json_format.MessageToJson(message), media_type="application/json")
