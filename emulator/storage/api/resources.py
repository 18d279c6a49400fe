"""JSON resources of objects and buckets, and metadata from JSON. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from emulator.storage.errors import BadRequest
from emulator.storage.objects import ObjectMetadata, StoredObject
from emulator.storage.store import Bucket

_FIELDS = {
    "contentType": "content_type",
    "cacheControl": "cache_control",
    "contentDisposition": "content_disposition",
    "contentEncoding": "content_encoding",
    "contentLanguage": "content_language",
}


def object_resource(base: str, stored: StoredObject) -> dict[str, Any]:
    """Return the JSON resource of an object; `base` is the server's URL without a path."""
    path = f"/storage/v1/b/{stored.bucket}/o/{quote(stored.name, safe='')}"
    updated, created = rfc3339(stored.updated), rfc3339(stored.created)
    resource: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
        "selfLink": f"{base}{path}",
        "mediaLink": f"{base}/download{path}?generation={stored.generation}&alt=media",
        "name": stored.name,
        "bucket": stored.bucket,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "storageClass": "STANDARD",
        "size": str(stored.content.size_bytes),
        "md5Hash": stored.content.md5,
        "crc32c": stored.content.crc32c,
        "etag": stored.etag,
        "timeCreated": created,
        "updated": updated,
        "timeStorageClassUpdated": created,
        **metadata_fields(stored.metadata),
    }
    if stored.metadata.custom:
        resource["metadata"] = dict(stored.metadata.custom)
    return resource


def metadata_fields(metadata: ObjectMetadata) -> dict[str, str]:
    """Return the metadata that clients set, under its JSON names, without custom entries."""
    values = {json_name: getattr(metadata, name) for json_name, name in _FIELDS.items()}
    return {name: value for name, value in values.items() if value is not None}


_HEADERS = {
    "content-type": "content_type",
    "cache-control": "cache_control",
    "content-disposition": "content_disposition",
    "content-encoding": "content_encoding",
    "content-language": "content_language",
}


def object_metadata(headers: Mapping[str, str], custom: Mapping[str, str]) -> ObjectMetadata:
    """Return the metadata that a request's headers set."""
    values = {field: headers.get(name) for name, field in _HEADERS.items()}
    return ObjectMetadata(custom=custom, **values)


def merge_metadata(metadata: ObjectMetadata, body: dict[str, Any]) -> ObjectMetadata:
    """Return metadata with a JSON body merged into it; null removes an entry.

    Raises:
        BadRequest: an entry is no text.
    """
    changes: dict[str, Any] = {}
    for json_name, name in _FIELDS.items():
        if json_name in body:
            changes[name] = _text(json_name, body[json_name])
    if "metadata" in body:
        changes["custom"] = _merged(metadata.custom, body["metadata"])
    return replace(metadata, **changes)


def rfc3339(time_us: int) -> str:
    """Return a time in microseconds since the epoch as text with milliseconds."""
    moment = datetime.fromtimestamp(time_us / 1_000_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _merged(custom: Mapping[str, str], changes: Any) -> dict[str, str]:
    if changes is None:
        return {}
    if not isinstance(changes, dict):
        raise BadRequest(f"metadata is {changes!r}; accepted: an object of texts, or null")
    merged = {**custom, **{key: _text(key, value) for key, value in changes.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def _text(name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"{name} is {value!r}; accepted: text or null")
    return value


def bucket_resource(bucket: Bucket) -> dict[str, Any]:
    """Return the JSON resource of a bucket."""
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "name": bucket.name,
        "projectNumber": "0",
        "location": "US",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "metageneration": "1",
        "timeCreated": rfc3339(bucket.created),
        "updated": rfc3339(bucket.created),
        "etag": f"{bucket.created:x}",
    }
