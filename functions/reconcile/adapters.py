"""The adapters of reconcile: pages of documents and ledgers, checkpoints, the bucket.

They decide nothing, and write only the checkpoint, `livePortraitReconcile/{shard}`, which no client
may read or write, and an object's download token.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.storage import Bucket

from functions.cloud.database.documents import Found, read, stream
from functions.cloud.database.quotas import QUOTA, quota_names
from functions.cloud.database.snapshots import SNAPSHOT_MASK, document_of, snapshot_of, tombstones
from functions.cloud.firestore_values import decode
from functions.cloud.storage import TOKEN_KEY, stored_object
from functions.domain.document import INPUTS, OUTPUT, OWNER, Snapshot
from functions.domain.job_record import Purpose
from functions.domain.subject import (
    IDLE_LEDGERS,
    TALK_LEDGERS,
    TALKS,
    Subject,
    is_talk_id,
    subject_of_talk_ledger,
)
from functions.observability import log
from functions.reconcile.findings import ListedObject
from functions.reconcile.page_loader import DatedSnapshot, Requested

MARKS = "livePortraitReconcile"
_NAME = FieldPath.document_id()
_SERVED = [".".join(INPUTS), ".".join((*OUTPUT, "state"))]
_REQUESTED = "shown.requested"
_NOTED = ["deletions", "lease.purpose"]
_CHUNK = 250  # avatars per call


class FirestoreAvatars:
    """The avatars of one project."""

    def __init__(self, client: firestore.Client, *, collection: str) -> None:
        self._client = client
        self._avatars = client.collection(collection)
        self._jobs = client.collection(IDLE_LEDGERS)

    def avatars(self, after: str, limit: int) -> Mapping[str, Snapshot]:
        """Return the next documents by id, in order; only the fields that `_served` needs."""
        query = _next(self._avatars.select(_SERVED), after, limit)
        snapshots = ((each.id, document_of(each)) for each in stream(self._client, query))
        return {name: snapshot for name, snapshot in snapshots if snapshot is not None}

    def ledgers(self, after: str, limit: int) -> Mapping[str, bool]:
        """Return the next ledgers by id, in order: whether each has noted deletions."""
        found = _next(self._jobs.select(_NOTED), after, limit).stream()
        return {each.id: _owes_deletions(each.to_dict() or {}) for each in found}

    def requested(self, after: Requested | None, limit: int) -> Sequence[Requested]:
        """Return the next avatars by their last request, newest first; only those with one."""
        descending = firestore.Query.DESCENDING
        query = (
            self._jobs.select([_REQUESTED])
            .where(filter=FieldFilter(_REQUESTED, ">", 0))
            .order_by(_REQUESTED, direction=descending)
            .order_by(_NAME, direction=descending)
        )
        if after is not None:
            query = query.start_after({_REQUESTED: after.at, _NAME: after.avatar_id})
        found = query.limit(limit).stream()
        return [Requested(avatar_id=each.id, at=each.get(_REQUESTED)) for each in found]

    def dated(self, avatar_ids: Sequence[str]) -> Sequence[DatedSnapshot]:
        """Return documents and ledgers of these avatars, whether they exist or not.

        Log those that cannot be read, and leave them out.
        """
        snapshots: list[DatedSnapshot] = []
        for ids in _chunks(avatar_ids):
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
        for ids in _chunks(avatar_ids):
            avatars = [self._avatars.document(each) for each in ids]
            missing += [each.id for each in read(self._client, avatars, [_NAME]) if not each.exists]
        return sorted(missing)


class FirestoreCheckpoints:
    """The checkpoints of all shards' passes."""

    def __init__(self, client: firestore.Client) -> None:
        self._marks = client.collection(MARKS)

    def read(self, name: str) -> Mapping[str, Any] | None:
        """Return the checkpoint of this name; None: no pass is under way."""
        found: Mapping[str, Any] | None = self._marks.document(name).get().to_dict()
        return found

    def keep(self, name: str, mark: Mapping[str, Any]) -> None:
        """Set the checkpoint."""
        self._marks.document(name).set(dict(mark))

    def drop(self, name: str) -> None:
        """Remove the checkpoint: the pass has ended."""
        self._marks.document(name).delete()


