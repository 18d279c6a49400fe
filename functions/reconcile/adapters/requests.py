"""Ledgers by the time of their last request, and those that are shown as pending."""

from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.cloud.database.documents import Found, stream
from functions.cloud.wire.values import decode
from functions.domain.document import PENDING
from functions.domain.subject import TALK_LEDGERS, Subject, subject_of_talk_ledger
from functions.reconcile.adapters.queries import NAME, next_by_id
from functions.reconcile.loading.ports import Asked, Place, SubjectPage, TimedPage
from functions.reconcile.loading.shard import IdRange

_REQUESTED = "shown.requested"
_STATE = "shown.state"


class FirestoreRequests:
    """The ledgers of one collection: of avatars, or of talks."""

    def __init__(self, client: firestore.Client, collection: str) -> None:
        self._client = client
        self._jobs = client.collection(collection)
        self._are_talks = collection == TALK_LEDGERS

    def newest(self, after: Place | None, limit: int) -> TimedPage:
        """Return the next ones by their last request, newest first; only those with one."""
        descending = firestore.Query.DESCENDING
        asked = self._jobs.select([_REQUESTED]).where(filter=FieldFilter(_REQUESTED, ">", 0))
        query = asked.order_by(_REQUESTED, direction=descending).order_by(
            NAME, direction=descending
        )
        return self._timed(query, after, limit)

    def between(self, since: int, until: int, after: Place | None, limit: int) -> TimedPage:
        """Return the next ones that were last asked for from `since` on and before `until`."""
        query = (
            self._jobs.select([_REQUESTED])
            .where(filter=FieldFilter(_REQUESTED, ">=", since))
            .where(filter=FieldFilter(_REQUESTED, "<", until))
            .order_by(_REQUESTED)
            .order_by(NAME)
        )
        return self._timed(query, after, limit)

    def pending(self, ids: IdRange, after: str, limit: int) -> SubjectPage:
        """Return the next ones that are shown as pending, by their ledgers' ids."""
        states = [each.value for each in PENDING]
        query = self._jobs.select([NAME]).where(filter=FieldFilter(_STATE, "in", states))
        found = [each.id for each in stream(self._client, next_by_id(query, ids, after, limit))]
        subjects = tuple(self._subject(each) for each in found)
        return SubjectPage(subjects=subjects, last=found[-1] if len(found) == limit else "")

    def _timed(self, query: Any, after: Place | None, limit: int) -> TimedPage:
        if after is not None:
            query = query.start_after({_REQUESTED: after.at, NAME: after.name})
        found = list(stream(self._client, query.limit(limit)))
        asked = tuple(Asked(subject=self._subject(each.id), at=_requested(each)) for each in found)
        ends = len(found) < limit
        return TimedPage(found=asked, last=None if ends else asked[-1].place)

    def _subject(self, name: str) -> Subject:
        return subject_of_talk_ledger(name) if self._are_talks else Subject(avatar_id=name)


def _requested(found: Found) -> Any:
    shown: Any = decode(found.fields["shown"])
    return shown["requested"]
