"""What is read of an avatar or a talk, together: its document, its ledger, and a tombstone.

A talk is read with its avatar, whose document says what its face and its motion are.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from google.cloud import firestore
from google.cloud.firestore_v1.transaction import Transaction

from functions.cloud.database.documents import Found, read
from functions.cloud.database.quotas import QUOTA
from functions.cloud.wire.values import decode, picked
from functions.domain.document import DOCUMENT_PATHS, Snapshot
from functions.domain.job_record import Record, from_fields, to_fields
from functions.domain.snapshot import AvatarSnapshot
from functions.domain.subject import Subject
from functions.domain.talks.document import TALK_PATHS, TalkSnapshot

READ_TIMEOUT_S: Final = 20.0  # a channel that broke while the instance was frozen must not block
LEDGER_FIELDS: Final = tuple(to_fields(Record()))
SNAPSHOT_MASK: Final = [*(".".join(path) for path in DOCUMENT_PATHS), *LEDGER_FIELDS]
TALK_MASK: Final = [*SNAPSHOT_MASK, *(".".join(path) for path in TALK_PATHS)]
_TOMBSTONE_FIELDS = ("at",)  # no `expireAt`: it outlives the quotas


def snapshot_paths(subject: Subject, collection: str) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the documents that `snapshot_of` is made of."""
    paths = ((collection, *subject.document), subject.ledger)
    if not subject.is_talk:
        return paths
    return (*paths, (collection, *subject.avatar.document), subject.avatar.ledger)


def snapshot_mask(subject: Subject) -> Sequence[str]:
    """Return the fields to read of these documents."""
    return TALK_MASK if subject.is_talk else SNAPSHOT_MASK


def snapshot_of(subject: Subject, found: Sequence[Found]) -> AvatarSnapshot:
    """Return the snapshot of what was read at `snapshot_paths`, under `snapshot_mask`."""
    document, job, *others = found
    avatar = AvatarSnapshot(
        subject=subject,
        document=document_of(document),
        record=_record_of(job),
        has_ledger=job.exists,
        now=document.read_ms,
    )
    if others:
        host, host_job = others
        there, deleted = document_of(host), host_job.fields.get("deleted")
        lease = {name: decode(value) for name, value in host_job.fields.items() if name == "lease"}
        talk = picked(document.fields, TALK_PATHS)
        is_there = document.exists and there is not None
        avatar = replace(
            avatar,
            document=TalkSnapshot(fields=talk, avatar=there) if is_there else None,
            avatar_record=replace(
                from_fields(lease), deleted=0 if deleted is None else _moment(deleted)
            ),
        )
    return avatar.without_former_owner()


def knows_no_tombstone(avatar: AvatarSnapshot, found: Sequence[Found]) -> bool:
    """Tell whether no ledger of the avatar is there, which knows it from its first write on."""
    return not found[3].exists if avatar.subject.is_talk else not avatar.has_ledger


def with_tombstone(avatar: AvatarSnapshot, deleted: int) -> AvatarSnapshot:
    """Return the snapshot with the moment of the avatar's last deletion."""
    if avatar.subject.is_talk:
        return replace(avatar, avatar_record=replace(avatar.avatar_record, deleted=deleted))
    return replace(avatar, record=replace(avatar.record, deleted=deleted))


def document_of(document: Found) -> Snapshot | None:
    """Return the fields of a document that were read; None: it does not exist."""
    return Snapshot(fields=picked(document.fields, DOCUMENT_PATHS)) if document.exists else None


def tombstones(
    client: firestore.Client,
    avatar_ids: Sequence[str],
    *,
    transaction: Transaction | None = None,
) -> list[int]:
    """Return when the avatars of these ids were last deleted, in epoch ms; 0: never."""
    documents = [client.collection(QUOTA).document(tombstone_name(each)) for each in avatar_ids]
    found = read(
        client, documents, _TOMBSTONE_FIELDS, transaction=transaction, timeout_s=READ_TIMEOUT_S
    )
    return [_moment(each.fields["at"]) if each.fields else 0 for each in found]


def tombstone_name(avatar_id: str) -> str:
    """Return the name of what is left of a deleted avatar, in the collection of quotas."""
    return f"deleted:{avatar_id}"


def _moment(value: Any) -> int:
    at = decode(value)
    return at if isinstance(at, int) else 0


def _record_of(job: Found) -> Record:
    return from_fields({name: decode(value) for name, value in job.fields.items()})
