"""The control endpoint: health, reset, events, deliveries, calls, faults and triggers over HTTP.

Runs on the cloud's event loop. It is bound to the loopback address unless told otherwise: whoever
reaches it may do anything.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.control.cloud import Cloud
from emulator.faults import Fault, FaultKind

Endpoint = Callable[[Request], Awaitable[Response]]


def control_application(cloud: Cloud) -> Starlette:
    """Returns the application that steers a cloud."""
    endpoints = _Endpoints(cloud)
    return Starlette(
        routes=[
            Route("/health", endpoints.health),
            Route("/reset", _checked(endpoints.reset), methods=["POST"]),
            Route("/events", endpoints.events),
            Route("/events/release", _checked(endpoints.release), methods=["POST"]),
            Route("/deliveries", endpoints.deliveries),
            Route("/calls", endpoints.calls),
            Route("/faults", endpoints.faults),
            Route("/faults", _checked(endpoints.plan), methods=["POST"]),
            Route("/triggers", endpoints.triggers),
            Route("/triggers", _checked(endpoints.connect), methods=["POST"]),
        ]
    )


def _checked(endpoint: Endpoint) -> Endpoint:
    """Answers 400 with the reason where a body has another form than accepted."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (ValueError, TypeError, KeyError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)

    return answer


async def _body(request: Request) -> dict[str, Any]:
    if not await request.body():
        return {}
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError(f"the body is {body!r}; accepted: a JSON object")
    return body


class _Endpoints:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def health(self, request: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "project": self._cloud.project, "bucket": self._cloud.bucket}
        )

    async def reset(self, request: Request) -> Response:
        self._cloud.reset()
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        events = [
            {"id": event.identifier, "document": event.document, "headers": dict(event.headers)}
            for event in self._cloud.dispatcher.events()
        ]
        return JSONResponse(events)

    async def release(self, request: Request) -> Response:
        body = await _body(request)
        released = self._cloud.dispatcher.release(reverse=bool(body.get("reverse", False)))
        return JSONResponse({"released": released})

    async def deliveries(self, request: Request) -> Response:
        return JSONResponse([asdict(one) for one in self._cloud.dispatcher.deliveries()])

    async def calls(self, request: Request) -> Response:
        return JSONResponse(dict(self._cloud.faults.calls))

    async def faults(self, request: Request) -> Response:
        return JSONResponse([asdict(fault) for fault in self._cloud.faults.planned()])

    async def plan(self, request: Request) -> Response:
        body = await _body(request)
        accepted = ", ".join(FaultKind)
        if body.get("kind") not in set(FaultKind):
            raise ValueError(f"kind is {body.get('kind')!r}; accepted: {accepted}")
        fault = Fault(**{**body, "kind": FaultKind(body["kind"])})
        self._cloud.faults.plan(fault)
        return JSONResponse(asdict(fault))

    async def triggers(self, request: Request) -> Response:
        return JSONResponse([asdict(trigger) for trigger in self._cloud.dispatcher.triggers()])

    async def connect(self, request: Request) -> Response:
        body = await _body(request)
        self._cloud.connect(body["name"], body["document_pattern"], body["targets"])
        return JSONResponse(body)
