"""What may befall a call of a port: every one of them passes through here.

A call may fail before it has an effect, have its effect and lose its answer, wait longer than a
lease, be decided twice, freeze its process or end it. Each party draws its own from its own
stream, so that leaving one out (`without`) changes nothing before it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from functions.domain.snapshot import AvatarSnapshot, Status, TransactionResult
from functions.domain.subject import Subject
from tests.functions.explorer.timeline import Host, Killed, Party, Timeline


class Kind(StrEnum):
    """What may befall a call."""

    FAIL = "fails before it has any effect"
    LOSE = "has its effect, and the answer is lost"
    WAIT_BEFORE = "waits longer than a lease, then has its effect"
    WAIT_AFTER = "has its effect, then waits longer than a lease"
    FREEZE_BEFORE = "is frozen with its process, then has its effect"
    FREEZE_AFTER = "has its effect, then is frozen with its process"
    KILL_BEFORE = "dies with its process before it has any effect"
    KILL_AFTER = "dies with its process after its effect"
    AGAIN = "is decided, loses to another, and is decided again"
    TWICE = "is committed, and decided and committed again"
    BREAK = "fails in the renderer"
    END = "is made by a process that is told to end, and is killed ten seconds later"


_COMMON = (
    (Kind.FAIL, 5),
    (Kind.LOSE, 5),
    (Kind.WAIT_BEFORE, 2),
    (Kind.WAIT_AFTER, 2),
    (Kind.FREEZE_BEFORE, 1),
    (Kind.FREEZE_AFTER, 1),
    (Kind.KILL_BEFORE, 1),
    (Kind.KILL_AFTER, 2),
)
_WAITING = (
    (Kind.WAIT_BEFORE, 2),
    (Kind.FREEZE_BEFORE, 2),
    (Kind.KILL_BEFORE, 2),
)
_TOLD = 0.04  # the share of disturbances that are instead the end of their process, in good order
_GRACE_S = 10.0
_WEIGHTS = {  # how often a call is disturbed, beside others: most calls only read
    "ledger.transact": 2.0,
    "ledger.read": 0.5,
    "media.find": 0.5,
    "media.publish": 2.0,
    "media.delete": 4.0,
    "media.delete_prefix": 4.0,
    "queue.put": 2.0,
    "clock.sleep": 0.5,
}
_KINDS = {
    "ledger.transact": (*_COMMON, (Kind.AGAIN, 3), (Kind.TWICE, 3)),
    "clock.sleep": _WAITING,
    "renderer.frame": _WAITING,
}
SOFT = frozenset({Kind.FAIL, Kind.LOSE, Kind.AGAIN, Kind.TWICE})
HARD = frozenset(set(Kind) - SOFT)
KILLS = frozenset({Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.END})


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """Something that befell a call."""

    name: str
    kind: Kind
    size: float  # 0..1
    party: Party
    port: str

    @property
    def waits_s(self) -> float:
        """How long it waits: longer than a lease, now and then longer than ten minutes."""
        return 61 + 40 * self.size if self.size < 0.8 else 600 + 300 * (self.size - 0.8)


@dataclass(frozen=True, kw_only=True)
class Cue:
    """A call of a port, counted from now on, and which side of it."""

    port: str
    number: int
    before: bool


@dataclass(kw_only=True)
class Weather:
    """How much is disturbed in an episode, and what has been."""

    timeline: Timeline
    seed: object
    without: frozenset[str] = frozenset()
    tell: Callable[[str, str], object]
    heed: Callable[[Disturbance], object]
    excuse: Callable[[str], object]
    calm: bool = False  # nothing is disturbed any more
    happened: list[Disturbance] = field(default_factory=list)
    outages: list[tuple[str, float, float]] = field(default_factory=list)  # port, from, until
    missed: int = 0  # calls during outages
    _waiting: list[tuple[Cue, Callable[[], object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        stream = random.Random(f"{self.seed}/weather")  # noqa: S311 - must be repeatable
        self.chance = stream.choice((0.0, 0.01, 0.01, 0.03, 0.03, 0.1))
        self.pace_s = stream.choice((0.002, 0.05, 0.05, 0.6))
        begin, wide = stream.random() * 60, stream.choice((20.0, 120.0, 720.0))
        port = stream.choice(("ledger", "media", "queue"))
        if stream.random() < 0.08 and "outage" not in self.without:
            self.outages.append((port, self.timeline.now + begin, self.timeline.now + begin + wide))

    def latency(self, party: Party) -> float:
        """How long a call takes."""
        return self.pace_s * (0.05 + 1.95 * party.stream.random() ** 2)

    def draw(self, port: str) -> Disturbance | None:
        """What befalls the next call of the party whose turn it is."""
        party = self.timeline.current
        assert party is not None, f"{port} is called by nobody"
        party.calls += 1
        chance, choice, size = (party.stream.random() for _ in range(3))
        name = f"{party.name}:{party.calls}"
        likely = self.chance * _WEIGHTS.get(port, 1.0)
        if self.calm or chance >= likely or name in self.without:
            return None
        kinds = _KINDS.get(port, _COMMON)
        left = choice * sum(weight for _, weight in kinds)
        for kind, weight in kinds:  # noqa: B007 - the last one it comes to
            left -= weight
            if left < 0:
                break
        if size > 1 - _TOLD:
            kind = Kind.END
        return Disturbance(name=name, kind=kind, size=size, party=party, port=port)

    def befall(self, disturbance: Disturbance) -> None:
        """Note a disturbance that takes place."""
        self.happened.append(disturbance)
        self.tell(disturbance.party.name, f"!! {disturbance.port} {disturbance.kind}")
        self.heed(disturbance)

    def breaks(self, weight: float) -> str | None:
        """The name of a failure of the renderer's, if its next render fails."""
        party = self.timeline.current
        assert party is not None
        party.calls += 1
        chance, name = party.stream.random(), f"{party.name}:{party.calls}"
        spared = self.calm or chance >= self.chance * weight or name in self.without
        return None if spared else name

    def broke(self, name: str, what: str) -> None:
        """The renderer fails now."""
        party = self.timeline.current
        assert party is not None
        self.befall(
            Disturbance(name=name, kind=Kind.BREAK, size=0, party=party, port=f"renderer.{what}")
        )

    def is_out(self, port: str) -> bool:
        """Whether a service is away."""
        now = self.timeline.now
        return any(each == port and begin <= now < end for each, begin, end in self.outages)

    def upon(self, cue: Cue, action: Callable[[], object]) -> None:
        """Let something happen right before or right after a call, from whomever it comes."""
        self._waiting.append((cue, action))

    def _reach(self, port: str, *, before: bool) -> None:
        waiting, self._waiting = self._waiting, []
        for cue, action in waiting:
            if (cue.port, cue.before) != (port, before):
                self._waiting.append((cue, action))
            elif cue.number > 1:
                self._waiting.append((replace(cue, number=cue.number - 1), action))
            else:
                action()

    # --- what it does to a call

    def call(
        self,
        port: str,
        effect: Callable[[], Any],
        fault: Callable[[str], Exception],
        rehearse: Callable[[], object] = lambda: None,
    ) -> Any:
        """Make a call, disturbed or not."""
        drawn = self.draw(port)
        party = self.timeline.current
        assert party is not None
        self.timeline.park(self.latency(party))
        if self.is_out(port.partition(".")[0]):
            self.missed += 1
            self.excuse(f"{port} was away")
            raise fault(f"{port} is away")
        if self._waiting:
            self._reach(port, before=True)
        if drawn is None:
            result = effect()
        else:
            self.befall(drawn)
            result = self._disturb(drawn, effect, fault, rehearse)
        if self._waiting:
            self._reach(port, before=False)
        return result

    def _disturb(
        self,
        drawn: Disturbance,
        effect: Callable[[], Any],
        fault: Callable[[str], Exception],
        rehearse: Callable[[], object],
    ) -> Any:
        party = drawn.party
        self._before(drawn, fault)
        if drawn.kind is Kind.AGAIN:
            rehearse()
            self.timeline.park(self.latency(party))
        result = effect()
        if drawn.kind is Kind.TWICE:
            self.timeline.park(self.latency(party))
            result = effect()
        self._after(drawn, fault)
        return result

    def _before(self, drawn: Disturbance, fault: Callable[[str], Exception]) -> None:
        match drawn.kind:
            case Kind.FAIL:
                raise fault(f"{drawn.port} fails")
            case Kind.WAIT_BEFORE:
                self.timeline.park(drawn.waits_s)
            case Kind.FREEZE_BEFORE:
                self._freeze(drawn)
            case Kind.KILL_BEFORE:
                self._kill(drawn)
            case Kind.END:
                self.end(drawn.party.host)

    def _after(self, drawn: Disturbance, fault: Callable[[str], Exception]) -> None:
        match drawn.kind:
            case Kind.LOSE:
                raise fault(f"the answer of {drawn.port} is lost")
            case Kind.WAIT_AFTER:
                self.timeline.park(drawn.waits_s)
            case Kind.FREEZE_AFTER:
                self._freeze(drawn)
            case Kind.KILL_AFTER:
                self._kill(drawn)

    def _freeze(self, drawn: Disturbance) -> None:
        host = drawn.party.host
        host.frozen_until = max(host.frozen_until, self.timeline.now + drawn.waits_s)
        self.timeline.park(0)

    def give_out(self, host: Host) -> None:
        """A process ends by itself, because it is of no more use."""
        party = self.timeline.current
        assert party is not None
        name = f"{party.name}:end"
        self.befall(Disturbance(name=name, kind=Kind.END, size=0, party=party, port="process"))
        self.end(host)

    def end(self, host: Host) -> None:
        """Tell a process to end, and kill it a while later."""
        self.timeline.after(_GRACE_S, lambda: self.timeline.kill(host))
        host.tell_end()

    def _kill(self, drawn: Disturbance) -> None:
        self.timeline.kill(drawn.party.host)
        raise Killed


class Disturbed:
    """A port with every method disturbed; attributes that are no methods are passed on."""

    def __init__(
        self, port: str, inner: Any, weather: Weather, fault: Any = ConnectionError
    ) -> None:
        self._port, self._inner, self._weather, self._fault = port, inner, weather, fault

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            effect = lambda: value(*args, **kwargs)  # noqa: E731
            return self._weather.call(f"{self._port}.{name}", effect, self._fault)

        self.__dict__[name] = call
        return call


class DisturbedLedger(Disturbed):
    """The ledger, whose decisions may also be taken anew because another one came first."""

    def transact(
        self,
        subject: Subject,
        decide: Callable[[AvatarSnapshot], TransactionResult[Status]],
        *,
        counting: bool = False,
    ) -> TransactionResult[Status]:
        """As the port, disturbed."""

        def effect() -> TransactionResult[Status]:
            change: TransactionResult[Status] = self._inner.transact(
                subject, decide, counting=counting
            )
            return change

        def rehearse() -> None:
            decide(self._inner.avatar(subject, counting=counting))

        change: TransactionResult[Any] = self._weather.call(
            "ledger.transact", effect, self._fault, rehearse
        )
        return change
