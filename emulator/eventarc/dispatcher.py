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
from typing import Any

from emulator.eventarc.delivery import ACKNOWLEDGED, Delivery, Outcome
from emulator.eventarc.pending_delivery import Parcel, parcel
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
_SETTLED = (Outcome.ACKNOWLEDGED, Outcome.DROPPED)


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
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._parcels: list[Parcel] = []
        self._held: list[Parcel] = []
        self._swapped: list[Parcel] = []  # at most one: it leaves behind the next
        self._tasks: set[asyncio.Task[None]] = set()
        self._unreachable: set[str] = set()

    def connect(self, trigger: Trigger) -> None:
        """Adds a trigger, or replaces the one of the same name, also for what is on its way."""
        self._triggers[trigger.name] = trigger
        self._turns[trigger.name] = itertools.cycle(trigger.targets)
        self._slots[trigger.name] = asyncio.Semaphore(trigger.concurrency or _UNLIMITED)

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
                    event = cloud_event(change, str(uuid.uuid4()), trigger.event_type)
                    self._take(parcel(event, trigger))

    def deliveries(self) -> tuple[Delivery, ...]:
        """Returns the deliveries since the last clearing, oldest first; of many the last 10,000."""
        return tuple(one.delivery for one in self._parcels)

    def events(self) -> tuple[CloudEvent, ...]:
        """Returns the events since the last clearing, oldest first; of many the last 10,000."""
        return tuple(one.event for one in self._parcels)

    def release(self, *, reverse: bool = False) -> int:
        """Sends the events that were held back, and returns how many there were.

        One that waits to be swapped comes last. Each one leaves when the request before it has been
        sent, so that they arrive in order.
        """
        held = self._held[::-1] if reverse else self._held[:]
        held += self._swapped
        self._held.clear()
        self._swapped.clear()
        if held:
            self._start(self._send_in_order(held))
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
        self._swapped.clear()
        self._unreachable.clear()
        for trigger in self._triggers.values():  # a task that never began gives no slot back
            self._slots[trigger.name] = asyncio.Semaphore(trigger.concurrency or _UNLIMITED)

    async def close(self) -> None:
        """Stops sending, and waits until that is so."""
        tasks = tuple(self._tasks)
        self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, taken: Parcel) -> None:
        self._parcels.append(taken)
        self._forget_old()
        document = taken.event.document
        if self._faults.take(FaultKind.DROP_EVENT, document):
            taken.settle(Outcome.DROPPED)
            return
        if self._faults.take(FaultKind.DUPLICATE_EVENT, document):
            taken.copies = 2
        delay = self._faults.take(FaultKind.DELAY_EVENT, document)
        if delay is not None:
            taken.delay_s = delay.seconds
        if self._faults.take(FaultKind.HOLD_EVENT, document):
            taken.settle(Outcome.HELD)
            self._held.append(taken)
        elif self._faults.take(FaultKind.SWAP_EVENT, document):
            taken.settle(Outcome.HELD)
            self._swapped.append(taken)
        elif self._swapped:
            self._start(self._send_in_order([taken, self._swapped.pop()]))
        else:
            self._send(taken)

    def _forget_old(self) -> None:
        if len(self._parcels) > 2 * _REMEMBERED:
            old, self._parcels = self._parcels[:-_REMEMBERED], self._parcels[-_REMEMBERED:]
            living = [one for one in old if one.delivery.outcome not in _SETTLED]
            self._parcels[:0] = living

    def _send(self, taken: Parcel) -> None:
        taken.settle(Outcome.PENDING)
        for _ in range(taken.copies):
            self._start(self._deliver(taken))

    async def _send_in_order(self, held: Sequence[Parcel]) -> None:
        for one in held:
            self._send(one)
            await one.sent.wait()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, taken: Parcel) -> None:
        """Repeats attempts until one is acknowledged in time, or the event is too old."""
        await asyncio.sleep(taken.delay_s)
        give_up_at = time.monotonic() + RETENTION_S * self._factor
        backoff = FIRST_BACKOFF_S
        while not await self._is_acknowledged(taken):
            if time.monotonic() + backoff * self._factor > give_up_at:
                _log.error(
                    "event %s about %s is given up", taken.event.identifier, taken.event.document
                )
                taken.end_copy(Outcome.DEAD)
                return
            await asyncio.sleep(backoff * self._factor)
            backoff = min(2 * backoff, LONGEST_BACKOFF_S)
        taken.end_copy(Outcome.ACKNOWLEDGED)

    async def _is_acknowledged(self, taken: Parcel) -> bool:
        """Makes one attempt; past the deadline its request goes on, but no longer counts."""
        slots = self._slots[taken.trigger.name]
        await slots.acquire()
        answer: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._start(self._attempt(taken, slots, answer))
        try:
            status = await asyncio.wait_for(answer, ACKNOWLEDGEMENT_DEADLINE_S * self._factor)
        except TimeoutError:
            return False
        return status in ACKNOWLEDGED

    async def _attempt(
        self, taken: Parcel, slots: asyncio.Semaphore, answer: "asyncio.Future[int | None]"
    ) -> None:
        target = next(self._turns[taken.trigger.name])
        number = taken.begin_attempt(target)
        status, trouble = None, ""
        try:
            status = await send(
                target, taken.event.headers, taken.event.body, on_sent=taken.sent.set
            )
            self._unreachable.discard(target)
        except Unreachable as error:
            trouble = str(error)
            self._tell_unreachable(target, trouble)
        finally:
            slots.release()
        taken.sent.set()
        taken.end_attempt(number, status, trouble)
        if not answer.done():
            answer.set_result(status)

    def _tell_unreachable(self, target: str, trouble: str) -> None:
        if target not in self._unreachable:
            self._unreachable.add(target)
            _log.warning("cannot reach %s (%s); events for it are repeated", target, trouble)
