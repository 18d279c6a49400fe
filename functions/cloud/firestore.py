"""The Firestore adapter: read document and ledger together, commit what a transition decided.

Decides nothing itself. Every write to an avatar document is made here, in one transaction that has
read ledger and document. Times are the database's (`read_time`), never this machine's.
"""

import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.transaction import Transaction

from functions.cloud.documents import Found, read
from functions.cloud.firestore_values import decode, picked
from functions.domain.document import DOCUMENT_PATHS, Snapshot
from functions.domain.job_record import Record, from_fields, to_fields
from functions.domain.snapshot import (
    AvatarSnapshot,
    Starts,
    Status,
    TransactionResult,
    TransactionStatus,
)
from functions.domain.status_view import Deleted
from functions.domain.subject import Subject

QUOTA = "livePortraitQuota"
_LEDGER_FIELDS = tuple(to_fields(Record()))
SNAPSHOT_MASK = [*(".".join(path) for path in DOCUMENT_PATHS), *_LEDGER_FIELDS]
_TOTAL = "all"  # the quota of all avatars together
_QUOTA_FIELDS = ("day", "starts")
_TOMBSTONE_FIELDS = ("at",)  # no `expireAt`: it outlives the quotas
_PLAIN_ID = re.compile(r"[A-Za-z0-9_\-]{1,128}")
_TRIES = 8
_QUOTA_KEPT = timedelta(days=2)  # for Firestore's TTL policy, once the day is over
_READ_TIMEOUT_S = 20.0  # a channel that broke while the instance was frozen must not block an event


class FirestoreLedger:
    """Documents and ledgers of one project's avatars."""

    def __init__(self, client: firestore.Client, *, collection: str) -> None:
        self._client = client
        self._collection = collection

    def read(self, subject: Subject) -> AvatarSnapshot:
        """Return document and ledger, read outside any transaction."""
        return self._snapshot(subject, None)

    def transact(
        self,
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Status]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Status]:
        """Read, let `decide` return the changes, commit them; repeat under contention.

        Args:
            subject: names document and ledger.
            decide: may be called several times; the last answer is what is committed.
            counting: also read today's render starts, for a claim.
        """
        for attempt in range(_TRIES):
            transaction = self._client.transaction(max_attempts=1)
            try:
                return self._attempt(transaction, subject, decide, counting)
            except (exceptions.GoogleAPICallError, ValueError) as fault:
                if attempt == _TRIES - 1 or not _contended(fault):
                    raise
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - spreads rivals
        raise AssertionError("unreachable")

    def _attempt(
        self,
        transaction: Transaction,
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Status]],
        counting: bool,
    ) -> TransactionResult[Status]:
        @firestore.transactional
        def run(transaction: Transaction) -> TransactionResult[Status]:
            avatar = self._snapshot(subject, transaction, counting=counting)
            change = decide(avatar)
            self._write(transaction, avatar, change)
            return change

        return run(transaction)

    def _snapshot(
        self, subject: Subject, transaction: Transaction | None, *, counting: bool = False
    ) -> AvatarSnapshot:
        document, job = read(
            self._client,
            [self._document(subject), self._job(subject)],
            SNAPSHOT_MASK,
            transaction=transaction,
            timeout_s=_READ_TIMEOUT_S,
        )
        avatar = avatar_snapshot_of(subject, document, job)
        if not avatar.has_ledger:  # a ledger knows it from its first transaction on
            (deleted,) = tombstones(self._client, [subject.avatar_id], transaction=transaction)
            avatar = replace(avatar, record=replace(avatar.record, deleted=deleted))
        if not counting:
            return avatar
        starts = self._starts(subject.avatar_id, avatar.document, document.read_time, transaction)
        return replace(avatar, starts=starts)

    def _starts(
        self,
        avatar_id: str,
        document: Snapshot | None,
        now: datetime,
        transaction: Transaction | None,
    ) -> Starts:
        owner = None if document is None else document.owner
        names = [*quota_names(avatar_id, owner), _TOTAL]
        counts = dict.fromkeys(names, 0)
        refs = [self._client.collection(QUOTA).document(name) for name in names]
        for quota in read(
            self._client,
            refs,
            _QUOTA_FIELDS,
            transaction=transaction,
            timeout_s=_READ_TIMEOUT_S,
        ):
            fields: dict[str, Any] = {name: decode(each) for name, each in quota.fields.items()}
            if fields.get("day") == _day(now):
                counts[quota.id] = fields.get("starts", 0)
        return Starts(
            avatar=counts[names[0]], owner=counts[names[1]] if owner else 0, total=counts[_TOTAL]
        )

    def _write(
        self,
        transaction: Transaction,
        avatar: AvatarSnapshot,
        change: TransactionResult[TransactionStatus],
    ) -> None:
        job = self._job(avatar.subject)
        if change.erases:
            transaction.delete(job)
            if change.tombstone:
                name = tombstone_name(avatar.avatar_id)
                transaction.set(
                    self._client.collection(QUOTA).document(name), {"at": change.tombstone}
                )
        elif change.record is not None:
            fields = to_fields(change.record)
            transaction.set(job, fields, merge=list(fields))  # keep fields of newer versions
        if change.fields:
            transaction.update(self._document(avatar.subject), _to_wire(change.fields))
        if change.counts:
            owner = None if avatar.document is None else avatar.document.owner
            starts = (avatar.starts.avatar, avatar.starts.owner)
            names = zip(quota_names(avatar.avatar_id, owner), starts, strict=False)
            now = datetime.fromtimestamp(avatar.now / 1000, UTC)
            for name, count in (*names, (_TOTAL, avatar.starts.total)):
                fields = {"day": _day(now), "starts": count + 1, "expireAt": now + _QUOTA_KEPT}
                transaction.set(self._client.collection(QUOTA).document(name), fields)

    def _document(self, subject: Subject) -> Any:
        return self._client.document(self._collection, *subject.document)

    def _job(self, subject: Subject) -> Any:
        return self._client.document(*subject.ledger)


