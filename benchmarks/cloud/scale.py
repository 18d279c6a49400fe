"""The deployment on paper: a discrete-event model of gate, queues, renderers and Firestore.

Nothing is called; the figures are those of docs/run/operations.md and of the services' own pages.
A save passes the gate (a thread and its processor time), waits for its debounce in a queue, passes
the gate again, waits in the queue of renders, claims (one transaction that also counts in a share
of the daily total, one document) and is rendered. What of all this has no room is what breaks.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from functions.domain.limits.daily_total import share_count

_BROKEN = 0.95  # of its capacity: from here on a backlog grows
_PERCENT = 100


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is assumed; times in seconds, prices in USD."""

    saves_per_minute: float
    renderers: int = 100
    gates: int = 10
    saves_per_drag: int = 4
    reused: float = 0.2  # of the wishes: a kept result answers
    threads_per_gate: int = 80
    first_look_s: float = 0.15  # a thread: two reads and a transaction
    first_look_cpu_s: float = 0.012
    echo_cpu_s: float = 0.001  # the event of a write of ours, told from its bytes
    writes_per_wish: int = 3  # to the avatar: queued, rendering, ready
    debounce_s: float = 3.0
    debounced_in_queue: bool = True  # False: a thread of the gate waits
    render_s: float = 20.0
    writes_per_second: float = 1.0  # to one document, for long
    renders_per_day_total: int = 5_000  # it decides how many documents the total is counted in
    pushes_per_second: float = 500.0  # of one queue of Cloud Tasks
    renderer_per_hour: float = 1.04
    gate_cpu_s: float = 0.0000265
    firestore_per_wish: float = 20 * 0.0000003 + 10 * 0.0000009
    seconds: float = 1200.0

    @property
    def wishes_per_second(self) -> float:
        """Values of the slider that no other follows within the debounce."""
        return self.saves_per_minute / 60 / self.saves_per_drag


class Timeline:
    """What happens, in order of time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), act))

    def run(self, until: float) -> None:
        """Let everything happen that is due by then."""
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heapq.heappop(self._due)
            act()
        self.now = until


@dataclass(kw_only=True)
class Resource:
    """Equal servers behind one queue, first come, first served."""

    timeline: Timeline
    servers: int
    busy: int = 0
    busy_s: float = 0.0
    waiting: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)

    def serve(self, seconds: float, then: Callable[[], None]) -> None:
        """Occupy a server for so long, then go on."""
        if self.busy == self.servers:
            self.waiting.append((seconds, then))
            return
        self.busy += 1
        self.busy_s += seconds
        self.timeline.after(seconds, lambda: self._done(then))

    def _done(self, then: Callable[[], None]) -> None:
        self.busy -= 1
        if self.waiting:
            self.serve(*self.waiting.popleft())
        then()

    def load(self, seconds: float) -> float:
        """The share of its time that was asked for, served or not."""
        asked = self.busy_s + sum(each for each, _ in self.waiting)
        return asked / (seconds * self.servers)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one load came to."""

    model: Model
    loads: dict[str, float]  # by resource; above 1: it falls behind
    median_s: float  # from a drag's last save to `ready`
    late_s: float  # the same of 95 of 100
    waiting: int  # renders in the queue at the end
    usd_per_hour: float

    @property
    def breaks(self) -> str:
        """The resource with the highest load, if that is too high."""
        name, load = max(self.loads.items(), key=lambda each: each[1])
        return name if load > _BROKEN else ""


