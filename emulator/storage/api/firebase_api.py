"""The `v0` API of the Firebase SDKs and of token URLs.

Security rules are not evaluated: requests of an SDK, or with any Authorization header, may read and
write. A plain URL needs the object's token, as the URLs that apps keep in documents have it.
"""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api.resources import merge_metadata, metadata_fields, rfc3339
from emulator.storage.errors import BadRequest, Forbidden
from emulator.storage.http.download import download
from emulator.storage.http.recognition import known
from emulator.storage.http.responses import header_integer, json_response, query_integer, read_json
from emulator.storage.http.server import PathParameters, Route, route
from emulator.storage.http.service import StorageService, requested_page
from emulator.storage.objects import TOKENS_KEY, ObjectMetadata, StoredObject
from emulator.storage.uploads import Upload, UploadSession

_IDENTIFYING = ("authorization", "x-firebase-storage-version")
_CHUNK_GRANULARITY = str(256 * 1024)
_PROTOCOLS = ("raw", "multipart", "resumable")
_COMMANDS = ("start", "upload", "query", "finalize", "cancel")
_LIST = known("alt=json prefix delimiter maxResults pageToken")
_GET = known("alt=json|media token generation")
_ONE = known("alt=json")
_UPLOAD_HEADERS = (
    "hash upload-protocol upload-command upload-offset upload-file-name upload-content-type "
    "upload-content-length upload-header-content-type upload-header-content-length"
)
_UPLOAD_QUERY = "alt=json name uploadType=media|multipart|resumable upload_id upload_protocol"
_UPLOAD = known(_UPLOAD_QUERY, headers=_UPLOAD_HEADERS)
_POST = known(f"{_UPLOAD_QUERY} create_token=true delete_token", headers=_UPLOAD_HEADERS)


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
            route("GET", objects, self._list, "firebase.objects.list", _LIST),
            route("POST", objects, self._upload, "firebase.objects.insert", _UPLOAD),
            route("PUT", objects, self._continue, "firebase.objects.insert", _UPLOAD),
            route("GET", one, self._get, "firebase.objects.get", _GET),
            route("HEAD", one, self._get, "firebase.objects.get", _GET),
            route("POST", one, self._post, "firebase.objects.insert", _POST),
            route("PUT", one, self._continue, "firebase.objects.insert", _UPLOAD),
            route("PATCH", one, self._patch, "firebase.objects.patch", _ONE),
            route("DELETE", one, self._delete, "firebase.objects.delete", _ONE),
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
        generation = query_integer(request, "generation")
        stored = self._store.get(path["bucket"], path["name"], generation=generation)
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

    async def _post(self, request: Request, path: PathParameters) -> Response:
        changes = [name for name in _TOKEN_CHANGES if name in request.query_params]
        if not changes:
            return await self._upload(request, path)
        if len(changes) > 1 or await request.body():
            raise BadRequest("create_token and delete_token are accepted alone, without a body")
        stored = self._store.get(path["bucket"], path["name"])
        metadata = _TOKEN_CHANGES[changes[0]](stored.metadata, request.query_params[changes[0]])
        updated = self._store.update_metadata(stored.bucket, stored.name, metadata)
        return json_response(firebase_resource(updated))

    async def _upload(self, request: Request, path: PathParameters) -> Response:
        if "upload_id" in request.query_params:
            return await self._continue(request, path)
        name = path.get("name") or request.query_params.get("name", "")
        protocol = request.headers.get("x-goog-upload-protocol", "raw")
        if protocol not in _PROTOCOLS:
            raise BadRequest(
                f'X-Goog-Upload-Protocol is "{protocol}"; accepted: {", ".join(_PROTOCOLS)}'
            )
        if protocol == "resumable":
            return await self._begin_resumable(request, path["bucket"], name)
        if "x-goog-upload-command" in request.headers:
            raise BadRequest("X-Goog-Upload-Command is accepted in resumable uploads alone")
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
        name = name or str(head.metadata.get("name", ""))
        upload = Upload(bucket=bucket, name=name, metadata=_tokened(metadata))
        return json_response(firebase_resource(self._service.check_and_store(upload, receiver)))

    async def _begin_resumable(self, request: Request, bucket: str, name: str) -> Response:
        announced = ObjectMetadata(
            content_type=request.headers.get("x-goog-upload-header-content-type")
        )
        commands = _commands(request, {"start"}, {"start", "upload", "finalize"})
        body = await read_json(request) if len(commands) == 1 else {}
        name = name or str(body.get("name", ""))
        metadata = merge_metadata(announced, body)
        upload = Upload(bucket=bucket, name=name, metadata=_tokened(metadata))
        self._service.check_upload(upload)
        session = self._service.uploads.begin(upload, self._store.receiver())
        if len(commands) > 1:
            await session.receive(request.stream(), 0)
            stored = self._service.finish(session)
            return json_response(firebase_resource(stored), headers=_upload_status(session))
        url = str(request.url.include_query_params(name=name, upload_id=session.identifier))
        return Response(
            headers={
                **_upload_status(session),
                "X-Goog-Upload-URL": url,
                "X-Goog-Upload-Control-URL": url,
                "X-Goog-Upload-Chunk-Granularity": _CHUNK_GRANULARITY,
            }
        )

    async def _continue(self, request: Request, path: PathParameters) -> Response:
        session = self._service.uploads.find(request.query_params.get("upload_id", ""))
        commands = _commands(
            request, {"upload"}, {"upload", "finalize"}, {"finalize"}, {"query"}, {"cancel"}
        )
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


def _commands(request: Request, *accepted: set[str]) -> set[str]:
    text = request.headers.get("x-goog-upload-command", "")
    commands = set(text.replace(" ", "").split(","))
    if commands not in accepted:
        shown = '", "'.join(", ".join(sorted(one, key=_COMMANDS.index)) for one in accepted)
        raise BadRequest(f'X-Goog-Upload-Command is "{text}"; accepted here: "{shown}"')
    return commands


def _with_tokens(metadata: ObjectMetadata, tokens: Iterable[str]) -> ObjectMetadata:
    return replace(metadata, custom={**metadata.custom, TOKENS_KEY: ",".join(tokens)})


def _token_added(metadata: ObjectMetadata, _: str) -> ObjectMetadata:
    return _with_tokens(metadata, (*metadata.tokens, str(uuid.uuid4())))


def _token_removed(metadata: ObjectMetadata, token: str) -> ObjectMetadata:
    """Return metadata without a token; an object keeps at least one, so that it has a URL."""
    kept = tuple(one for one in metadata.tokens if one != token)
    return _with_tokens(metadata, kept or (str(uuid.uuid4()),))


_TOKEN_CHANGES = {"create_token": _token_added, "delete_token": _token_removed}


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
