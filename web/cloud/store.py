"""Generations as Firestore documents. Clients of the app may read none of them (rules).

Every query is by one field, so none needs a composite index. Leases are judged by the database's
time; `createdAt` and `finishedAt` are those of the machines that write.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.transaction import Transaction

from web.cloud.messages import FirestoreMessages
from web.generation import Generation, State
from web.jobs.transitions import announcement, begun, interrupted, repeated, require_room

GENERATIONS = "livePortraitGenerations"
KEYS = "livePortraitGenerationKeys"
_KEPT = timedelta(days=7)  # for Firestore's TTL policy: longer than any result is kept
_TRIES = 20
_LAST_KEY = "~"  # after every digit
_END_OF_TIME_MICROS = 10**16
_T = TypeVar("_T")


class Leased(Exception):
    """Another process renders the generation."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A generation that one process renders."""

    generation: Generation
    owner: str  # of the lease


class FirestoreJobStore:
    """All generations of a project; safe from many processes."""

    def __init__(
        self,
        client: firestore.Client,
        *,
        max_queued: int = 0,
        on_added: Callable[[Generation], None] = lambda _: None,
    ) -> None:
        """Keep the client.

        Args:
            client: of the project.
            max_queued: how many may wait, about: processes that add at once do not see each other.
            on_added: puts a generation that is queued into the queue; may be told of one twice.
        """
        self._client = client
        self._max_queued = max_queued
        self._on_added = on_added
        self._messages = FirestoreMessages(client)

    # --- JobStore

    def add(self, generation: Generation, *, idempotency_key: str | None) -> Generation:
        """Store a new one, or return the one that is known; see `JobStore`."""
        key = None if idempotency_key is None else self._key(generation.owner, idempotency_key)

        def decide(transaction: Transaction) -> Generation:
            known_id = generation.id
            if key is not None and (seen := key.get(transaction=transaction)).exists:
                known_id = str(seen.get("id"))
            found = self._document(known_id).get(transaction=transaction)
            if found.exists:
                return repeated(_read(found), generation, idempotency_key)
            require_room(self.count(State.QUEUED), self._max_queued)
            fields = _fields(generation) | {"key": None if key is None else key.id}
            transaction.set(self._document(generation.id), fields)
            if key is not None:
                transaction.set(key, {"id": generation.id, "expireAt": _expiry(generation)})
            return generation

        added = self._transact(decide)
        if added.state is State.QUEUED:
            self._on_added(added)
        return added

    def get(self, generation_id: str) -> Generation | None:
        """Return a generation."""
        found = self._document(generation_id).get()
        return _read(found) if found.exists else None

    def page(self, owner: str, *, limit: int, after: str | None) -> list[Generation]:
        """Return an owner's, the newest first, from the one after `after` on."""
        begin = f"{owner}/"
        query = self._query("listKey", "<", begin + _LAST_KEY)
        if after is None:
            query = query.where(filter=FieldFilter("listKey", ">", begin))
        else:
            found = self.get(after)
            if found is None:
                return []
            query = query.where(filter=FieldFilter("listKey", ">", _list_key(found)))
        return [_read(each) for each in query.order_by("listKey").limit(limit).stream()]

    def change(
        self, generation_id: str, how: Callable[[Generation], Generation]
    ) -> Generation | None:
        """Replace one, unless it has ended; see `JobStore`."""

        def decide(transaction: Transaction) -> Generation | None:
            found = self._document(generation_id).get(transaction=transaction)
            if not found.exists:
                return None
            before = _read(found)
            return before if before.state.is_final else self._write(transaction, before, how)

        return self._transact(decide)

    def delete_ended(self, before: float) -> list[Generation]:
        """Delete those that ended before a time, and return them."""
        ended = self._query("finishedAt", "<", before).limit(100).stream()
        gone = []
        for found in ended:
            if (key := found.to_dict().get("key")) is not None:
                self._client.collection(KEYS).document(key).delete()
            found.reference.delete()
            gone.append(_read(found))
        return gone

    # --- QueueView

    def position(self, generation: Generation) -> int | None:
        """Return how many are queued before a queued one."""
        if generation.state is not State.QUEUED:
            return None
        return _count(self._query("queuedAt", "<", generation.created_at))

    def count(self, state: State) -> int:
        """Return how many are in a state."""
        return _count(self._query("state", "==", state.value))

    def latest(self) -> Generation | None:
        """Return the video that was finished last."""
        query = self._query("videoReadyAt", ">", 0).order_by(
            "videoReadyAt", direction=firestore.Query.DESCENDING
        )
        return next((_read(each) for each in query.limit(1).stream()), None)

    # --- of the renderers

    def queued_before(self, moment: float) -> list[Generation]:
        """Return some that are queued since before a moment."""
        query = self._query("queuedAt", "<", moment).order_by("queuedAt").limit(100)
        return [_read(each) for each in query.stream()]

    def claim(self, generation_id: str, owner: str, *, lease_s: float) -> Claim | None:
        """Begin to render one under a lease; None: there is nothing left to do.

        Raises:
            Leased: another process holds the lease.
        """

        def decide(transaction: Transaction) -> Claim | None:
            found = self._document(generation_id).get(transaction=transaction)
            if not found.exists:
                return None
            now, generation = found.read_time.timestamp(), _read(found)
            if generation.state.is_final:
                return None
            lease = found.to_dict().get("lease") or {}
            if lease.get("owner") != owner and lease.get("until", 0) > now:
                raise Leased
            if generation.state is State.RENDERING and lease.get("owner") != owner:
                stopped = interrupted(generation, now)  # whoever rendered it has died
                if stopped.state.is_final:
                    self._write(transaction, generation, lambda _: stopped)
                    return None
                generation = stopped
            taken = generation
            if generation.state is State.QUEUED:
                taken = self._write(transaction, generation, lambda each: begun(each, now))
            self._lease(transaction, generation_id, owner, now + lease_s)
            return Claim(generation=taken, owner=owner)

        return self._transact(decide)

    def renew(
        self, claim: Claim, how: Callable[[Generation], Generation], *, lease_s: float
    ) -> Generation | None:
        """Change one under its lease, and renew it; None: the lease is another's, or it ended."""

        def decide(transaction: Transaction) -> Generation | None:
            found = self._document(claim.generation.id).get(transaction=transaction)
            if not found.exists or (found.to_dict().get("lease") or {}).get("owner") != claim.owner:
                return None
            before = _read(found)
            if before.state.is_final:
                return None
            after = self._write(transaction, before, how)
            until = found.read_time.timestamp() + lease_s
            self._lease(transaction, claim.generation.id, claim.owner, until)
            return after

        return self._transact(decide)

    # --- what every one needs

    def _transact(self, decide: Callable[[Transaction], _T]) -> _T:
        transaction = self._client.transaction(max_attempts=_TRIES)
        return firestore.transactional(decide)(transaction)

    def _write(
        self,
        transaction: Transaction,
        before: Generation,
        how: Callable[[Generation], Generation],
    ) -> Generation:
        after = how(before)
        transaction.update(self._document(after.id), _fields(after))
        told = announcement(before, after)
        if told is not None:
            self._messages.put(transaction, told)
        return after

    def _lease(
        self, transaction: Transaction, generation_id: str, owner: str, until: float
    ) -> None:
        lease = {"owner": owner, "until": until}
        transaction.update(self._document(generation_id), {"lease": lease})

    def _query(self, field: str, operator: str, value: Any) -> Any:
        collection = self._client.collection(GENERATIONS)
        return collection.where(filter=FieldFilter(field, operator, value))

    def _document(self, generation_id: str) -> Any:
        return self._client.collection(GENERATIONS).document(generation_id)

    def _key(self, owner: str, key: str) -> Any:
        name = hashlib.sha256(f"{owner} {key}".encode()).hexdigest()
        return self._client.collection(KEYS).document(name)


def _read(found: Any) -> Generation:
    return Generation.from_json(found.get("body"))


def _count(query: Any) -> int:
    return int(query.count(alias="n").get()[0][0].value)


def _list_key(generation: Generation) -> str:
    """Return what sorts an owner's generations, the newest first."""
    left = _END_OF_TIME_MICROS - round(generation.created_at * 1e6)
    return f"{generation.owner}/{left:017d}/{generation.id}"


def _expiry(generation: Generation) -> datetime:
    return datetime.fromtimestamp(generation.created_at, UTC) + _KEPT


def _fields(generation: Generation) -> dict[str, Any]:
    """Return the document: the generation, and the fields that are queried.

    A query by a field finds only documents that have it as a number: None sorts elsewhere.
    """
    is_queued = generation.state is State.QUEUED
    is_video = generation.state is State.READY and generation.kind.is_animated
    return {
        "body": generation.to_json(),
        "state": generation.state.value,
        "listKey": _list_key(generation),
        "queuedAt": generation.created_at if is_queued else None,
        "finishedAt": generation.finished_at,
        "videoReadyAt": generation.finished_at if is_video else None,
        "expireAt": _expiry(generation),
    }
