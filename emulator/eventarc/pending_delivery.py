"""An event on its way to one trigger's function: mutable, owned by the dispatcher."""

import asyncio
import time
from dataclasses import dataclass, field, replace

from emulator.eventarc.delivery import Attempt, Delivery, Outcome
from emulator.eventarc.trigger import CloudEvent, Trigger


@dataclass(kw_only=True)
class Parcel:
    """An event, its trigger, and what became of it so far.

    `copies` is 2 where a duplicate was planned, `delay_s` the wait before it
    leaves; `sent` is set when a request has left the house.
    """

    event: CloudEvent
    trigger: Trigger
    delivery: Delivery
    copies: int = 1
    delay_s: float = 0.0
    sent: asyncio.Event = field(default_factory=asyncio.Event)

    def settle(self, outcome: Outcome) -> None:
        """Says where the delivery stands."""
        self.delivery = replace(self.delivery, outcome=outcome)

    def end_copy(self, outcome: Outcome) -> None:
        """Ends one copy; the last one's outcome is the delivery's."""
        self.copies -= 1
        if self.copies == 0:
            self.settle(outcome)

    def begin_attempt(self, target: str) -> int:
        """Adds an attempt and returns its number."""
        attempts = self.delivery.attempts
        attempt = Attempt(target=target, started_at=time.time())
        self.delivery = replace(self.delivery, attempts=(*attempts, attempt))
        return len(attempts)

    def end_attempt(self, number: int, status: int | None, error: str) -> None:
        """Says what came of an attempt."""
        attempts = list(self.delivery.attempts)
        attempts[number] = replace(
            attempts[number], finished_at=time.time(), status=status, error=error
        )
        self.delivery = replace(self.delivery, attempts=tuple(attempts))


def parcel(event: CloudEvent, trigger: Trigger) -> Parcel:
    """Packs an event for a trigger."""
    delivery = Delivery(
        event_id=event.identifier,
        trigger=trigger.name,
        document=event.document,
        created_at=time.time(),
        outcome=Outcome.PENDING,
    )
    return Parcel(event=event, trigger=trigger, delivery=delivery)