class Simulation:
    """One load, played."""

    def __init__(self, model: Model, seed: int = 1) -> None:
        self._model = model
        self._stream = random.Random(seed)  # noqa: S311 - must be repeatable
        line = self._line = Timeline()
        self._resources = {
            "threads of the gates": Resource(
                timeline=line, servers=model.gates * model.threads_per_gate
            ),
            "processors of the gates": Resource(timeline=line, servers=model.gates),
            "queue of looks": Resource(timeline=line, servers=1),
            "renderers": Resource(timeline=line, servers=model.renderers),
        }
        self._shares = [
            Resource(timeline=line, servers=1)
            for _ in range(share_count(model.renders_per_day_total))
        ]
        self._took: list[float] = []

    def run(self) -> Report:
        """Play it, and tell what it came to."""
        model = self._model
        self._next_drag()
        self._line.run(model.seconds)
        loads = {name: each.load(model.seconds) for name, each in self._resources.items()}
        shares = [each.load(model.seconds) for each in self._shares]
        loads["shares of the daily total"] = sum(shares) / len(shares)
        took = sorted(self._took) or [float("inf")]
        return Report(
            model=model,
            loads=loads,
            median_s=took[len(took) // 2],
            late_s=took[int(len(took) * 0.95)],
            waiting=sum(
                len(each.waiting) for each in (*self._shares, self._resources["renderers"])
            ),
            usd_per_hour=self._cost(loads),
        )

    def _cost(self, loads: dict[str, float]) -> float:
        model = self._model
        renderers = min(loads["renderers"], 1.0) * model.renderers * model.renderer_per_hour
        gates = self._resources["processors of the gates"].busy_s * model.gate_cpu_s
        wishes = model.wishes_per_second * model.seconds * model.firestore_per_wish
        return renderers + (gates + wishes) * 3600 / model.seconds

    def _next_drag(self) -> None:
        self._line.after(self._stream.expovariate(self._model.wishes_per_second), self._drag)

    def _drag(self) -> None:
        self._next_drag()
        count = self._model.saves_per_drag
        for number in range(count):
            last = number == count - 1
            self._line.after(0.6 * number, lambda last=last: self._save(last))  # type: ignore[misc]

    def _save(self, last: bool) -> None:
        model, began = self._model, self._line.now
        held_s = model.first_look_s + (0 if model.debounced_in_queue else model.debounce_s)
        self._gate(held_s, lambda: self._debounce(began, last, held_s))

    def _gate(self, held_s: float, then: Callable[[], None]) -> None:
        self._resources["processors of the gates"].serve(
            self._model.first_look_cpu_s,
            lambda: self._resources["threads of the gates"].serve(held_s, then),
        )

    def _debounce(self, began: float, last: bool, held_s: float) -> None:
        model = self._model
        if not model.debounced_in_queue:
            self._look(began, last)
            return
        self._line.after(
            max(began + model.debounce_s - self._line.now, 0.0),
            lambda: self._resources["queue of looks"].serve(
                1 / model.pushes_per_second,
                lambda: self._gate(model.first_look_s, lambda: self._look(began, last)),
            ),
        )

    def _look(self, began: float, last: bool) -> None:
        model = self._model
        if not last:
            return  # a newer save has a look of its own
        for _ in range(model.writes_per_wish):
            self._resources["processors of the gates"].serve(model.echo_cpu_s, lambda: None)
        if self._stream.random() < model.reused:
            self._took.append(self._line.now - began)
            return
        self._stream.choice(self._shares).serve(
            1 / model.writes_per_second, lambda: self._render(began)
        )

    def _render(self, began: float) -> None:
        took_s = self._stream.lognormvariate(0, 0.4) * self._model.render_s / 1.083
        self._resources["renderers"].serve(
            took_s, lambda: self._took.append(self._line.now - began)
        )


def table(rows: list[Report]) -> list[str]:
    """Return the rows as lines of Markdown."""
    names = list(rows[0].loads)
    lines = [
        f"| saves a minute | renderers | {' | '.join(names)} | waiting | USD an hour"
        " | half ready in | 95 % in | breaks first |",
        "|" + "---|" * (len(names) + 7),
    ]
    for row in rows:
        loads = " | ".join(f"{row.loads[name] * _PERCENT:.0f} %" for name in names)
        lines.append(
            f"| {row.model.saves_per_minute:,.0f} | {row.model.renderers} | {loads} |"
            f" {row.waiting:,} | {row.usd_per_hour:.0f} |"
            + (f" ever longer | | {row.breaks} |" if row.breaks else "")
            + ("" if row.breaks else f" {row.median_s:.0f} s | {row.late_s:.0f} s | – |")
        )
    return lines


def show() -> list[str]:
    """Return the tables of docs/run/operations.md."""
    lines: list[str] = []
    loads = [Model(saves_per_minute=each) for each in (100, 1_000, 1_500, 3_500, 10_000)]
    raised = [
        Model(saves_per_minute=each, renders_per_day_total=1_000_000, renderers=renderers)
        for each, renderers in ((3_500, 250), (10_000, 750), (35_000, 2_500))
    ]
    one = Model(saves_per_minute=1_000, renders_per_day_total=999)
    threads = Model(
        saves_per_minute=20_000,
        debounced_in_queue=False,
        renders_per_day_total=1_000_000,
        renderers=5_000,
    )
    for title, models in (
        ("as it is: a daily total of 5,000 in ten shares", loads),
        ("a daily total of 1,000,000 in a hundred shares", raised),
        ("before: the daily total in one document", [one]),
        ("before: a thread waits for each save", [threads]),
    ):
        lines += ("", title, "", *table([Simulation(each).run() for each in models]))
    return lines
