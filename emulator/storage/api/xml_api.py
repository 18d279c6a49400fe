"""The XML API, `/BUCKET/OBJECT`: used by public and signed URLs.

Access control is not evaluated: an unsigned request passes. There are no listings.
"""

import time
from collections.abc import Awaitable, Callable
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.json_requests import base_url
from emulator.storage.errors import BadRequest, NotModified, RangeNotSatisfiable, StorageError
from emulator.storage.http.download import download
from emulator.storage.http.responses import header_integer, query_integer
from emulator.storage.http.server import PathParameters, Route, route
from emulator.storage.http.service import StorageService
from emulator.storage.http.signed_url import check_signature
from emulator.storage.objects import Conditions, ObjectMetadata, StoredObject
from emulator.storage.uploads import Upload

_META = "x-goog-meta-"
_Call = Callable[[Request, PathParameters], Awaitable[Response]]


class XmlApi:
    """The calls on a store."""

    def __init__(self, service: StorageService) -> None:
        self._service = service
        self._store = service.store

    def routes(self) -> list[Route]:
        """Return the routes; they match nearly every path, so they come last."""
        one = "/{bucket}/(?P<name>.+)"
        return [
            route("GET", one, self._checked(self._get), "storage.xml.get"),
            route("HEAD", one, self._checked(self._get), "storage.xml.get"),
            route("PUT", one, self._checked(self._put), "storage.xml.put"),
            route("POST", one, self._checked(self._begin), "storage.xml.post"),
            route("DELETE", one, self._checked(self._delete), "storage.xml.delete"),
        ]

    def _checked(self, call: _Call) -> _Call:
        """Check the signature first; return errors in XML."""

        async def respond(request: Request, path: PathParameters) -> Response:
            try:
                check_signature(request.query_params, request.headers, time.time())
                return await call(request, path)
            except NotModified:
                raise
            except StorageError as error:
                return _error_response(error)

        return respond

    async def _get(self, request: Request, path: PathParameters) -> Response:
        generation = query_integer(request, "generation")
        stored = self._store.get(path["bucket"], path["name"], _conditions(request), generation)
        return await download(request, stored, self._service.faults)

    async def _put(self, request: Request, path: PathParameters) -> Response:
        receiver = await self._service.receive(request)
        stored = self._service.check_and_store(_upload(request, path), receiver)
        return Response(headers=_metadata_headers(stored))

    async def _begin(self, request: Request, path: PathParameters) -> Response:
        if request.headers.get("x-goog-resumable") != "start":
            raise BadRequest("POST accepts x-goog-resumable: start, which begins an upload")
        upload = _upload(request, path)
        self._service.check_upload(upload)
        session = self._service.uploads.begin(upload, self._store.receiver())
        target = f"{base_url(request)}/upload/storage/v1/b/{path['bucket']}/o"
        location = f"{target}?uploadType=resumable&upload_id={session.identifier}"
        return Response(status_code=201, headers={"Location": location})

    async def _delete(self, request: Request, path: PathParameters) -> Response:
        generation = query_integer(request, "generation")
        self._store.delete(path["bucket"], path["name"], _conditions(request), generation)
        return Response(status_code=204)


def _upload(request: Request, path: PathParameters) -> Upload:
    headers = request.headers
    custom = {
        name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)
    }
    digests = dict(entry.strip().partition("=")[::2] for entry in headers.getlist("x-goog-hash"))
    announced = {"md5Hash": headers.get("content-md5") or digests.get("md5", "")}
    announced["crc32c"] = digests.get("crc32c", "")
    return Upload(
        bucket=path["bucket"],
        name=path["name"],
        metadata=ObjectMetadata(
            content_type=headers.get("content-type"),
            cache_control=headers.get("cache-control"),
            content_disposition=headers.get("content-disposition"),
            content_encoding=headers.get("content-encoding"),
            content_language=headers.get("content-language"),
            custom=custom,
        ),
        conditions=_conditions(request),
        digests=announced,
    )


def _conditions(request: Request) -> Conditions:
    return Conditions(
        generation_match=header_integer(request, "x-goog-if-generation-match"),
        metageneration_match=header_integer(request, "x-goog-if-metageneration-match"),
    )


def _metadata_headers(stored: StoredObject) -> dict[str, str]:
    return {
        "ETag": f'"{stored.etag}"',
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Hash": f"crc32c={stored.content.crc32c},md5={stored.content.md5}",
    }


def _error_response(error: StorageError) -> Response:
    headers = {}
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    body = (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{type(error).xml_code}</Code><Message>{escape(str(error))}</Message></Error>"
    )
    return Response(body, error.status, headers, media_type="application/xml")
