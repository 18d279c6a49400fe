"""A delivery in progress: mutable, owned by the dispatcher."""

import asyncio
import time
from dataclasses import dataclass, field, replace

from emulator.eventarc.delivery import Attempt, Delivery, Outcome
from emulator.eventarc.trigger import CloudEvent, Trigger


@dataclass(kw_only=True)
class PendingDelivery:
    """An event, its trigger, and the state of its delivery.

    `copies` is 2 where a duplicate is planned; `delay_s` is the wait before the first attempt;
    `sent` is set when a request has been sent.
    """

    event: CloudEvent
    trigger: Trigger
    delivery: Delivery
    copies: int = 1
    delay_s: float = 0.0
    sent: asyncio.Event = field(default_factory=asyncio.Event)

    def set_outcome(self, outcome: Outcome) -> None:
        """Set the outcome."""
        self.delivery = replace(self.delivery, outcome=outcome)

    def end_copy(self, outcome: Outcome) -> None:
        """End one copy; the last one's outcome is the delivery's."""
        self.copies -= 1
        if self.copies == 0:
            self.set_outcome(outcome)

    def begin_attempt(self, target: str) -> int:
        """Add an attempt and return its number."""
        attempts = self.delivery.attempts
        attempt = Attempt(target=target, started_at=time.time())
        self.delivery = replace(self.delivery, attempts=(*attempts, attempt))
        return len(attempts)

    def end_attempt(self, number: int, status: int | None, error: str) -> None:
        """Record the result of an attempt."""
        attempts = list(self.delivery.attempts)
        attempts[number] = replace(
            attempts[number], finished_at=time.time(), status=status, error=error
        )
        self.delivery = replace(self.delivery, attempts=tuple(attempts))


def pending_delivery(event: CloudEvent, trigger: Trigger) -> PendingDelivery:
    """Return the delivery of an event to a trigger, not begun."""
    delivery = Delivery(
        event_id=event.identifier,
        trigger=trigger.name,
        document=event.document,
        created_at=time.time(),
        outcome=Outcome.PENDING,
    )
    return PendingDelivery(event=event, trigger=trigger, delivery=delivery)
