"""The XML API, `/BUCKET/OBJECT`: public and signed URLs, and uploads in parts.

Access control is not evaluated: an unsigned request passes. There are no listings.
"""

import time
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.json_requests import base_url
from emulator.storage.api.xml_forms import upload_form
from emulator.storage.api.xml_parts import PartCalls
from emulator.storage.api.xml_requests import (
    conditions,
    error_response,
    metadata_headers,
    requested_upload,
    xml_response,
)
from emulator.storage.errors import BadRequest, NotEmulated, NotModified, StorageError
from emulator.storage.http.download import download
from emulator.storage.http.recognition import Known, check_request, known
from emulator.storage.http.responses import header_integer, query_integer
from emulator.storage.http.server import PathParameters, Route, route
from emulator.storage.http.service import StorageService
from emulator.storage.http.signed_url import check_signature
from emulator.storage.objects import Conditions

_Call = Callable[[Request, PathParameters], Awaitable[Response]]

_SIGNED = (
    "X-Goog-Algorithm X-Goog-Credential X-Goog-Date X-Goog-Expires X-Goog-SignedHeaders "
    "X-Goog-Signature GoogleAccessId Expires Signature"
)
_CONDITIONS = "if-generation-match if-metageneration-match"
_SIGNING = "date content-sha256"
_OBJECT = f"{_CONDITIONS} {_SIGNING} hash storage-class custom-time"
_COPY = (
    "copy-source copy-source-generation copy-source-if-generation-match "
    "copy-source-if-metageneration-match metadata-directive"
)
_GET = known(
    f"{_SIGNED} generation response-content-type response-content-disposition",
    headers=f"{_CONDITIONS} {_SIGNING}",
    refusal=NotEmulated,
)
_PUT = known(
    f"{_SIGNED} partNumber uploadId",
    headers=f"{_OBJECT} {_COPY}",
    prefixes="meta-",
    refusal=NotEmulated,
)
_POST = known(
    f"{_SIGNED} uploads uploadId",
    headers=f"{_OBJECT} resumable",
    prefixes="meta-",
    refusal=NotEmulated,
)
_DELETE = known(
    f"{_SIGNED} generation uploadId", headers=f"{_CONDITIONS} {_SIGNING}", refusal=NotEmulated
)
_FORM = known(refusal=NotEmulated)
# A bucket may be named "storage" or "upload", an object in it may not look like a call of an API.
_OTHER_APIS = "(?!/(?:storage/v1|upload|resumable|download|batch|v0|b)(?:/|$))"


class XmlApi:
    """The calls on a store."""

    def __init__(self, service: StorageService) -> None:
        self._service = service
        self._store = service.store
        self._parts = PartCalls(service)

    def routes(self) -> list[Route]:
        """Return the routes; they match every path that is no other API's, so they come last."""
        one = f"{_OTHER_APIS}/{{bucket}}/(?P<name>.+)"
        bucket = f"{_OTHER_APIS}/{{bucket}}/?"
        return [
            self._route("GET", one, self._get, "storage.xml.get", _GET),
            self._route("HEAD", one, self._get, "storage.xml.get", _GET),
            self._route("PUT", one, self._put, "storage.xml.put", _PUT),
            self._route("POST", one, self._post, "storage.xml.post", _POST),
            self._route("DELETE", one, self._delete, "storage.xml.delete", _DELETE),
            self._route("POST", bucket, self._form, "storage.xml.form", _FORM),
        ]

    def _route(self, method: str, path: str, call: _Call, counted: str, accepted: Known) -> Route:
        """Make a route that checks request and signature first, and returns errors in XML."""

        async def respond(request: Request, path: PathParameters) -> Response:
            try:
                check_signature(request.query_params, request.headers, time.time())
                check_request(request, method, accepted)
                return await call(request, path)
            except NotModified:
                raise
            except StorageError as error:
                return error_response(error)

        return route(method, path, respond, counted, accepted=None)

    async def _get(self, request: Request, path: PathParameters) -> Response:
        generation = query_integer(request, "generation")
        stored = self._store.get(path["bucket"], path["name"], conditions(request), generation)
        response = await download(request, stored, self._service.faults)
        for name in ("content-type", "content-disposition"):
            wanted = request.query_params.get(f"response-{name}")
            if wanted is not None:
                response.headers[name] = wanted
        return response

    async def _put(self, request: Request, path: PathParameters) -> Response:
        if "partNumber" in request.query_params or "uploadId" in request.query_params:
            return await self._parts.put(request)
        if "x-goog-copy-source" in request.headers:
            return await self._copy(request, path)
        _refuse_copy_headers(request)
        receiver = await self._service.receive(request)
        stored = self._service.check_and_store(requested_upload(request, path), receiver)
        return Response(headers=metadata_headers(stored))

    async def _copy(self, request: Request, path: PathParameters) -> Response:
        bucket, _, name = unquote(request.headers["x-goog-copy-source"]).lstrip("/").partition("/")
        directive = request.headers.get("x-goog-metadata-directive", "COPY").upper()
        if directive not in ("COPY", "REPLACE"):
            raise BadRequest(f'x-goog-metadata-directive is "{directive}"; accepted: COPY, REPLACE')
        if await request.body():
            raise BadRequest("A request with x-goog-copy-source has no body")
        source = self._store.get(
            bucket,
            name,
            Conditions(
                generation_match=header_integer(request, "x-goog-copy-source-if-generation-match"),
                metageneration_match=header_integer(
                    request, "x-goog-copy-source-if-metageneration-match"
                ),
            ),
            header_integer(request, "x-goog-copy-source-generation"),
        )
        upload = requested_upload(request, path)
        stored = self._store.copy(
            source,
            upload.bucket,
            upload.name,
            upload.metadata if directive == "REPLACE" else None,
            upload.conditions,
        )
        body = f"<ETag>&quot;{stored.etag}&quot;</ETag>"
        return xml_response("CopyObjectResult", body, metadata_headers(stored))

    async def _post(self, request: Request, path: PathParameters) -> Response:
        if "uploads" in request.query_params:
            return await self._parts.begin(request, path)
        if "uploadId" in request.query_params:
            return await self._parts.complete(request, path)
        if request.headers.get("x-goog-resumable") != "start":
            raise BadRequest("POST accepts x-goog-resumable: start, which begins an upload")
        upload = requested_upload(request, path)
        self._service.check_upload(upload)
        session = self._service.uploads.begin(upload, self._store.receiver())
        target = f"{base_url(request)}/upload/storage/v1/b/{path['bucket']}/o"
        location = f"{target}?uploadType=resumable&upload_id={session.identifier}"
        return Response(status_code=201, headers={"Location": location})

    async def _form(self, request: Request, path: PathParameters) -> Response:
        return await upload_form(self._service, request, path)

    async def _delete(self, request: Request, path: PathParameters) -> Response:
        if "uploadId" in request.query_params:
            return self._parts.cancel(request)
        generation = query_integer(request, "generation")
        self._store.delete(path["bucket"], path["name"], conditions(request), generation)
        return Response(status_code=204)


def _refuse_copy_headers(request: Request) -> None:
    for name in request.headers:
        if name.startswith("x-goog-copy-") or name == "x-goog-metadata-directive":
            raise BadRequest(f"{name} is accepted with x-goog-copy-source alone")
