"""The `v0` API of the Firebase SDKs and of token URLs.

Security rules are not evaluated: requests of an SDK, or with any Authorization header, may read and
write. A plain URL needs the object's token, as the URLs that apps keep in documents have it.
"""

import uuid
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.resources import merge_metadata, metadata_fields, rfc3339
from emulator.storage.errors import Forbidden
from emulator.storage.http.download import download
from emulator.storage.http.responses import header_integer, json_response, read_json
from emulator.storage.http.server import PathParameters, Route, route
from emulator.storage.http.service import StorageService, requested_page
from emulator.storage.objects import TOKENS_KEY, ObjectMetadata, StoredObject
from emulator.storage.uploads import Upload, UploadSession

_IDENTIFYING = ("authorization", "x-firebase-storage-version")
_CHUNK_GRANULARITY = str(256 * 1024)


class FirebaseApi:
    """The calls of the `v0` API on a store."""

    def __init__(self, service: StorageService) -> None:
        self._service = service
        self._store = service.store

    def routes(self) -> list[Route]:
        """Return the routes."""
        objects = "/v0/b/{bucket}/o"
        one = f"{objects}/{{name}}"
        return [
            route("GET", objects, self._list, "firebase.objects.list"),
            route("POST", objects, self._upload, "firebase.objects.insert"),
            route("GET", one, self._get, "firebase.objects.get"),
            route("HEAD", one, self._get, "firebase.objects.get"),
            route("POST", one, self._upload, "firebase.objects.insert"),
            route("PUT", one, self._upload, "firebase.objects.insert"),
            route("PATCH", one, self._patch, "firebase.objects.patch"),
            route("DELETE", one, self._delete, "firebase.objects.delete"),
        ]

    async def _list(self, request: Request, path: PathParameters) -> Response:
        page = requested_page(self._store, path["bucket"], request)
        body: dict[str, Any] = {
            "prefixes": list(page.prefixes),
            "items": [{"name": stored.name, "bucket": stored.bucket} for stored in page.objects],
        }
        if page.next_token is not None:
            body["nextPageToken"] = page.next_token
        return json_response(body)

    async def _get(self, request: Request, path: PathParameters) -> Response:
        stored = self._store.get(path["bucket"], path["name"])
        _check_token(request, stored)
        if request.query_params.get("alt") == "media":
            return await download(request, stored, self._service.faults)
        if not stored.metadata.tokens:
            stored = self._with_token(stored)
        return json_response(firebase_resource(stored))

    def _with_token(self, stored: StoredObject) -> StoredObject:
        """Add a first token to an object: `getDownloadURL` works on any object."""
        return self._store.update_metadata(stored.bucket, stored.name, _tokened(stored.metadata))

    async def _patch(self, request: Request, path: PathParameters) -> Response:
        stored = self._store.get(path["bucket"], path["name"])
        tokens = stored.metadata.custom.get(TOKENS_KEY)
        metadata = merge_metadata(stored.metadata, await read_json(request))
        if tokens is not None:
            metadata = replace(metadata, custom={**metadata.custom, TOKENS_KEY: tokens})
        updated = self._store.update_metadata(path["bucket"], path["name"], metadata)
        return json_response(firebase_resource(updated))

    async def _delete(self, request: Request, path: PathParameters) -> Response:
        self._store.delete(path["bucket"], path["name"])
        return Response(status_code=204)

    async def _upload(self, request: Request, path: PathParameters) -> Response:
        name = path.get("name") or request.query_params.get("name", "")
        protocol = request.headers.get("x-goog-upload-protocol", "")
        if "upload_id" in request.query_params:
            return await self._continue(request)
        if protocol == "resumable":
            return await self._begin_resumable(request, path["bucket"], name)
        if protocol == "multipart":
            return await self._insert_multipart(request, path["bucket"], name)
        return await self._insert_media(request, path["bucket"], name)

    async def _insert_media(self, request: Request, bucket: str, name: str) -> Response:
        metadata = ObjectMetadata(content_type=request.headers.get("content-type"))
        receiver = await self._service.receive(request)
        upload = Upload(bucket=bucket, name=name, metadata=_tokened(metadata))
        return json_response(firebase_resource(self._service.check_and_store(upload, receiver)))

    async def _insert_multipart(self, request: Request, bucket: str, name: str) -> Response:
        head, receiver = await self._service.receive_multipart(request)
        metadata = merge_metadata(ObjectMetadata(content_type=head.content_type), head.metadata)
        upload = Upload(bucket=bucket, name=name, metadata=_tokened(metadata))
        return json_response(firebase_resource(self._service.check_and_store(upload, receiver)))

    async def _begin_resumable(self, request: Request, bucket: str, name: str) -> Response:
        announced = ObjectMetadata(
            content_type=request.headers.get("x-goog-upload-header-content-type")
        )
        metadata = merge_metadata(announced, await read_json(request))
        upload = Upload(bucket=bucket, name=name, metadata=_tokened(metadata))
        self._service.check_upload(upload)
        session = self._service.uploads.begin(upload, self._store.receiver())
        url = str(request.url.include_query_params(name=name, upload_id=session.identifier))
        return Response(
            headers={
                **_upload_status(session),
                "X-Goog-Upload-URL": url,
                "X-Goog-Upload-Control-URL": url,
                "X-Goog-Upload-Chunk-Granularity": _CHUNK_GRANULARITY,
            }
        )

    async def _continue(self, request: Request) -> Response:
        session = self._service.uploads.find(request.query_params["upload_id"])
        commands = request.headers.get("x-goog-upload-command", "").replace(" ", "").split(",")
        if "cancel" in commands:
            self._service.uploads.cancel(session.identifier)
            return Response(headers={"X-Goog-Upload-Status": "cancelled"})
        if "upload" in commands and session.stored is None:
            offset = header_integer(request, "x-goog-upload-offset")
            await session.receive(request.stream(), offset)
        if "finalize" in commands:
            stored = session.stored or self._service.finish(session)
            return json_response(firebase_resource(stored), headers=_upload_status(session))
        return Response(headers=_upload_status(session))


