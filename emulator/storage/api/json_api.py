"""The JSON API of Cloud Storage, as the Google client libraries speak it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api import json_accepts as accepts
from emulator.storage.api.json_buckets import BucketCalls
from emulator.storage.api.json_copies import CopyCalls
from emulator.storage.api.json_requests import base_url, conditions, object_response
from emulator.storage.api.resources import merge_metadata, object_resource
from emulator.storage.errors import BadRequest
from emulator.storage.http.download import download
from emulator.storage.http.ranges import Chunk, parse_content_range
from emulator.storage.http.responses import json_response, query_integer, read_json
from emulator.storage.http.server import PathParameters, Route, route
from emulator.storage.http.service import StorageService, requested_page
from emulator.storage.objects import ObjectMetadata, StoredObject
from emulator.storage.uploads import Upload, UploadSession

_DIGESTS = ("md5Hash", "crc32c")
_RESUME_INCOMPLETE = 308
_CLIENT_CLOSED = 499


class JsonApi:
    """The calls of the JSON API on a store."""

    def __init__(self, service: StorageService) -> None:
        self._service = service
        self._store = service.store

    def routes(self) -> list[Route]:
        """Return the routes."""
        buckets = "(?:/storage/v1)?/b"  # Node's client leaves the prefix out for an emulator
        objects, one = f"{buckets}/{{bucket}}/o", f"{buckets}/{{bucket}}/o/{{name}}"
        upload = f"(?:/resumable)?/upload{objects}"  # gcloud and gsutil add a prefix
        return [
            *BucketCalls(self._store).routes(buckets),
            *CopyCalls(self._store).routes(one),
            route("GET", objects, self._list, "storage.objects.list", accepts.LIST),
            route("GET", one, self._get, "storage.objects.get", accepts.GET),
            route("PATCH", one, self._patch, "storage.objects.patch", accepts.UPDATE),
            route("PUT", one, self._update, "storage.objects.update", accepts.UPDATE),
            route("DELETE", one, self._delete, "storage.objects.delete", accepts.DELETE),
            route(
                "GET", f"/download{one}", self._download, "storage.objects.download", accepts.GET
            ),
            route("POST", upload, self._insert, "storage.objects.insert", accepts.INSERT),
            route("PUT", upload, self._continue, "storage.objects.insert.continue", accepts.INSERT),
            route("DELETE", upload, self._cancel, "storage.objects.insert.cancel", accepts.INSERT),
        ]

    async def _list(self, request: Request, path: PathParameters) -> Response:
        page = requested_page(self._store, path["bucket"], request)
        body: dict[str, Any] = {"kind": "storage#objects"}
        if page.objects:
            body["items"] = [object_resource(base_url(request), stored) for stored in page.objects]
        if page.prefixes:
            body["prefixes"] = list(page.prefixes)
        if page.next_token is not None:
            body["nextPageToken"] = page.next_token
        return json_response(body)

    def _find(self, request: Request, path: PathParameters) -> StoredObject:
        return self._store.get(
            path["bucket"], path["name"], conditions(request), query_integer(request, "generation")
        )

    async def _get(self, request: Request, path: PathParameters) -> Response:
        stored = self._find(request, path)
        if request.query_params.get("alt") == "media":
            return await download(request, stored, self._service.faults)
        return object_response(request, stored)

    async def _download(self, request: Request, path: PathParameters) -> Response:
        return await download(request, self._find(request, path), self._service.faults)

    async def _patch(self, request: Request, path: PathParameters) -> Response:
        stored = self._store.get(path["bucket"], path["name"])
        metadata = merge_metadata(stored.metadata, await read_json(request))
        return self._update_metadata(request, path, metadata)

    async def _update(self, request: Request, path: PathParameters) -> Response:
        metadata = merge_metadata(ObjectMetadata(), await read_json(request))
        return self._update_metadata(request, path, metadata)

    def _update_metadata(
        self, request: Request, path: PathParameters, metadata: ObjectMetadata
    ) -> Response:
        stored = self._store.update_metadata(
            path["bucket"],
            path["name"],
            metadata,
            conditions(request),
            query_integer(request, "generation"),
        )
        return object_response(request, stored)

    async def _delete(self, request: Request, path: PathParameters) -> Response:
        self._store.delete(
            path["bucket"], path["name"], conditions(request), query_integer(request, "generation")
        )
        return Response(status_code=204)

    async def _insert(self, request: Request, path: PathParameters) -> Response:
        if "upload_id" in request.query_params:
            return await self._continue(request, path)  # fsspec's client sends pieces by POST
        match request.query_params.get("uploadType"):
            case "media":
                return await self._insert_media(request, path)
            case "multipart":
                return await self._insert_multipart(request, path)
            case "resumable":
                return await self._begin_resumable(request, path)
            case other:
                raise BadRequest(
                    f'uploadType is "{other}"; accepted: "media", "multipart", "resumable"'
                )

    async def _insert_media(self, request: Request, path: PathParameters) -> Response:
        upload = Upload(
            bucket=path["bucket"],
            name=request.query_params.get("name", ""),
            metadata=ObjectMetadata(
                content_type=request.headers.get("content-type"),
                content_encoding=request.query_params.get("contentEncoding"),
            ),
            conditions=conditions(request),
            digests=_hash_header(request),
        )
        receiver = await self._service.receive(request)
        stored = self._service.check_and_store(upload, receiver)
        return object_response(request, stored)

    async def _insert_multipart(self, request: Request, path: PathParameters) -> Response:
        head, receiver = await self._service.receive_multipart(request)
        announced = ObjectMetadata(content_type=head.content_type)
        upload = _upload(request, path, head.metadata, announced)
        stored = self._service.check_and_store(upload, receiver)
        return object_response(request, stored)

    async def _begin_resumable(self, request: Request, path: PathParameters) -> Response:
        announced = ObjectMetadata(content_type=request.headers.get("x-upload-content-type"))
        upload = _upload(request, path, await read_json(request), announced)
        self._service.check_upload(upload)
        session = self._service.uploads.begin(upload, self._store.receiver())
        location = request.url.include_query_params(upload_id=session.identifier)
        return Response(
            headers={"Location": str(location), "X-GUploader-UploadID": session.identifier}
        )

    async def _continue(self, request: Request, path: PathParameters) -> Response:
        session = self._service.uploads.find(request.query_params.get("upload_id", ""))
        chunk = _chunk(request)
        if session.stored is not None:
            return object_response(request, session.stored)
        await session.receive(request.stream(), chunk.start)
        session.announce(_hash_header(request))
        if chunk.ends or session.received_bytes == chunk.total:
            return object_response(request, self._service.finish(session))
        return _incomplete(session)

    async def _cancel(self, request: Request, path: PathParameters) -> Response:
        self._service.uploads.cancel(request.query_params.get("upload_id", ""))
        return Response(status_code=_CLIENT_CLOSED)


def _upload(
    request: Request, path: PathParameters, body: dict[str, Any], announced: ObjectMetadata
) -> Upload:
    if "contentEncoding" in request.query_params:
        body = {**body, "contentEncoding": request.query_params["contentEncoding"]}
    return Upload(
        bucket=path["bucket"],
        name=request.query_params.get("name") or str(body.get("name", "")),
        metadata=merge_metadata(announced, body),
        conditions=conditions(request),
        digests={kind: str(body[kind]) for kind in _DIGESTS if body.get(kind)},
    )


def _hash_header(request: Request) -> dict[str, str]:
    names = {"md5": "md5Hash", "crc32c": "crc32c"}
    entries = [
        entry.strip().partition("=") for entry in request.headers.get("x-goog-hash", "").split(",")
    ]
    return {names[kind]: digest for kind, _, digest in entries if kind in names}


def _chunk(request: Request) -> Chunk:
    header = request.headers.get("content-range")
    if header is not None:
        return parse_content_range(header)
    length = int(request.headers.get("content-length", "0"))  # the whole upload at once
    return Chunk(start=0, total=length)


def _incomplete(session: UploadSession) -> Response:
    headers = {"X-GUploader-UploadID": session.identifier}
    if session.received_bytes:
        headers["Range"] = f"bytes=0-{session.received_bytes - 1}"
    return Response(status_code=_RESUME_INCOMPLETE, headers=headers)
