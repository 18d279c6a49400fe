"""Messages to webhooks as Firestore documents, delivered by whichever process takes one first."""

import hashlib
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.transaction import Transaction

from web.generation import Generation
from web.jobs.ports import GIVEN_FOR_S, Delivery

MESSAGES = "livePortraitGenerationMessages"
DISABLED = "livePortraitGenerationHooksOff"
_MOST = 20


class FirestoreMessages:
    """All messages of a project; safe from many processes."""

    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def put(self, transaction: Transaction, delivery: Delivery) -> None:
        """Store a message together with what it tells of."""
        transaction.set(self._document(delivery.message), _fields(delivery))

    def take_due(self, now: float) -> list[Delivery]:
        """Return messages whose time has come; those of URLs that are switched off are dropped."""
        collection = self._client.collection(MESSAGES)
        query = collection.where(filter=FieldFilter("due", "<=", now)).order_by("due").limit(_MOST)
        taken = (self._take(each.id, now) for each in query.stream())
        return [each for each in taken if each is not None]

    def _take(self, message: str, now: float) -> Delivery | None:
        reference = self._document(message)

        @firestore.transactional
        def decide(transaction: Transaction) -> Delivery | None:
            found = reference.get(transaction=transaction)
            if not found.exists or found.get("due") > now:
                return None  # another process has it
            delivery = Delivery(
                message=message,
                generation=Generation.from_json(found.get("generation")),
                attempts=found.get("attempts"),
                due=found.get("due"),
            )
            if self._disabled(delivery.url).get(transaction=transaction).exists:
                transaction.delete(reference)
                return None
            transaction.update(reference, {"due": now + GIVEN_FOR_S})
            return delivery

        return decide(self._client.transaction(max_attempts=20))

    def put_off(self, delivery: Delivery) -> None:
        """Store the next attempt of a message."""
        self._document(delivery.message).set(_fields(delivery))

    def forget(self, message: str) -> None:
        """Drop a message."""
        self._document(message).delete()

    def disable(self, url: str) -> None:
        """Send nothing to this URL any more."""
        self._disabled(url).set({"url": url})

    def _document(self, message: str) -> Any:
        return self._client.collection(MESSAGES).document(message)

    def _disabled(self, url: str) -> Any:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self._client.collection(DISABLED).document(name)


def _fields(delivery: Delivery) -> dict[str, Any]:
    return {
        "generation": delivery.generation.to_json(),
        "attempts": delivery.attempts,
        "due": delivery.due,
    }
