"""The control endpoint: health, data, events, deliveries, tasks, calls, faults and triggers.

Runs on the emulator's event loop. It is bound to the loopback address by default, because any
client that reaches it may do anything.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.control.cloud import Cloud
from emulator.eventarc.delivery import Outcome
from emulator.eventarc.trigger import EventType, Trigger
from emulator.faults import Fault, FaultKind
from emulator.tasks.errors import TasksError
from emulator.tasks.task import Task

Endpoint = Callable[[Request], Awaitable[Response]]


def control_application(cloud: Cloud) -> Starlette:
    """Return the application that controls an emulator."""
    endpoints = _Endpoints(cloud)
    return Starlette(
        routes=[
            Route("/health", endpoints.health),
            Route("/reset", _checked(endpoints.reset), methods=["POST"]),
            Route("/seed", _checked(endpoints.seed), methods=["POST"]),
            Route("/export", _checked(endpoints.export), methods=["POST"]),
            Route("/events", endpoints.events),
            Route("/events/release", _checked(endpoints.release), methods=["POST"]),
            Route("/deliveries", endpoints.deliveries),
            Route("/dead-letters", endpoints.dead_letters),
            Route("/tasks", endpoints.tasks),
            Route("/queues", endpoints.queues),
            Route("/queues/pause", _checked(endpoints.pause), methods=["POST"]),
            Route("/queues/resume", _checked(endpoints.resume), methods=["POST"]),
            Route("/calls", endpoints.calls),
            Route("/faults", endpoints.faults),
            Route("/faults", _checked(endpoints.plan), methods=["POST"]),
            Route("/triggers", endpoints.triggers),
            Route("/triggers", _checked(endpoints.connect), methods=["POST"]),
            Route("/triggers/{name}", endpoints.disconnect, methods=["DELETE"]),
        ]
    )


def _checked(endpoint: Endpoint) -> Endpoint:
    """Respond with 400 and the reason where a body is not accepted."""

    async def respond(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (ValueError, TypeError, KeyError, TasksError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)

    return respond


async def _body(request: Request) -> dict[str, Any]:
    if not await request.body():
        return {}
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError(f"the body is {body!r}; accepted: a JSON object")
    return body


def _folder(body: dict[str, Any]) -> Path:
    if not isinstance(body.get("folder"), str):
        raise ValueError(f"folder is {body.get('folder')!r}; accepted: a path on this machine")
    return Path(body["folder"])


def _queue_name(body: dict[str, Any]) -> str:
    if not isinstance(body.get("name"), str):
        raise ValueError(f"name is {body.get('name')!r}; accepted: a queue's full name")
    return str(body["name"])


def _shown(task: Task) -> dict[str, Any]:
    shown = asdict(task)
    shown["request"]["body"] = task.request.body.decode(errors="replace")
    return shown


class _Endpoints:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def health(self, request: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "project": self._cloud.project, "bucket": self._cloud.bucket}
        )

    async def reset(self, request: Request) -> Response:
        await asyncio.to_thread(self._cloud.clear_official)
        self._cloud.reset()
        return Response(status_code=204)

    async def seed(self, request: Request) -> Response:
        return JSONResponse(asdict(self._cloud.seed(_folder(await _body(request)))))

    async def export(self, request: Request) -> Response:
        self._cloud.export(_folder(await _body(request)))
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

    async def dead_letters(self, request: Request) -> Response:
        deliveries = self._cloud.dispatcher.deliveries()
        return JSONResponse([asdict(one) for one in deliveries if one.outcome is Outcome.DEAD])

    async def tasks(self, request: Request) -> Response:
        return JSONResponse([_shown(task) for task in self._cloud.tasks.tasks()])

    async def queues(self, request: Request) -> Response:
        return JSONResponse([asdict(queue) for queue in self._cloud.tasks.queues()])

    async def pause(self, request: Request) -> Response:
        self._cloud.tasks.pause(_queue_name(await _body(request)))
        return Response(status_code=204)

    async def resume(self, request: Request) -> Response:
        self._cloud.tasks.resume(_queue_name(await _body(request)))
        return Response(status_code=204)

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
        self._cloud.plan(fault)
        return JSONResponse(asdict(fault))

    async def triggers(self, request: Request) -> Response:
        return JSONResponse([asdict(trigger) for trigger in self._cloud.dispatcher.triggers()])

    async def connect(self, request: Request) -> Response:
        form = {"database": self._cloud.database, **await _body(request)}
        for name in ("name", "document_pattern", "targets"):
            if name not in form:
                raise ValueError(f"a trigger needs {name}")
        form["targets"] = tuple(form["targets"])
        form["event_type"] = EventType(form.get("event_type", EventType.WRITTEN))
        trigger = Trigger(**form)
        await self._cloud.connect(trigger)
        return JSONResponse(asdict(trigger))

    async def disconnect(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            self._cloud.dispatcher.disconnect(name)
        except KeyError:
            return JSONResponse({"error": f'there is no trigger "{name}"'}, status_code=404)
        return Response(status_code=204)
