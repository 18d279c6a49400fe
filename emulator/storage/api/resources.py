"""JSON resources of objects and buckets, and metadata from JSON. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from emulator.storage.api.properties import HOLDS, TEXTS, check_object
from emulator.storage.errors import BadRequest
from emulator.storage.objects import ObjectMetadata, StoredObject
from emulator.storage.store import Bucket


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


def metadata_fields(metadata: ObjectMetadata) -> dict[str, Any]:
    """Return the metadata that clients set, under its JSON names, without custom entries."""
    values = {json_name: getattr(metadata, name) for json_name, name in _PROPERTIES.items()}
    return {name: value for name, value in values.items() if value is not None}


_PROPERTIES = {**TEXTS, **HOLDS}
_HEADERS = {
    "content-type": "content_type",
    "cache-control": "cache_control",
    "content-disposition": "content_disposition",
    "content-encoding": "content_encoding",
    "content-language": "content_language",
    "x-goog-storage-class": "storage_class",
    "x-goog-custom-time": "custom_time",
}


def object_metadata(headers: Mapping[str, str], custom: Mapping[str, str]) -> ObjectMetadata:
    """Return the metadata that a request's headers set.

    Raises:
        BadRequest: a value is malformed.
    """
    values: dict[str, Any] = {field: headers.get(name) for name, field in _HEADERS.items()}
    check_object({"storageClass": values["storage_class"], "customTime": values["custom_time"]})
    return replace(ObjectMetadata(custom=custom), **values)


def merge_metadata(metadata: ObjectMetadata, body: dict[str, Any]) -> ObjectMetadata:
    """Return metadata with a JSON body merged into it; null removes an entry.

    Raises:
        BadRequest: a property is unknown, or has another form; NotEmulated: it is not kept here.
    """
    check_object(body)
    changes: dict[str, Any] = {}
    for json_name, name in TEXTS.items():
        if json_name in body:
            changes[name] = _text(json_name, body[json_name])
    changes.update({HOLDS[name]: body[name] for name in HOLDS if name in body})
    before, after = metadata.custom_time, changes.get("custom_time", metadata.custom_time)
    if before is not None and (after is None or _moment(after) < _moment(before)):
        raise BadRequest(f"customTime is {before}; it can be neither removed nor set back")
    if "metadata" in body:
        changes["custom"] = _merged(metadata.custom, body["metadata"])
    return replace(metadata, **changes)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


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
        "storageClass": "STANDARD",
        **bucket.settings,
        **_place(bucket),
        "metageneration": str(bucket.metageneration),
        "timeCreated": rfc3339(bucket.created),
        "updated": rfc3339(bucket.updated or bucket.created),
        "etag": f"{bucket.created:x}.{bucket.metageneration:x}",
    }


def storage_layout(bucket: Bucket) -> dict[str, Any]:
    """Return the JSON resource of how a bucket is laid out."""
    return {
        "kind": "storage#storageLayout",
        "bucket": bucket.name,
        **_place(bucket),
        "hierarchicalNamespace": {"enabled": False},
    }


def _place(bucket: Bucket) -> dict[str, str]:
    location = str(bucket.settings.get("location", "US")).upper()
    kind = "region"
    if location in ("US", "EU", "ASIA"):
        kind = "multi-region"
    elif location in ("NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"):
        kind = "dual-region"
    return {"location": location, "locationType": kind}
