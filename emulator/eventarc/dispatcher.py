"""Delivers events at least once: concurrent, unordered, retried until they are acknowledged.

Knows triggers and HTTP, no document store; the suite passes the changes. All times of the real
service are multiplied by the time factor.
"""

import asyncio
import itertools
import logging
import time
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from emulator.eventarc.delivery import ACKNOWLEDGED, Delivery, Outcome
from emulator.eventarc.pending_delivery import PendingDelivery, pending_delivery
from emulator.eventarc.trigger import CloudEvent, Trigger, cloud_event
from emulator.faults import FaultKind, FaultPlan
from emulator.firestore.documents.document import DocumentChange
from emulator.http_client import Unreachable, send

_log = logging.getLogger(__name__)

FIRST_BACKOFF_S = 10.0
LONGEST_BACKOFF_S = 600.0
ACKNOWLEDGEMENT_DEADLINE_S = 600.0
RETENTION_S = 24 * 3600.0
_REMEMBERED = 10_000
_UNLIMITED = 1_000_000
_FINAL = (Outcome.ACKNOWLEDGED, Outcome.DROPPED)


class Dispatcher:
    """The triggers and their deliveries."""

    def __init__(self, faults: FaultPlan, time_factor: float = 1.0) -> None:
        self._faults = faults
        self._factor = time_factor
        self._triggers: dict[str, Trigger] = {}
        self._turns: dict[str, Iterator[str]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._deliveries: list[PendingDelivery] = []
        self._held: list[PendingDelivery] = []
        self._swapped: list[PendingDelivery] = []  # at most one: it is sent after the next
        self._tasks: set[asyncio.Task[None]] = set()
        self._unreachable: set[str] = set()

    def connect(self, trigger: Trigger) -> None:
        """Add a trigger, or replace the one of the same name, also for deliveries under way."""
        self._triggers[trigger.name] = trigger
        self._turns[trigger.name] = itertools.cycle(trigger.targets)
        self._slots[trigger.name] = asyncio.Semaphore(trigger.concurrency or _UNLIMITED)

    def disconnect(self, name: str) -> None:
        """Remove a trigger; deliveries under way continue.

        Raises:
            KeyError: there is no trigger of this name.
        """
        del self._triggers[name]

    def triggers(self) -> tuple[Trigger, ...]:
        """Return the triggers."""
        return tuple(self._triggers.values())

    def on_commit(self, changes: Sequence[DocumentChange]) -> None:
        """Send the changes of one commit to the triggers that they match."""
        for change in changes:
            for trigger in self._triggers.values():
                if trigger.matches(change):
                    event = cloud_event(change, str(uuid.uuid4()), trigger.event_type)
                    self._schedule(pending_delivery(event, trigger))

    def deliveries(self) -> tuple[Delivery, ...]:
        """Return the deliveries since the last `clear`, oldest first, at least the last 10,000."""
        return tuple(one.delivery for one in self._deliveries)

    def events(self) -> tuple[CloudEvent, ...]:
        """Return the events since the last `clear`, oldest first, at least the last 10,000."""
        return tuple(one.event for one in self._deliveries)

    def release(self, *, reverse: bool = False) -> int:
        """Send the held events and return their number.

        One that waits to be swapped comes last. Each is sent after the request before it, so that
        they arrive in order.
        """
        held = self._held[::-1] if reverse else self._held[:]
        held += self._swapped
        self._held.clear()
        self._swapped.clear()
        if held:
            self._start(self._send_in_order(held))
        return len(held)

    def is_idle(self) -> bool:
        """Return whether nothing is pending and no request runs; held events do not count."""
        return not self._tasks

    def clear(self) -> None:
        """Forget all events and stop sending; the triggers stay."""
        for task in self._tasks:
            task.cancel()
        self._deliveries.clear()
        self._held.clear()
        self._swapped.clear()
        self._unreachable.clear()
        for trigger in self._triggers.values():  # a task that never began releases no slot
            self._slots[trigger.name] = asyncio.Semaphore(trigger.concurrency or _UNLIMITED)

    async def close(self) -> None:
        """Stop sending, and wait for its end."""
        tasks = tuple(self._tasks)
        self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _schedule(self, pending: PendingDelivery) -> None:
        self._deliveries.append(pending)
        self._drop_old()
        document = pending.event.document
        if self._faults.take(FaultKind.DROP_EVENT, document):
            pending.set_outcome(Outcome.DROPPED)
            return
        if self._faults.take(FaultKind.DUPLICATE_EVENT, document):
            pending.copies = 2
        delay = self._faults.take(FaultKind.DELAY_EVENT, document)
        if delay is not None:
            pending.delay_s = delay.seconds
        if self._faults.take(FaultKind.HOLD_EVENT, document):
            pending.set_outcome(Outcome.HELD)
            self._held.append(pending)
        elif self._faults.take(FaultKind.SWAP_EVENT, document):
            pending.set_outcome(Outcome.HELD)
            self._swapped.append(pending)
        elif self._swapped:
            self._start(self._send_in_order([pending, self._swapped.pop()]))
        else:
            self._send(pending)

    def _drop_old(self) -> None:
        if len(self._deliveries) > 2 * _REMEMBERED:
            old, self._deliveries = self._deliveries[:-_REMEMBERED], self._deliveries[-_REMEMBERED:]
            unfinished = [one for one in old if one.delivery.outcome not in _FINAL]
            self._deliveries[:0] = unfinished

    def _send(self, pending: PendingDelivery) -> None:
        pending.set_outcome(Outcome.PENDING)
        for _ in range(pending.copies):
            self._start(self._deliver(pending))

    async def _send_in_order(self, held: Sequence[PendingDelivery]) -> None:
        for one in held:
            self._send(one)
            await one.sent.wait()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, pending: PendingDelivery) -> None:
        """Repeat attempts until one is acknowledged in time, or the event is too old."""
        await asyncio.sleep(pending.delay_s)
        give_up_at = time.monotonic() + RETENTION_S * self._factor
        backoff = FIRST_BACKOFF_S
        while not await self._is_acknowledged(pending):
            if time.monotonic() + backoff * self._factor > give_up_at:
                _log.error(
                    "event %s about %s is given up",
                    pending.event.identifier,
                    pending.event.document,
                )
                pending.end_copy(Outcome.DEAD)
                return
            await asyncio.sleep(backoff * self._factor)
            backoff = min(2 * backoff, LONGEST_BACKOFF_S)
        pending.end_copy(Outcome.ACKNOWLEDGED)

    async def _is_acknowledged(self, pending: PendingDelivery) -> bool:
        """Make one attempt; past the deadline its request continues, but no longer counts."""
        slots = self._slots[pending.trigger.name]
        await slots.acquire()
        response_status: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._start(self._attempt(pending, slots, response_status))
        try:
            status = await asyncio.wait_for(
                response_status, ACKNOWLEDGEMENT_DEADLINE_S * self._factor
            )
        except TimeoutError:
            return False
        return status in ACKNOWLEDGED

    async def _attempt(
        self,
        pending: PendingDelivery,
        slots: asyncio.Semaphore,
        response_status: "asyncio.Future[int | None]",
    ) -> None:
        target = next(self._turns[pending.trigger.name])
        number = pending.begin_attempt(target)
        status, error_text = None, ""
        try:
            response = await send(
                target, pending.event.headers, pending.event.body, on_sent=pending.sent.set
            )
            status = response.status
            self._unreachable.discard(target)
        except Unreachable as error:
            error_text = str(error)
            self._warn_unreachable(target, error_text)
        finally:
            slots.release()
        pending.sent.set()
        pending.end_attempt(number, status, error_text)
        if not response_status.done():
            response_status.set_result(status)

    def _warn_unreachable(self, target: str, error_text: str) -> None:
        if target not in self._unreachable:
            self._unreachable.add(target)
            _log.warning("cannot reach %s (%s); events for it are repeated", target, error_text)