def avatar_snapshot_of(subject: Subject, document: Found, job: Found) -> AvatarSnapshot:
    """Return the snapshot of a document and a ledger that were read under `SNAPSHOT_MASK`."""
    avatar = AvatarSnapshot(
        subject=subject,
        document=document_of(document),
        record=from_fields({name: decode(value) for name, value in job.fields.items()}),
        has_ledger=job.exists,
        now=round(document.read_time.timestamp() * 1000),
    )
    return avatar.without_former_owner()


def _contended(fault: BaseException | None) -> bool:
    """Tell whether a transaction failed through another one, however the client wraps that."""
    while fault is not None:
        if isinstance(fault, exceptions.Aborted):
            return True
        fault = fault.__cause__ or fault.__context__
    return False


def document_of(document: Found) -> Snapshot | None:
    """Return the fields of a document that were read; None: it does not exist."""
    return Snapshot(fields=picked(document.fields, DOCUMENT_PATHS)) if document.exists else None


def _to_wire(fields: Mapping[str, object]) -> dict[str, object]:
    return {
        path: firestore.DELETE_FIELD if isinstance(value, Deleted) else value
        for path, value in fields.items()
    }


def quota_names(avatar_id: str, owner: str | None) -> list[str]:
    """Return the names of the quotas that a render start counts in: the avatar's, the owner's."""
    names = [f"avatar:{avatar_id}"]
    if owner is not None:
        # Clients write `userId`: a value that is no plain id must not become part of a path.
        plain = _PLAIN_ID.fullmatch(owner) is not None
        names.append(f"owner:{owner if plain else hashlib.sha256(owner.encode()).hexdigest()}")
    return names


def tombstones(
    client: firestore.Client,
    avatar_ids: Sequence[str],
    *,
    transaction: Transaction | None = None,
) -> list[int]:
    """Return when the avatars of these ids were last deleted, in epoch ms; 0: never."""
    documents = [client.collection(QUOTA).document(tombstone_name(each)) for each in avatar_ids]
    found = read(
        client, documents, _TOMBSTONE_FIELDS, transaction=transaction, timeout_s=_READ_TIMEOUT_S
    )
    moments = (decode(each.fields["at"]) if each.fields else 0 for each in found)
    return [at if isinstance(at, int) else 0 for at in moments]


def tombstone_name(avatar_id: str) -> str:
    """Return the name of what is left of a deleted avatar, in the collection of quotas."""
    return f"deleted:{avatar_id}"


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
