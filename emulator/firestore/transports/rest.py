"""The REST transport: paths, queries and JSON bodies to messages, and back.

Browsers use it for single requests (reads in transactions, counts, commits of transactions);
listeners and ordinary writes come through the web channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.faults import FaultPlan
from emulator.firestore.errors import FirestoreError, NotFound
from emulator.firestore.rpc.methods import Methods, StreamingMethod, UnaryMethod
from emulator.firestore.transports.json_messages import (
    HTTP_STATUSES,
    error_json,
    parse_message,
    parse_object,
    to_json,
)

_ROOT = "/v1/"
_ON_DATABASE = ("batchGet", "batchWrite", "beginTransaction", "commit", "rollback")
_ON_PARENT = ("listCollectionIds", "partitionQuery", "runAggregationQuery", "runQuery")
_NAMES = {"batchGet": "BatchGetDocuments"}
_SWITCHES = ("exists", "showMissing")
_LISTS = ("fieldPaths",)
_SYSTEM = frozenset(
    {"$alt", "$httpHeaders", "access_token", "alt", "callback", "fields", "key", "prettyPrint"}
)


@dataclass(frozen=True, kw_only=True)
class _Call:
    """A call as its URL names it: the method, and the request's fields in the URL."""

    method: str
    fields: Mapping[str, Any]
    body_field: str | None = None  # the field that the body is; None: the body is the request


class RestTransport:
    """Calls the service's methods for REST requests."""

    def __init__(self, methods: Methods, faults: FaultPlan) -> None:
        self._unary = {method.name: method for method in methods.unary}
        self._streaming = {method.name: method for method in methods.streaming}
        self._faults = faults

    async def respond(self, request: Request) -> Response:
        """Respond to one request; errors become Google's error JSON."""
        is_streaming = False
        try:
            call = _call(request)
            self._faults.count(f"firestore.{call.method}")
            method = self._unary.get(call.method) or self._streaming[call.method]
            is_streaming = isinstance(method, StreamingMethod)
            return JSONResponse(await self._respond(method, call, await request.body()))
        except FirestoreError as error:
            body = error_json(error)
            status = HTTP_STATUSES[error.status]
            return JSONResponse([body] if is_streaming else body, status_code=status)

    async def _respond(
        self, method: UnaryMethod | StreamingMethod, call: _Call, body: bytes
    ) -> dict[str, Any] | list[dict[str, Any]]:
        form = parse_object(body)
        if call.body_field is not None:
            form = {call.body_field: form}
        request = parse_message(method.request(), _merged(form, call.fields))
        if isinstance(method, UnaryMethod):
            return to_json(await method.call(request))
        return [to_json(response) async for response in method.call(request)]


def _call(request: Request) -> _Call:
    path = request.scope["raw_path"].decode("ascii")
    name, verb = _split_verb(path.removeprefix(_ROOT)) if path.startswith(_ROOT) else ("", "")
    if "/documents" not in name:
        raise NotFound(f"The emulator has no {request.method} {path}")
    if verb in _ON_DATABASE:
        return _Call(method=_method_name(verb), fields={"database": name.partition("/doc")[0]})
    if verb in _ON_PARENT:
        return _Call(method=_method_name(verb), fields={"parent": name})
    return _plain_call(request, name)


def _plain_call(request: Request, name: str) -> _Call:
    """Return the call of a URL without a custom verb, by the HTTP method."""
    fields = _query_fields(request)
    parent, _, last = name.rpartition("/")
    in_collection = {**fields, "parent": parent, "collectionId": last}
    is_document = name.partition("/documents")[2].count("/") % 2 == 0
    match request.method, is_document:
        case "GET", True:
            return _Call(method="GetDocument", fields={**fields, "name": name})
        case "GET", False:
            return _Call(method="ListDocuments", fields=in_collection)
        case "POST", False:
            return _Call(method="CreateDocument", fields=in_collection, body_field="document")
        case "PATCH", True:
            updated = {**fields, "document": {"name": name}}
            return _Call(method="UpdateDocument", fields=updated, body_field="document")
        case "DELETE", True:
            return _Call(method="DeleteDocument", fields={**fields, "name": name})
        case _:
            raise NotFound(f"The emulator has no {request.method} on {name}")


def _split_verb(path: str) -> tuple[str, str]:
    name, _, verb = path.rpartition(":")
    if verb in _ON_DATABASE or verb in _ON_PARENT:
        return unquote(name), verb
    return unquote(path), ""


def _method_name(verb: str) -> str:
    return _NAMES.get(verb, verb[0].upper() + verb[1:])


def _query_fields(request: Request) -> dict[str, Any]:
    """Read `a.b=text` as {"a": {"b": "text"}}; lists and booleans by their names."""
    fields: dict[str, Any] = {}
    query = request.query_params
    for key in query:
        if key in _SYSTEM:
            continue
        *outer, last = key.split(".")
        inner = fields
        for part in outer:
            inner = inner.setdefault(part, {})
        if last in _LISTS:
            inner[last] = query.getlist(key)
        else:
            inner[last] = query[key] == "true" if last in _SWITCHES else query[key]
    return fields


def _merged(form: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the fields of the URL over those of the body; join maps that are in both."""
    merged = dict(form)
    for key, value in fields.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    return merged
