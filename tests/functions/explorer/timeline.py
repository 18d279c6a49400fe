"""Virtual time, and parties that take turns in it.

Each party is a thread that runs only while it holds the turn, and gives it back wherever it waits:
at every call of a port, every sleep, every lock. Who is next follows from when each has to go on,
so an episode is an interleaving, and the same waits are always the same one.
"""

import heapq
import itertools
import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_HUNG_S = 20.0


class Killed(BaseException):
    """The party's process has ended: nothing that it still does has any effect."""


@dataclass(kw_only=True, eq=False)
class Host:
    """A process: its parties are frozen and killed together."""

    name: str
    dead: bool = False
    frozen_until: float = 0.0
    parties: "list[Party]" = field(default_factory=list)

    def tell_end(self) -> None:
        """Tell it that it will be killed soon."""


class Party:
    """One thread of work in a process."""

    def __init__(self, name: str, host: Host, act: Callable[[], object], seed: object) -> None:
        self.name = name
        self.host = host
        self.act = act
        self.stream = random.Random(f"{seed}/{name}")  # noqa: S311 - must be repeatable
        self.calls = 0
        self.waits = 0  # how often it has waited: an entry of an earlier wait is void
        self.ended = False
        self.fault: BaseException | None = None  # that nobody has expected
        self.worker: _Worker | None = None
        host.parties.append(self)


class _Worker:
    """A thread that acts for one party after the other."""

    def __init__(self, baton: threading.Lock) -> None:
        self.turn = threading.Lock()
        self.turn.acquire()
        self._baton = baton
        self.party: Party | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            self.turn.acquire()
            party = self.party
            if party is not None:
                try:
                    party.act()
                except Killed:
                    pass
                except BaseException as fault:
                    party.fault = fault
                party.ended = True
            self._baton.release()


_baton = threading.Lock()
_baton.acquire()
_idle: list[_Worker] = []


class Timeline:
    """The one clock of an episode, and whose turn it is."""

    def __init__(self, seed: object, start_s: float) -> None:
        self.seed = seed
        self.now = start_s
        self.current: Party | None = None
        self.stopped = False  # every party that gets the turn ends at once
        self._due: list[tuple[float, int, Party | Callable[[], object], int]] = []
        self._numbers = itertools.count()
        self._until = float("inf")

    # --- from outside

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let something happen that waits for nothing."""
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), action, 0))

    def spawn(self, name: str, host: Host, act: Callable[[], object], after_s: float = 0) -> Party:
        """One more party."""
        party = Party(name, host, act, self.seed)
        self._push(party, after_s)
        return party

    def run(self, until: float = float("inf")) -> None:
        """Let everything happen that is due, to the end, or until some moment."""
        self._until = until
        while self._due and not self.stopped:
            at, _, entry, waits = self._due[0]
            if at > until:
                break
            heapq.heappop(self._due)
            if not isinstance(entry, Party):
                self.now = max(self.now, at)
                entry()
            elif not entry.ended and waits == entry.waits:
                self.now = max(self.now, at)
                self._move(entry)

    def advance(self, seconds: float) -> None:
        """Let time pass, and with it whatever is due."""
        end = self.now + seconds
        self.run(end)
        self.now = max(self.now, end)

    def close(self, hosts: Iterable[Host]) -> None:
        """End every party that has not ended."""
        self.stopped = True
        for host in hosts:
            for party in host.parties:
                if party.worker is not None and not party.ended:
                    self._move(party)

    # --- from a party

    def park(self, seconds: float | None) -> None:
        """Give the turn away for so long, or until somebody wakes the party."""
        party = self.current
        assert party is not None, "a port is called by nobody"
        while True:
            party.waits += 1
            if seconds is not None:
                self._push(party, seconds)
            self._give_way(party)
            if party.host.dead or self.stopped:
                raise Killed
            frozen_s = party.host.frozen_until - self.now
            if frozen_s <= 0:
                return
            seconds = frozen_s

    def wake(self, party: Party) -> None:
        """Let a parked party go on now."""
        if not party.ended:
            party.waits += 1
            self._push(party, 0)

    def kill(self, host: Host) -> None:
        """End a process; of the parties the one that calls this must raise `Killed` itself."""
        host.dead = True
        for party in host.parties:
            if party is not self.current:
                self.wake(party)

    def _push(self, party: Party, seconds: float) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), party, party.waits))

    def _give_way(self, party: Party) -> None:
        at, _, entry, waits = self._due[0] if self._due else (0.0, 0, None, 0)
        if entry is party and waits == party.waits and at <= self._until:
            heapq.heappop(self._due)  # nobody else comes before it
            self.now = max(self.now, at)
            return
        worker = party.worker
        assert worker is not None
        _baton.release()
        worker.turn.acquire()

    def _move(self, party: Party) -> None:
        if party.worker is None:
            if party.host.dead or self.stopped:
                party.ended = True
                return
            party.worker = _idle.pop() if _idle else _Worker(_baton)
            party.worker.party = party
        before, self.current = self.current, party
        party.worker.turn.release()
        if not _baton.acquire(timeout=_HUNG_S):
            raise AssertionError(f"{party.name} neither waits nor ends")
        self.current = before
        if party.ended:
            _idle.append(party.worker)
            party.worker = None
            if party.fault is not None:
                raise party.fault


class TurnLock:
    """A lock that holds up a party, never its thread."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._held = False
        self._waiting: list[Party] = []

    def acquire(self, *, timeout: float) -> bool:
        """Take it, or say that the time was not enough."""
        deadline = self._timeline.now + timeout
        party = self._timeline.current
        assert party is not None
        while self._held:
            left_s = deadline - self._timeline.now
            if left_s <= 0:
                return False
            self._waiting.append(party)
            try:
                self._timeline.park(left_s)
            finally:
                if party in self._waiting:
                    self._waiting.remove(party)
        self._held = True
        return True

    def release(self) -> None:
        """Let the next one go on."""
        self._held = False
        if self._waiting:
            self._timeline.wake(self._waiting.pop(0))


class Ticking:
    """Calls something again and again, as a party of its own, until told to stop."""

    def __init__(self, timeline: Timeline, seconds: float, action: Callable[[], bool]) -> None:
        self._timeline = timeline
        self._seconds = seconds
        self._action = action
        self._stopping = False
        self._calling = False
        self._joining: Party | None = None
        owner = timeline.current
        assert owner is not None
        owner.calls += 1
        self._party = timeline.spawn(f"{owner.name}.beat{owner.calls}", owner.host, self._tick)

    def stop(self) -> None:
        """Call it no more, and wait for a call that has begun, but not for one that hangs."""
        self._stopping = True
        timeline = self._timeline
        if self._party.host.dead or timeline.stopped or self._party.ended:
            return
        if not self._calling:
            timeline.wake(self._party)
            return
        self._joining = timeline.current
        timeline.park(5.0)
        self._joining = None

    def _tick(self) -> None:
        try:
            while not self._stopping:
                self._timeline.park(self._seconds)
                if self._stopping:
                    return
                self._calling = True
                goes_on = self._action()
                self._calling = False
                if not goes_on:
                    return
        finally:
            if self._joining is not None:
                self._timeline.wake(self._joining)
