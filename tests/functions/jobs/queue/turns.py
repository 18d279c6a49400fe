"""Several actors on one ledger, of whom one moves at a time: in the order that a test dictates.

Each runs in a thread of its own and waits for its turn before every reading, transaction and task,
so that a schedule is an interleaving, and the same schedule always the same one.
"""

import threading
from collections.abc import Callable, Iterable

from functions.domain.snapshot import AvatarSnapshot, Status, TransactionResult
from functions.domain.subject import Subject
from functions.domain.task import Task
from tests.functions.doubles import MemoryLedger, MemoryTaskQueue

_HUNG_S = 20.0


class Turns:
    """Hands out the turns."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._moved = threading.Semaphore(0)
        self._actors: list[_Actor] = []

    def add(self, act: Callable[[], object]) -> None:
        """One more actor; it does nothing before its first turn."""
        actor = _Actor(act, self._mine, self._moved)
        self._actors.append(actor)

    def wait(self) -> None:
        """An actor lets the others move; nobody else is held up."""
        actor = getattr(self._mine, "actor", None)
        if actor is not None:
            actor.finish_task()

    def play(self, schedule: Iterable[int]) -> None:
        """Give each actor's number a turn, in this order; then all of them in turn, to their end.

        Raises:
            Exception: what an actor raised.
        """
        for number in schedule:
            self._actors[number % len(self._actors)].move()
        while moving := [actor for actor in self._actors if not actor.ended]:
            for actor in moving:
                actor.move()
        for actor in self._actors:
            if actor.fault is not None:
                raise actor.fault


class _Actor:
    def __init__(
        self, act: Callable[[], object], mine: threading.local, moved: threading.Semaphore
    ) -> None:
        self._act = act
        self._mine = mine
        self._moved = moved
        self._turn = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.ended = False
        self.fault: BaseException | None = None

    def move(self) -> None:
        if self.ended:
            return
        if not self._thread.is_alive():
            self._thread.start()
        self._turn.release()
        if not self._moved.acquire(timeout=_HUNG_S):
            raise AssertionError("an actor neither waits for its turn nor ends")

    def finish_task(self) -> None:
        self._moved.release()
        self._turn.acquire()

    def _run(self) -> None:
        self._turn.acquire()
        self._mine.actor = self
        try:
            self._act()
        except BaseException as fault:
            self.fault = fault
        self.ended = True
        self._moved.release()


class TurnsLedger(MemoryLedger):
    """A ledger on which actors take turns."""

    turns: Turns

    def read(self, subject: Subject) -> AvatarSnapshot:
        self.turns.wait()
        return super().read(subject)

    def transact(
        self,
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Status]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Status]:
        self.turns.wait()
        change = super().transact(subject, decide, counting=counting)
        self._clock.advance(0.001)  # no two commits have one time
        return change


class TurnsQueue(MemoryTaskQueue):
    """A queue to which actors come in turn."""

    turns: Turns

    def put(self, task: Task) -> bool:
        self.turns.wait()
        return super().put(task)
