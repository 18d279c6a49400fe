"""The avatars of one project, by their documents and by their ledgers; writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.cloud.database.documents import Found, read, stream
from functions.cloud.database.snapshots import SNAPSHOT_MASK, document_of, snapshot_of, tombstones
from functions.cloud.wire.values import decode
from functions.domain.document import INPUTS, OUTPUT, Snapshot
from functions.domain.job_record import Purpose
from functions.domain.subject import IDLE_LEDGERS, Subject
from functions.observability import log
from functions.reconcile.adapters.queries import NAME, chunks, next_by_id
from functions.reconcile.loading.page_loader import is_served
from functions.reconcile.loading.ports import Asked, DatedSnapshot, Place, TimedPage
from functions.reconcile.loading.shard import IdRange

_SERVED = [".".join(INPUTS), ".".join((*OUTPUT, "state"))]
_SAVED = "updatedAt"  # epoch ms, by the clock of the client that has saved the document
_NOTED = ["deletions", "lease.purpose"]


class FirestoreAvatars:
    """The avatars of one project."""

    def __init__(self, client: firestore.Client, *, collection: str) -> None:
        self._client = client
        self._avatars = client.collection(collection)
        self._jobs = client.collection(IDLE_LEDGERS)

    def avatars(self, ids: IdRange, after: str, limit: int) -> Mapping[str, Snapshot]:
        """Return the next documents by id, in order; only the fields that `is_served` needs."""
        query = next_by_id(self._avatars.select(_SERVED), ids, after, limit)
        snapshots = ((each.id, document_of(each)) for each in stream(self._client, query))
        return {name: snapshot for name, snapshot in snapshots if snapshot is not None}

    def saved(self, since: int, until: int, after: Place | None, limit: int) -> TimedPage:
        """Return the next documents that a client has saved between, in the order of time."""
        query = (
            self._avatars.select([*_SERVED, _SAVED])
            .where(filter=FieldFilter(_SAVED, ">=", since))
            .where(filter=FieldFilter(_SAVED, "<", until))
            .order_by(_SAVED)
            .order_by(NAME)
        )
        if after is not None:
            query = query.start_after({_SAVED: after.at, NAME: after.name})
        found = list(stream(self._client, query.limit(limit)))
        every = [
            Asked(subject=Subject(avatar_id=each.id), at=_number(each.fields[_SAVED]))
            for each in found
        ]
        served = (
            asked
            for asked, each in zip(every, found, strict=True)
            if (document := document_of(each)) is not None and is_served(document)
        )
        ends = len(found) < limit
        return TimedPage(found=tuple(served), last=None if ends else every[-1].place)

    def ledgers(self, ids: IdRange, after: str, limit: int) -> Mapping[str, bool]:
        """Return the next ledgers by id, in order: whether each has noted deletions."""
        found = next_by_id(self._jobs.select(_NOTED), ids, after, limit).stream()
        return {each.id: _owes_deletions(each.to_dict() or {}) for each in found}

    def dated(self, avatar_ids: Sequence[str]) -> Sequence[DatedSnapshot]:
        """Return documents and ledgers of these avatars, whether they exist or not.

        Log those that cannot be read, and leave them out.
        """
        snapshots: list[DatedSnapshot] = []
        for ids in chunks(avatar_ids):
            avatars = [self._avatars.document(each) for each in ids]
            jobs = [self._jobs.document(each) for each in ids]
            found = read(self._client, [*avatars, *jobs], SNAPSHOT_MASK)
            for document, job in zip(found[: len(ids)], found[len(ids) :], strict=True):
                try:
                    snapshots.append(_dated(document, job))
                except (LookupError, TypeError, ValueError, AttributeError) as fault:
                    with log.bound(avatar_id=document.id):
                        log.warning("ledger not understood", reason=str(fault))
        return self._with_tombstones(snapshots)

    def _with_tombstones(self, snapshots: Sequence[DatedSnapshot]) -> Sequence[DatedSnapshot]:
        """Tell those without a ledger when they were last deleted; a ledger knows it."""
        unknown = [each.avatar.avatar_id for each in snapshots if not each.avatar.has_ledger]
        if not unknown:  # nearly always
            return snapshots
        deleted = dict(zip(unknown, tombstones(self._client, unknown), strict=True))
        return [
            replace(dated, avatar=replace(avatar, record=replace(avatar.record, deleted=at)))
            if (at := deleted.get((avatar := dated.avatar).avatar_id))
            else dated
            for dated in snapshots
        ]

    def without_document(self, avatar_ids: Sequence[str]) -> Sequence[str]:
        """Return those of these avatars that have no document."""
        missing: list[str] = []
        for ids in chunks(avatar_ids):
            avatars = [self._avatars.document(each) for each in ids]
            missing += [each.id for each in read(self._client, avatars, [NAME]) if not each.exists]
        return sorted(missing)


def _number(value: Any) -> Any:
    """Return a number as it is stored: the next page begins behind exactly this one."""
    return decode(value)


def _owes_deletions(fields: Mapping[str, Any]) -> bool:
    """Do as `Record.owes_deletions`, for a ledger whose other fields may be unreadable."""
    lease = fields.get("lease")
    purpose = lease.get("purpose") if isinstance(lease, Mapping) else None
    return bool(fields.get("deletions")) or purpose == Purpose.CLEAN_UP


def _dated(document: Found, job: Found) -> DatedSnapshot:
    avatar = snapshot_of(Subject(avatar_id=document.id), (document, job))
    return DatedSnapshot(avatar=avatar, written=document.written_ms)
