"""The lists of turns: `livePortraitQuota/turns:{owner}`, one document for each owner."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from functions.cloud.database.documents import Found
from functions.cloud.database.quotas import KEPT, owner_id
from functions.cloud.wire.values import decode
from functions.domain.job_record import Dispatch
from functions.domain.limits.turns import Turn, Turns
from functions.domain.snapshot import AvatarSnapshot, TransactionResult, TransactionStatus
from functions.domain.subject import Subject

TURNS: Final = "turns"  # the field


def turns_name(owner: str) -> str:
    """Return the name of an owner's list, in the collection of quotas."""
    return f"turns:{owner_id(owner)}"


def turns_of(found: Found) -> Turns:
    """Return the list of a document; an empty one where there is none."""
    stored = decode(found.fields[TURNS]) if TURNS in found.fields else {}
    entries: Iterable[Any] = stored.values() if isinstance(stored, Mapping) else ()
    every = tuple(
        Turn(
            subject=Subject(avatar_id=each["avatarId"], talk_id=each["talkId"]),
            at=each["at"],
            held=each["held"],
        )
        for each in entries
    )
    return Turns(every=every, now=found.read_ms)


def turn_changes(
    avatar: AvatarSnapshot, change: TransactionResult[TransactionStatus]
) -> Mapping[str, Mapping[str, object]]:
    """Return what changes in which owners' lists, to be merged; None in the place of what goes.

    A list follows the dispatches of its owner's ledgers, in the transactions that change them: so
    it need not be read to be written.
    """
    before = avatar.record.dispatch
    after = before if change.record is None else change.record.dispatch
    after = None if change.erases else after
    key = hashlib.sha256(str(avatar.subject).encode()).hexdigest()[:16]
    entries: dict[str, object] = {}
    if change.leaves:
        entries[change.leaves] = None
    if before != after:
        if before is not None and before.owner:
            entries[before.owner] = None
        if after is not None and after.owner:
            entries[after.owner] = _entry(avatar.subject, after)
    expires = datetime.fromtimestamp(avatar.now / 1000, UTC) + KEPT
    return {
        turns_name(owner): {TURNS: {key: entry}, "expireAt": expires}
        for owner, entry in entries.items()
    }


def _entry(subject: Subject, task: Dispatch) -> dict[str, object]:
    return {
        "avatarId": subject.avatar_id,
        "talkId": subject.talk_id,
        "at": task.at,
        "held": task.held,
    }
