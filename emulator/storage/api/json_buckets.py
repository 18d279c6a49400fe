"""The JSON API's calls about buckets. Settings are kept and told; they change nothing here."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api import json_accepts as accepts
from emulator.storage.api.properties import BUCKET_KEPT, check_bucket, merged
from emulator.storage.api.resources import bucket_resource, storage_layout
from emulator.storage.errors import BadRequest, NotModified, PreconditionFailed
from emulator.storage.http.recognition import Known
from emulator.storage.http.responses import json_response, query_integer, read_json
from emulator.storage.http.server import Handler, PathParameters, Route, route
from emulator.storage.store import Bucket, ObjectStore

_MAX_PAGE = 1000


class BucketCalls:
    """The calls on a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def routes(self, buckets: str) -> list[Route]:
        """Return the routes; `buckets` is the path of all buckets."""
        bucket = f"{buckets}/{{bucket}}"

        def made(method: str, path: str, call: Handler, name: str, accepted: Known) -> Route:
            return route(method, path, call, f"storage.buckets.{name}", accepted)

        return [
            made("GET", buckets, self._list, "list", accepts.LIST_BUCKETS),
            made("POST", buckets, self._create, "insert", accepts.INSERT_BUCKET),
            made("GET", bucket, self._get, "get", accepts.GET_BUCKET),
            made("PATCH", bucket, self._patch, "patch", accepts.UPDATE_BUCKET),
            made("PUT", bucket, self._update, "update", accepts.UPDATE_BUCKET),
            made("DELETE", bucket, self._delete, "delete", accepts.DELETE_BUCKET),
            made("GET", f"{bucket}/storageLayout", self._layout, "layout", accepts.LAYOUT),
        ]

    async def _list(self, request: Request, path: PathParameters) -> Response:
        query = request.query_params
        limit = min(query_integer(request, "maxResults") or _MAX_PAGE, _MAX_PAGE)
        after = query.get("pageToken", "")
        found = [
            bucket
            for bucket in self._store.buckets()
            if bucket.name.startswith(query.get("prefix", "")) and bucket.name > after
        ]
        items = [bucket_resource(bucket) for bucket in found[:limit]]
        body: dict[str, Any] = {"kind": "storage#buckets", "items": items}
        if len(found) > limit:
            body["nextPageToken"] = found[limit - 1].name
        return json_response(body)

    async def _create(self, request: Request, path: PathParameters) -> Response:
        body = await read_json(request)
        if not body.get("name"):
            raise BadRequest("A bucket needs a name")
        check_bucket(body)
        created = self._store.create_bucket(str(body["name"]), _settings(body))
        return json_response(bucket_resource(created))

    async def _get(self, request: Request, path: PathParameters) -> Response:
        return json_response(bucket_resource(self._found(request, path, reading=True)))

    async def _layout(self, request: Request, path: PathParameters) -> Response:
        return json_response(storage_layout(self._store.bucket(path["bucket"])))

    async def _patch(self, request: Request, path: PathParameters) -> Response:
        bucket = self._found(request, path)
        return await self._changed(request, bucket, bucket.settings)

    async def _update(self, request: Request, path: PathParameters) -> Response:
        bucket = self._found(request, path)
        kept = {name: value for name, value in bucket.settings.items() if name == "location"}
        return await self._changed(request, bucket, kept)

    async def _changed(self, request: Request, bucket: Bucket, settings: Any) -> Response:
        body = await read_json(request)
        check_bucket(body)
        present = bucket_resource(bucket)["location"]
        if str(body.get("location", present)).upper() != present:
            raise BadRequest(f"The location of a bucket cannot be changed; it is {present}")
        updated = self._store.update_bucket(bucket.name, merged(settings, _settings(body)))
        return json_response(bucket_resource(updated))

    async def _delete(self, request: Request, path: PathParameters) -> Response:
        self._found(request, path)
        self._store.delete_bucket(path["bucket"])
        return Response(status_code=204)

    def _found(self, request: Request, path: PathParameters, *, reading: bool = False) -> Bucket:
        bucket = self._store.bucket(path["bucket"])
        present = bucket.metageneration
        if query_integer(request, "ifMetagenerationMatch") not in (None, present):
            raise PreconditionFailed
        if query_integer(request, "ifMetagenerationNotMatch") == present:
            raise NotModified if reading else PreconditionFailed
        return bucket


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name in BUCKET_KEPT}