def firebase_resource(stored: StoredObject) -> dict[str, Any]:
    """Return the JSON resource of an object in this API."""
    custom = {key: value for key, value in stored.metadata.custom.items() if key != TOKENS_KEY}
    resource: dict[str, Any] = {
        "name": stored.name,
        "bucket": stored.bucket,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "timeCreated": rfc3339(stored.created),
        "updated": rfc3339(stored.updated),
        "storageClass": "STANDARD",
        "size": str(stored.content.size_bytes),
        "md5Hash": stored.content.md5,
        "crc32c": stored.content.crc32c,
        "etag": stored.etag,
        "downloadTokens": ",".join(stored.metadata.tokens),
        "contentDisposition": "inline",
        **metadata_fields(stored.metadata),
    }
    if custom:
        resource["metadata"] = custom
    return resource


def _tokened(metadata: ObjectMetadata) -> ObjectMetadata:
    if metadata.tokens:
        return metadata
    return replace(metadata, custom={**metadata.custom, TOKENS_KEY: str(uuid.uuid4())})


def _check_token(request: Request, stored: StoredObject) -> None:
    token = request.query_params.get("token")
    if token is not None and token not in stored.metadata.tokens:
        raise Forbidden("Permission denied.")
    media = request.query_params.get("alt") == "media"
    if media and token is None and not any(name in request.headers for name in _IDENTIFYING):
        raise Forbidden("Permission denied.")


def _upload_status(session: UploadSession) -> dict[str, str]:
    return {
        "X-Goog-Upload-Status": "active" if session.stored is None else "final",
        "X-Goog-Upload-Size-Received": str(session.received_bytes),
    }
