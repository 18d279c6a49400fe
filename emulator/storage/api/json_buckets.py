"""The JSON API's calls about buckets."""

from starlette.requests import Request
from starlette.responses import Response

from emulator.storage.api import json_accepts as accepts
from emulator.storage.api.resources import bucket_resource
from emulator.storage.errors import BadRequest, NotModified, PreconditionFailed
from emulator.storage.http.responses import json_response, query_integer, read_json
from emulator.storage.http.server import PathParameters, Route, route
from emulator.storage.store import ObjectStore

_METAGENERATION = 1  # a bucket's description never changes here


class BucketCalls:
    """The calls on a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def routes(self, buckets: str) -> list[Route]:
        """Return the routes; `buckets` is the path of all buckets."""
        bucket = f"{buckets}/{{bucket}}"
        return [
            route("GET", buckets, self._list, "storage.buckets.list", accepts.LIST_BUCKETS),
            route("POST", buckets, self._create, "storage.buckets.insert", accepts.INSERT_BUCKET),
            route("GET", bucket, self._get, "storage.buckets.get", accepts.GET_BUCKET),
            route("DELETE", bucket, self._delete, "storage.buckets.delete", accepts.DELETE_BUCKET),
        ]

    async def _list(self, request: Request, path: PathParameters) -> Response:
        items = [bucket_resource(bucket) for bucket in self._store.buckets()]
        return json_response({"kind": "storage#buckets", "items": items})

    async def _create(self, request: Request, path: PathParameters) -> Response:
        body = await read_json(request)
        if not body.get("name"):
            raise BadRequest("A bucket needs a name")
        return json_response(bucket_resource(self._store.create_bucket(str(body["name"]))))

    async def _get(self, request: Request, path: PathParameters) -> Response:
        bucket = self._store.bucket(path["bucket"])
        _check(request, reading=True)
        return json_response(bucket_resource(bucket))

    async def _delete(self, request: Request, path: PathParameters) -> Response:
        self._store.bucket(path["bucket"])
        _check(request, reading=False)
        self._store.delete_bucket(path["bucket"])
        return Response(status_code=204)


def _check(request: Request, *, reading: bool) -> None:
    if query_integer(request, "ifMetagenerationMatch") not in (None, _METAGENERATION):
        raise PreconditionFailed
    if query_integer(request, "ifMetagenerationNotMatch") == _METAGENERATION:
        raise NotModified if reading else PreconditionFailed
