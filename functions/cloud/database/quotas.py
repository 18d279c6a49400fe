"""The quotas of a day: render starts, and the seconds that an owner's talks have spoken."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.cloud import firestore
from google.cloud.firestore_v1.transaction import Transaction

from functions.cloud.database.documents import read
from functions.cloud.wire.values import decode
from functions.domain.limits.daily_total import share_of
from functions.domain.snapshot import (
    AvatarSnapshot,
    Starts,
    TransactionResult,
    TransactionStatus,
)

QUOTA: Final = "livePortraitQuota"
_FIELDS = ("day", "starts", "spokenMs")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_\-]{1,128}")
KEPT: Final = timedelta(days=2)  # for Firestore's TTL policy, once the day is over


def starts_of(
    client: firestore.Client,
    avatar: AvatarSnapshot,
    transaction: Transaction | None,
    *,
    total: int,
    timeout_s: float,
) -> Starts:
    """Return what counts in the quotas of this moment's day; `total` is that of all avatars."""
    share = share_of(avatar.avatar_id, total).name
    names = [*quota_names(avatar.avatar_id, avatar.owner), share]
    counts: dict[str, dict[str, Any]] = {name: {} for name in names}
    documents = [client.collection(QUOTA).document(name) for name in names]
    for quota in read(client, documents, _FIELDS, transaction=transaction, timeout_s=timeout_s):
        fields = {name: decode(each) for name, each in quota.fields.items()}
        if fields.get("day") == _day(_moment(avatar)):
            counts[quota.id] = fields
    owned = counts[names[1]] if avatar.owner else {}
    return Starts(
        avatar=counts[names[0]].get("starts", 0),
        owner=owned.get("starts", 0),
        share=counts[share].get("starts", 0),
        spoken_ms=owned.get("spokenMs", 0),
    )


def quota_changes(
    avatar: AvatarSnapshot, change: TransactionResult[TransactionStatus], *, total: int
) -> Mapping[str, Mapping[str, object]]:
    """Return the quotas that a change counts in, by their names: starts, and what was spoken."""
    starts, now = avatar.starts, _moment(avatar)
    names = quota_names(avatar.avatar_id, avatar.owner)
    started = int(change.counts)
    spoken_ms = starts.spoken_ms + change.spoken_ms
    day = {"day": _day(now), "expireAt": now + KEPT}
    quotas: dict[str, Mapping[str, object]] = {}
    if change.counts:
        quotas[names[0]] = {**day, "starts": starts.avatar + 1}
        share = share_of(avatar.avatar_id, total).name
        quotas[share] = {**day, "starts": starts.share + 1}
    if avatar.owner and (change.counts or change.spoken_ms):
        spoken = {"spokenMs": spoken_ms} if spoken_ms else {}
        quotas[names[1]] = {**day, "starts": starts.owner + started, **spoken}
    return quotas


def quota_names(avatar_id: str, owner: str) -> list[str]:
    """Return the quotas that a render start counts in: the avatar's, and its owner's; "": none."""
    names = [f"avatar:{avatar_id}"]
    return [*names, f"owner:{owner_id(owner)}"] if owner else names


def owner_id(owner: str) -> str:
    """Return an owner's name in those of documents.

    Clients write `userId`: a value that is no plain id must not become part of a path.
    """
    plain = _PLAIN_ID.fullmatch(owner) is not None
    return owner if plain else hashlib.sha256(owner.encode()).hexdigest()


def _moment(avatar: AvatarSnapshot) -> datetime:
    return datetime.fromtimestamp(avatar.now / 1000, UTC)


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
