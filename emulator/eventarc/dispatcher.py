"""Delivers events at least once: concurrent, unordered, repeated until they are acknowledged.

Knows triggers and HTTP, no document store; the suite hands it the changes. All times of the real
service are multiplied by the time factor.
"""

import asyncio
import itertools
import logging
import time
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emulator.eventarc.delivery import ACKNOWLEDGED, Attempt, Delivery, Outcome
from emulator.eventarc.post import Unreachable, post
from emulator.eventarc.trigger import CloudEvent, Trigger, cloud_event
from emulator.faults import FaultKind, FaultPlan
from emulator.firestore.document import DocumentChange

_log = logging.getLogger(__name__)

FIRST_BACKOFF_S = 10.0
LONGEST_BACKOFF_S = 600.0
ACKNOWLEDGEMENT_DEADLINE_S = 600.0
RETENTION_S = 24 * 3600.0


@dataclass(kw_only=True)
class _Parcel:
    """A delivery in progress. `copies` is 2 where a duplicate was planned."""

    event: CloudEvent
    trigger: Trigger
    delivery: Delivery
    copies: int = 1


class Dispatcher:
    """The triggers, and the events on their way.

    Args:
        faults: what goes wrong on purpose.
        time_factor: 1 for the real service's times, less to hurry.
    """

    def __init__(self, faults: FaultPlan, time_factor: float = 1.0) -> None:
        self._faults = faults
        self._factor = time_factor
        self._triggers: dict[str, Trigger] = {}
        self._turns: dict[str, Iterator[str]] = {}
        self._parcels: dict[str, _Parcel] = {}
        self._held: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._unreachable: set[str] = set()

    def connect(self, trigger: Trigger) -> None:
        """Adds a trigger, or replaces the one of the same name."""
        self._triggers[trigger.name] = trigger
        self._turns[trigger.name] = itertools.cycle(trigger.targets)

    def disconnect(self, name: str) -> None:
        """Removes a trigger; what it has sent already stays on its way.

        Raises:
            KeyError: there is no trigger of this name.
        """
        del self._triggers[name]

    def triggers(self) -> tuple[Trigger, ...]:
        """Returns the triggers."""
        return tuple(self._triggers.values())

    def on_commit(self, changes: Sequence[DocumentChange]) -> None:
        """Takes the changes of one commit and sends what the triggers ask for."""
        for change in changes:
            for trigger in self._triggers.values():
                if trigger.matches(change):
                    self._take(trigger, cloud_event(change, str(uuid.uuid4())))

    def deliveries(self) -> tuple[Delivery, ...]:
        """Returns all deliveries since the last clearing, oldest first."""
        return tuple(parcel.delivery for parcel in self._parcels.values())

    def events(self) -> tuple[CloudEvent, ...]:
        """Returns all events since the last clearing, oldest first."""
        return tuple(parcel.event for parcel in self._parcels.values())

    def release(self, *, reverse: bool = False) -> int:
        """Sends the events that were held back, and returns how many there were."""
        held = list(reversed(self._held)) if reverse else list(self._held)
        self._held.clear()
        for key in held:
            self._send(key)
        return len(held)

    def is_idle(self) -> bool:
        """Says whether nothing is pending and no request runs; held events do not count."""
        return not self._tasks

    def clear(self) -> None:
        """Forgets all events, and stops sending; the triggers stay."""
        for task in self._tasks:
            task.cancel()
        self._parcels.clear()
        self._held.clear()
        self._unreachable.clear()

    async def close(self) -> None:
        """Stops sending, and waits until that is so."""
        tasks = tuple(self._tasks)
        self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, trigger: Trigger, event: CloudEvent) -> None:
        key = f"{trigger.name}/{event.identifier}"
        delivery = Delivery(
            event_id=event.identifier,
            trigger=trigger.name,
            document=event.document,
            created_at=time.time(),
            outcome=Outcome.PENDING,
        )
        parcel = _Parcel(event=event, trigger=trigger, delivery=delivery)
        self._parcels[key] = parcel
        if self._faults.take(FaultKind.DROP_EVENT, event.document):
            self._settle(parcel, Outcome.DROPPED)
            return
        if self._faults.take(FaultKind.DUPLICATE_EVENT, event.document):
            parcel.copies = 2
        if self._faults.take(FaultKind.HOLD_EVENT, event.document):
            self._settle(parcel, Outcome.HELD)
            self._held.append(key)
            return
        self._send(key)

    def _send(self, key: str) -> None:
        parcel = self._parcels[key]
        self._settle(parcel, Outcome.PENDING)
        for _ in range(parcel.copies):
            self._start(self._deliver(parcel))

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _deliver(self, parcel: _Parcel) -> None:
        """Repeats attempts until one is acknowledged in time, or the event is too old."""
        give_up_at = time.monotonic() + RETENTION_S * self._factor
        backoff = FIRST_BACKOFF_S
        while True:
            acknowledged: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._start(self._attempt(parcel, acknowledged))
            try:
                deadline = ACKNOWLEDGEMENT_DEADLINE_S * self._factor
                done = await asyncio.wait_for(acknowledged, deadline)
            except TimeoutError:  # the request goes on; its answer no longer counts
                done = False
            if done:
                self._settle(parcel, Outcome.ACKNOWLEDGED)
                return
            if time.monotonic() + backoff * self._factor > give_up_at:
                self._settle(parcel, Outcome.DEAD)
                _log.error("event %s is given up", parcel.event.identifier)
                return
            await asyncio.sleep(backoff * self._factor)
            backoff = min(2 * backoff, LONGEST_BACKOFF_S)

    async def _attempt(self, parcel: _Parcel, acknowledged: "asyncio.Future[bool]") -> None:
        target = next(self._turns[parcel.trigger.name])
        position = len(parcel.delivery.attempts)
        attempt = Attempt(target=target, started_at=time.time())
        parcel.delivery = replace(parcel.delivery, attempts=(*parcel.delivery.attempts, attempt))
        try:
            status = await post(target, parcel.event.headers, parcel.event.body)
        except Unreachable as error:
            attempt = replace(attempt, error=str(error))
            self._tell_unreachable(target, error)
            status = None
        else:
            self._unreachable.discard(target)
            attempt = replace(attempt, status=status)
        attempts = list(parcel.delivery.attempts)
        attempts[position] = replace(attempt, finished_at=time.time())
        parcel.delivery = replace(parcel.delivery, attempts=tuple(attempts))
        if not acknowledged.done():
            acknowledged.set_result(status in ACKNOWLEDGED)

    def _settle(self, parcel: _Parcel, outcome: Outcome) -> None:
        parcel.delivery = replace(parcel.delivery, outcome=outcome)

    def _tell_unreachable(self, target: str, error: Unreachable) -> None:
        if target not in self._unreachable:
            self._unreachable.add(target)
            _log.warning("cannot reach %s (%s); events for it are repeated", target, error)
