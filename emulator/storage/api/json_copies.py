"""The JSON API's calls that create an object from others: copy, rewrite, compose."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api import json_accepts as accepts
from emulator.storage.api.json_requests import base_url, conditions, object_response
from emulator.storage.api.resources import merge_metadata, object_resource
from emulator.storage.errors import BadRequest
from emulator.storage.http.recognition import Known
from emulator.storage.http.responses import json_response, query_integer, read_json
from emulator.storage.http.server import Handler, PathParameters, Route, route
from emulator.storage.objects import Conditions, ObjectMetadata, StoredObject
from emulator.storage.store import ObjectStore, check_hold

_MAX_COMPONENTS = 32


class CopyCalls:
    """The calls on a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def routes(self, one: str) -> list[Route]:
        """Return the routes; `one` is the path of one object."""
        target = "b/{to_bucket}/o/{to_name}"
        return [
            self._route(f"{one}/rewriteTo/{target}", self._rewrite, "rewrite", accepts.REWRITE),
            self._route(f"{one}/copyTo/{target}", self._copy, "copy", accepts.COPY),
            self._route(f"{one}/moveTo/o/{{to_name}}", self._move, "move", accepts.MOVE),
            self._route(f"{one}/compose", self._compose, "compose", accepts.COMPOSE),
        ]

    def _route(self, path: str, call: Handler, name: str, accepted: Known) -> Route:
        return route("POST", path, call, f"storage.objects.{name}", accepted)

    async def _copied(self, request: Request, path: PathParameters) -> StoredObject:
        source = self._store.get(
            path["bucket"],
            path["name"],
            conditions(request, source=True),
            query_integer(request, "sourceGeneration"),
        )
        body = await read_json(request)
        metadata = merge_metadata(ObjectMetadata(), body) if body else None
        return self._store.copy(
            source, path["to_bucket"], path["to_name"], metadata, conditions(request)
        )

    async def _copy(self, request: Request, path: PathParameters) -> Response:
        return object_response(request, await self._copied(request, path))

    async def _rewrite(self, request: Request, path: PathParameters) -> Response:
        stored = await self._copied(request, path)
        size = str(stored.content.size_bytes)
        return json_response(
            {
                "kind": "storage#rewriteResponse",
                "done": True,
                "objectSize": size,
                "totalBytesRewritten": size,
                "resource": object_resource(base_url(request), stored),
            }
        )

    async def _move(self, request: Request, path: PathParameters) -> Response:
        if await request.body():
            raise BadRequest("A move has no body")
        source = self._store.get(path["bucket"], path["name"], conditions(request, source=True))
        if path["to_name"] == path["name"]:
            raise BadRequest("An object cannot be moved to its own name")
        check_hold(source)
        stored = self._store.copy(
            source, path["bucket"], path["to_name"], None, conditions(request)
        )
        self._store.delete(path["bucket"], path["name"])
        return object_response(request, stored)

    async def _compose(self, request: Request, path: PathParameters) -> Response:
        body = await read_json(request)
        sources = body.get("sourceObjects")
        if not isinstance(sources, list) or not 1 <= len(sources) <= _MAX_COMPONENTS:
            raise BadRequest(
                f"sourceObjects is {sources!r}; accepted: a list of 1 to {_MAX_COMPONENTS} objects"
            )
        components = [self._component(path["bucket"], source) for source in sources]
        metadata = merge_metadata(ObjectMetadata(), body.get("destination") or {})
        stored = self._store.compose(
            components, path["bucket"], path["name"], metadata, conditions(request)
        )
        return object_response(request, stored)

    def _component(self, bucket: str, source: Any) -> StoredObject:
        if not isinstance(source, dict) or not source.get("name"):
            raise BadRequest(f"A source object is {source!r}; accepted: an object with a name")
        required = source.get("objectPreconditions") or {}
        return self._store.get(
            bucket,
            str(source["name"]),
            Conditions(generation_match=_number(required.get("ifGenerationMatch"))),
            _number(source.get("generation")),
        )


def _number(value: Any) -> int | None:
    if value is None:
        return None
    if not str(value).isdecimal():
        raise BadRequest(f"A generation is {value!r}; accepted: a whole number")
    return int(value)
