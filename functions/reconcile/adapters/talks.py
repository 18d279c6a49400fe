"""The adapter of reconcile for talks: a query over all collections of this name, and ledgers.

It decides nothing and writes nothing.
"""

from typing import Any

from google.cloud import firestore

from functions.cloud.database.documents import read, stream
from functions.cloud.database.snapshots import (
    knows_no_tombstone,
    snapshot_mask,
    snapshot_of,
    snapshot_paths,
    tombstones,
    with_tombstone,
)
from functions.domain.subject import (
    TALK_LEDGERS,
    TALKS,
    Subject,
    is_talk_id,
    subject_of_path,
    subject_of_talk_ledger,
)
from functions.reconcile.adapters.queries import NAME, next_by_id
from functions.reconcile.loading.ports import DatedSnapshot, SubjectPage
from functions.reconcile.loading.shard import IdRange

_FIRST_TALK = "-"  # no plain id comes before it


class FirestoreTalks:
    """The talks of one project's avatars."""

    def __init__(self, client: firestore.Client, *, collection: str) -> None:
        self._client = client
        self._collection = collection

    def talks(self, avatars: IdRange, after: str, limit: int) -> SubjectPage:
        """Return the next talks by their documents' paths; another's collection is passed over."""
        query = self._client.collection_group(TALKS).select([NAME]).order_by(NAME)
        if after:
            query = query.start_after({NAME: self._client.document(after)})
        elif avatars.low:
            query = query.start_at({NAME: self._first(avatars.low)})
        if avatars.high:
            query = query.end_before({NAME: self._first(avatars.high)})
        found = [each.path for each in stream(self._client, query.limit(limit))]
        prefix = f"{self._collection}/"
        paths = (each.removeprefix(prefix) for each in found if each.startswith(prefix))
        named = (subject_of_path(each) for each in paths)
        own = tuple(each for each in named if each is not None and each.is_talk)
        return SubjectPage(subjects=own, last=found[-1] if len(found) == limit else "")

    def _first(self, avatar_id: str) -> Any:
        """Return the first place of all where a talk of this avatar may be."""
        return self._client.document(self._collection, avatar_id, TALKS, _FIRST_TALK)

    def ledgers(self, ids: IdRange, after: str, limit: int) -> SubjectPage:
        """Return the next talks by their ledgers' ids."""
        query = next_by_id(self._client.collection(TALK_LEDGERS).select([NAME]), ids, after, limit)
        found = [each.id for each in stream(self._client, query)]
        named = (subject_of_talk_ledger(each) for each in found)
        own = tuple(each for each in named if is_talk_id(each.avatar_id, each.talk_id))
        return SubjectPage(subjects=own, last=found[-1] if len(found) == limit else "")

    def dated(self, talk: Subject) -> DatedSnapshot:
        """Return one talk's document, with its avatar's, and its ledger."""
        paths = snapshot_paths(talk, self._collection)
        documents: list[Any] = [self._client.document(*path) for path in paths]
        found = read(self._client, documents, snapshot_mask(talk))
        avatar = snapshot_of(talk, found)
        if knows_no_tombstone(avatar, found):
            (deleted,) = tombstones(self._client, [talk.avatar_id])
            avatar = with_tombstone(avatar, deleted)
        return DatedSnapshot(avatar=avatar, written=found[0].written_ms)