class FirestoreOwner:
    """The documents by which an owner of avatars is known."""

    def __init__(self, client: firestore.Client, *, collection: str) -> None:
        self._client = client
        self._avatars = client.collection(collection)
        self._quotas = client.collection(QUOTA)

    def avatars(self, owner: str) -> Sequence[str]:
        """Return the ids of the avatars whose document names this owner."""
        query = self._avatars.where(filter=FieldFilter(*OWNER, "==", owner)).select([_NAME])
        return [each.id for each in stream(self._client, query)]

    def delete_avatar(self, avatar_id: str, owner: str) -> bool:
        """Delete an avatar's document, while it names this owner; whether it did."""
        document = self._avatars.document(avatar_id)

        @firestore.transactional
        def run(transaction: firestore.Transaction) -> bool:
            (found,) = read(self._client, [document], OWNER, transaction=transaction)
            if not found.exists or decode(found.fields.get(*OWNER)) != owner:
                return False
            transaction.delete(document)
            return True

        return bool(run(self._client.transaction()))

    def talks(self, avatar_id: str) -> Sequence[Subject]:
        """Return the avatar's talks, those with a document and those with a ledger alone."""
        documents = self._avatars.document(avatar_id).collection(TALKS).select([_NAME])
        names = {each.id for each in stream(self._client, documents)}
        ledgers = self._client.collection(TALK_LEDGERS).order_by(_NAME)
        # Its ledgers' ids begin with its own and a colon; the character after that is a semicolon.
        ledgers = ledgers.start_at({_NAME: f"{avatar_id}:"}).end_before({_NAME: f"{avatar_id};"})
        found = (subject_of_talk_ledger(each.id) for each in stream(self._client, ledgers))
        names |= {each.talk_id for each in found if each.avatar_id == avatar_id}
        subjects = (Subject(avatar_id=avatar_id, talk_id=each) for each in sorted(names))
        return [each for each in subjects if is_talk_id(avatar_id, each.talk_id)]

    def quotas(self, owner: str, avatar_ids: Sequence[str]) -> Sequence[str]:
        """Return the names of the quotas that exist, of the owner and of these avatars."""
        names = {name for each in avatar_ids for name in quota_names(each, owner)}
        names |= set(quota_names("", owner)[1:])
        found: list[str] = []
        for chunk in _chunks(sorted(names)):
            documents = [self._quotas.document(each) for each in chunk]
            found += [each.id for each in read(self._client, documents, [_NAME]) if each.exists]
        return found

    def delete_quota(self, name: str) -> None:
        """Delete one quota."""
        self._quotas.document(name).delete()


def _next(query: Any, after: str, limit: int) -> Any:
    ordered = query.order_by(_NAME)
    if after:
        ordered = ordered.start_after({_NAME: after})
    return ordered.limit(limit)


def _owes_deletions(fields: Mapping[str, Any]) -> bool:
    """Do as `Record.owes_deletions`, for a ledger whose other fields may be unreadable."""
    lease = fields.get("lease")
    purpose = lease.get("purpose") if isinstance(lease, Mapping) else None
    return bool(fields.get("deletions")) or purpose == Purpose.CLEAN_UP


def _dated(document: Found, job: Found) -> DatedSnapshot:
    updated = document.update_time
    written = 0 if updated is None else round(updated.timestamp() * 1000)
    return DatedSnapshot(
        avatar=snapshot_of(Subject(avatar_id=document.id), (document, job)), written=written
    )


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]


_FIELDS = "items(name,generation,size,timeCreated,metadata),prefixes,nextPageToken"


class BucketLister:
    """One bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def objects(self, prefix: str, *, start: str = "", end: str = "") -> Iterator[ListedObject]:
        """Yield objects below a prefix, in the order of names: from `start` on and before `end`."""
        blobs = self._bucket.list_blobs(
            prefix=prefix, start_offset=start or None, end_offset=end or None, fields=_FIELDS
        )
        for blob in blobs:
            # Storage emulators without offsets list everything.
            if blob.name >= start and not (end and blob.name >= end):
                created = round(blob.time_created.timestamp() * 1000)
                yield ListedObject(stored=stored_object(blob), created=created)

    def folders(self, prefix: str, *, start: str = "") -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, in order, from `start` on."""
        listing: Any = self._bucket.list_blobs(
            prefix=prefix, delimiter="/", start_offset=start or None, fields=_FIELDS
        )
        for page in listing.pages:
            for folder in sorted(page.prefixes):
                if folder >= start:
                    yield folder.removeprefix(prefix).removesuffix("/")

    def give_token(self, listed: ListedObject, token: str) -> bool:
        """Set the object's download token, unless the object has changed since."""
        stored = listed.stored
        blob = self._bucket.get_blob(stored.path, generation=stored.generation)
        if blob is None or (blob.metadata or {}).get(TOKEN_KEY, "") != stored.token:
            return False
        blob.metadata = {**(blob.metadata or {}), TOKEN_KEY: token}
        try:
            blob.patch(
                if_generation_match=stored.generation,
                if_metageneration_match=blob.metageneration,
            )
        except (exceptions.NotFound, exceptions.PreconditionFailed):
            return False
        return True
