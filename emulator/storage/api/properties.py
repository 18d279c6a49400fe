"""The properties of objects and buckets that clients send: kept, ignored or refused. Pure.

A property that only the service sets is ignored, as production does: clients send whole resources
back. One that the emulator does not keep is refused, unless it is empty.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from emulator.storage.errors import BadRequest, NotEmulated


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXTS = {
    "contentType": "content_type",
    "cacheControl": "cache_control",
    "contentDisposition": "content_disposition",
    "contentEncoding": "content_encoding",
    "contentLanguage": "content_language",
    "storageClass": "storage_class",
    "customTime": "custom_time",
}
HOLDS = {"temporaryHold": "temporary_hold", "eventBasedHold": "event_based_hold"}
OBJECT_OUTPUT = _names(
    """
    kind id selfLink mediaLink name bucket generation metageneration size etag owner md5Hash
    crc32c timeCreated updated timeDeleted timeFinalized timeStorageClassUpdated componentCount
    retentionExpirationTime softDeleteTime hardDeleteTime downloadTokens
    """
)
OBJECT_REFUSED = _names(
    """
    acl contexts customerEncryption kmsKeyName retention restoreToken
    """
)
STORAGE_CLASSES = (
    "STANDARD",
    "NEARLINE",
    "COLDLINE",
    "ARCHIVE",
    "MULTI_REGIONAL",
    "REGIONAL",
    "DURABLE_REDUCED_AVAILABILITY",
)
BUCKET_KEPT = _names(
    """
    autoclass billing cors customPlacementConfig iamConfiguration labels lifecycle location
    logging rpo softDeletePolicy storageClass website versioning hierarchicalNamespace
    defaultEventBasedHold
    """
)
BUCKET_OUTPUT = _names(
    """
    kind id selfLink name projectNumber metageneration generation etag owner timeCreated updated
    locationType satisfiesPZI satisfiesPZS softDeleteTime hardDeleteTime
    """
)
BUCKET_REFUSED = _names(
    """
    acl defaultObjectAcl encryption ipFilter objectRetention retentionPolicy
    """
)
_ONLY_OFF = ("versioning", "hierarchicalNamespace", "autoclass")


def check_object(body: Mapping[str, Any]) -> None:
    """Check the properties of an object.

    Raises:
        BadRequest: a property or a value is unknown; NotEmulated: one is not kept here.
    """
    allowed = {*TEXTS, *HOLDS, "metadata", *OBJECT_OUTPUT}
    _check_names("an object", body, allowed, OBJECT_REFUSED)
    _check_class(body.get("storageClass"))
    _check_time(body.get("customTime"))
    for name in HOLDS:
        if body.get(name) not in (None, True, False):
            raise BadRequest(f"{name} is {body[name]!r}; accepted: true, false, null")


def check_bucket(body: Mapping[str, Any]) -> None:
    """Check the properties of a bucket.

    Raises:
        BadRequest: a property or a value is unknown; NotEmulated: one is not kept here.
    """
    _check_names("a bucket", body, {*BUCKET_KEPT, *BUCKET_OUTPUT}, BUCKET_REFUSED)
    _check_class(body.get("storageClass"))
    for name in _ONLY_OFF:
        setting = body.get(name)
        if isinstance(setting, dict) and setting.get("enabled"):
            raise NotEmulated(f"The emulator cannot enable {name}")
    if body.get("defaultEventBasedHold"):
        raise NotEmulated("The emulator does not hold new objects: defaultEventBasedHold")


def _check_names(
    what: str, body: Mapping[str, Any], allowed: set[str], refused: frozenset[str]
) -> None:
    for name, value in body.items():
        if name in refused and value not in (None, [], {}, ""):
            raise NotEmulated(f"The emulator does not keep the property {name} of {what}")
        if name not in allowed and name not in refused:
            raise BadRequest(f"{what} has no property {name}")


def _check_class(storage_class: Any) -> None:
    if storage_class is not None and storage_class not in STORAGE_CLASSES:
        raise BadRequest(
            f"storageClass is {storage_class!r}; accepted: {', '.join(STORAGE_CLASSES)}"
        )


def _check_time(text: Any) -> None:
    if text is None:
        return
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise BadRequest(f"customTime is {text!r}; accepted: RFC 3339") from error
    if moment.tzinfo is None:
        raise BadRequest(f"customTime is {text!r}; accepted: with an offset from UTC")


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with changes merged into them at every depth; null removes an entry."""
    result = dict(settings)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result
