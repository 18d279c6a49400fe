"""The `v0` API that the Firebase SDKs and token URLs speak.

Security rules are not evaluated: who comes as an SDK does, or with any Authorization header, may
read and write. A bare URL needs the object's token, as those do that apps keep in documents.
"""

import uuid
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.resources import described, patched, rfc3339
from emulator.storage.errors import Forbidden
from emulator.storage.http.download import download
from emulator.storage.http.responses import header_integer, json_answer, read_json
from emulator.storage.http.server import PathParameters, Route, route
from emulator.storage.http.service import Backend, page_asked_for
from emulator.storage.objects import TOKENS_KEY, ObjectMetadata, StoredObject
from emulator.storage.uploads import Upload, UploadSession

_IDENTIFYING = ("authorization", "x-firebase-storage-version")
_CHUNK_GRANULARITY = str(256 * 1024)


class FirebaseDialect:
    """The calls of the `v0` API on a store."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store

    def routes(self) -> list[Route]:
        """Returns the routes of this dialect."""
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
        page = page_asked_for(self._store, path["bucket"], request)
        body: dict[str, Any] = {
            "prefixes": list(page.prefixes),
            "items": [{"name": stored.name, "bucket": stored.bucket} for stored in page.objects],
        }
        if page.next_token is not None:
            body["nextPageToken"] = page.next_token
        return json_answer(body)

    async def _get(self, request: Request, path: PathParameters) -> Response:
        stored = self._store.get(path["bucket"], path["name"])
        _check_token(request, stored)
        if request.query_params.get("alt") == "media":
            return await download(request, stored, self._backend.faults)
        if not stored.metadata.tokens:
            stored = self._with_token(stored)
        return json_answer(firebase_resource(stored))

    def _with_token(self, stored: StoredObject) -> StoredObject:
        """Gives an object its first token: `getDownloadURL` makes a URL of any object."""
        return self._store.describe(stored.bucket, stored.name, _tokened(stored.metadata))

    async def _patch(self, request: Request, path: PathParameters) -> Response:
        stored = self._store.get(path["bucket"], path["name"])
        tokens = stored.metadata.custom.get(TOKENS_KEY)
        metadata = patched(stored.metadata, await read_json(request))
        if tokens is not None:
            metadata = replace(metadata, custom={**metadata.custom, TOKENS_KEY: tokens})
        described_object = self._store.describe(path["bucket"], path["name"], metadata)
        return json_answer(firebase_resource(described_object))

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
        receiver = await self._backend.receive(request)
        upload = Upload(bucket=bucket, name=name, metadata=_tokened(metadata))
        return json_answer(firebase_resource(self._backend.admit_and_store(upload, receiver)))

    async def _insert_multipart(self, request: Request, bucket: str, name: str) -> Response:
        head, receiver = await self._backend.receive_multipart(request)
        metadata = patched(ObjectMetadata(content_type=head.content_type), head.description)
        upload = Upload(bucket=bucket, name=name, metadata=_tokened(metadata))
        return json_answer(firebase_resource(self._backend.admit_and_store(upload, receiver)))

    async def _begin_resumable(self, request: Request, bucket: str, name: str) -> Response:
        announced = ObjectMetadata(
            content_type=request.headers.get("x-goog-upload-header-content-type")
        )
        metadata = patched(announced, await read_json(request))
        upload = Upload(bucket=bucket, name=name, metadata=_tokened(metadata))
        self._backend.admit(upload)
        session = self._backend.uploads.begin(upload, self._store.receiver())
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
        session = self._backend.uploads.find(request.query_params["upload_id"])
        commands = request.headers.get("x-goog-upload-command", "").replace(" ", "").split(",")
        if "cancel" in commands:
            self._backend.uploads.cancel(session.identifier)
            return Response(headers={"X-Goog-Upload-Status": "cancelled"})
        if "upload" in commands and session.stored is None:
            offset = header_integer(request, "x-goog-upload-offset")
            position = session.received_bytes if offset is None else offset
            async for piece in request.stream():
                session.accept(piece, position)
                position += len(piece)
        if "finalize" in commands:
            stored = session.stored or self._backend.finish(session)
            return json_answer(firebase_resource(stored), headers=_upload_status(session))
        return Response(headers=_upload_status(session))


def firebase_resource(stored: StoredObject) -> dict[str, Any]:
    """Returns the JSON description of an object in this dialect."""
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
        **described(stored.metadata),
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
