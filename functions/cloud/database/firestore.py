"""The Firestore adapter: read document and ledger together, commit what a transition decided.

Decides nothing itself. Every write to an avatar document is made here, in one transaction that has
read ledger and document. Times are the database's (`read_time`), never this machine's.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.transaction import Transaction

from functions.cloud.database.documents import read, stream
from functions.cloud.database.quotas import QUOTA, quota_changes, starts_of
from functions.cloud.database.snapshots import (
    READ_TIMEOUT_S,
    knows_no_tombstone,
    snapshot_mask,
    snapshot_of,
    snapshot_paths,
    tombstone_name,
    tombstones,
    with_tombstone,
)
from functions.cloud.database.turns import TURNS, turn_changes, turns_name, turns_of
from functions.domain.job_record import Deletion, to_fields
from functions.domain.job_record.status_view import Deleted
from functions.domain.limits.turns import Turns
from functions.domain.snapshot import (
    AvatarSnapshot,
    Status,
    TransactionResult,
    TransactionStatus,
)
from functions.domain.subject import Subject
from functions.settings import Settings

_TRIES = 8


class FirestoreLedger:
    """Documents and ledgers of one project's avatars."""

    def __init__(
        self,
        client: firestore.Client,
        *,
        collection: str,
        renders_per_day_total: int = Settings.renders_per_day_total,
    ) -> None:
        self._client = client
        self._collection = collection
        self._total = renders_per_day_total

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
        found = read(
            self._client,
            [self._client.document(*path) for path in snapshot_paths(subject, self._collection)],
            snapshot_mask(subject),
            transaction=transaction,
            timeout_s=READ_TIMEOUT_S,
        )
        avatar = snapshot_of(subject, found)
        if knows_no_tombstone(avatar, found):
            (deleted,) = tombstones(self._client, [subject.avatar_id], transaction=transaction)
            avatar = with_tombstone(avatar, deleted)
        if not counting:
            return avatar
        starts = starts_of(
            self._client, avatar, transaction, total=self._total, timeout_s=READ_TIMEOUT_S
        )
        turns = self._turns(avatar.owner, transaction) if avatar.owner else Turns()
        return replace(avatar, starts=starts, turns=turns)

    def turns_of(self, owner: str) -> Turns:
        """Return the turns of an owner's renders."""
        return self._turns(owner, None)

    def _turns(self, owner: str, transaction: Transaction | None) -> Turns:
        document = self._client.collection(QUOTA).document(turns_name(owner))
        (found,) = read(
            self._client, [document], [TURNS], transaction=transaction, timeout_s=READ_TIMEOUT_S
        )
        return turns_of(found)

    def _write(
        self,
        transaction: Transaction,
        avatar: AvatarSnapshot,
        change: TransactionResult[TransactionStatus],
    ) -> None:
        job = self._client.document(*avatar.subject.ledger)
        document = self._client.document(self._collection, *avatar.subject.document)
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
        if change.deletes_document:
            transaction.delete(document)
        if change.fields:
            transaction.update(document, _to_wire(change.fields))
        for name, quota in quota_changes(avatar, change, total=self._total).items():
            transaction.set(self._client.collection(QUOTA).document(name), dict(quota))
        for name, entries in turn_changes(avatar, change).items():
            turns = self._client.collection(QUOTA).document(name)
            transaction.set(turns, _without_none(entries), merge=True)

    def delete_documents(self, deletion: Deletion) -> None:
        """Delete the documents of a collection below the avatars', as far as created by then."""
        documents = self._client.collection(f"{self._collection}/{deletion.path}")
        for found in stream(self._client, documents.select([FieldPath.document_id()])):
            if deletion.covers(found.created_ms):
                documents.document(found.id).delete()


def _contended(fault: BaseException | None) -> bool:
    """Tell whether a transaction failed through another one, however the client wraps that."""
    while fault is not None:
        if isinstance(fault, exceptions.Aborted):
            return True
        fault = fault.__cause__ or fault.__context__
    return False


def _without_none(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields to be merged, that delete what is None."""
    return {
        name: _without_none(value)
        if isinstance(value, Mapping)
        else firestore.DELETE_FIELD
        if value is None
        else value
        for name, value in fields.items()
    }


def _to_wire(fields: Mapping[str, object]) -> dict[str, object]:
    return {
        path: firestore.DELETE_FIELD if isinstance(value, Deleted) else value
        for path, value in fields.items()
    }
