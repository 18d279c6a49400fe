"""Who brings events and tasks to instances: at least once, late, twice and in any order.

Pub/Sub and Cloud Tasks as they are documented: what is not acknowledged comes again after a
back-off, what is not answered in time comes again while the first is still at work, and what is
acknowledged may come once more all the same.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from functions.domain.document import DocumentWrite, Gate, gate
from functions.domain.task import LookTask, Task, read_subject
from functions.errors import RetryLater
from functions.roles import Role
from tests.functions.explorer.instances import Instance
from tests.functions.explorer.timeline import Killed, Party, Timeline

_MOST_DELIVERIES = 60


@dataclass(kw_only=True)
class Message:
    """An event or a task on its way."""

    name: str
    roles: frozenset[Role]
    serve: Callable[[Instance], object]
    stream: random.Random
    answer_s: float  # after so long without an answer it is delivered again
    idle: bool = False  # it needs nothing: no party is made for it
    deliveries: int = 0
    acknowledged: bool = False


@dataclass(kw_only=True)
class Couriers:
    """All messages of an episode."""

    timeline: Timeline
    seed: object
    instances: Callable[[frozenset[Role]], list[Instance]]
    tell: Callable[[str, str], object]
    wrong: Callable[[str, str], object]
    without: frozenset[str] = frozenset()
    lossy: bool = False  # now and then a message never comes
    lost: list[str] = field(default_factory=list)
    under_way: set[str] = field(default_factory=set)

    def event(self, name: str, write: DocumentWrite) -> None:
        """Deliver an event, once or twice, soon or late."""
        message = self._message(
            name,
            frozenset({Role.ALL, Role.GATE}),
            lambda instance: instance.handler.handle_event(write),
            600.0,
        )
        message.idle = gate(write) is Gate.UNRELATED
        self._begin(message)

    def task(self, task: Task, name: str) -> None:
        """Deliver a task, to the renderer or back to the gate, not before it is due."""
        role, serve = Role.RENDERER, lambda each: each.handler.handle_task(read_subject(task.body))
        if isinstance(task, LookTask):
            role, serve = Role.GATE, lambda each: each.handler.handle_look(LookTask.read(task.body))
        message = self._message(name, frozenset({role}), serve, 600.0)
        self._begin(message, early_s=max(task.due_s - self.timeline.now, 0.0))

    def _message(
        self,
        name: str,
        roles: frozenset[Role],
        serve: Callable[[Instance], object],
        answer_s: float,
    ) -> Message:
        stream = random.Random(f"{self.seed}/{name}")  # noqa: S311 - must be repeatable
        return Message(name=name, roles=roles, serve=serve, stream=stream, answer_s=answer_s)

    def _begin(self, message: Message, *, early_s: float = 0.0) -> None:
        stream = message.stream
        lost, late, twice, size = (stream.random() for _ in range(4))
        if self.lossy and lost > 0.97 and f"loss:{message.name}" not in self.without:
            self.lost.append(f"loss:{message.name}")
            self.tell(message.name, "is lost")
            return
        self.under_way.add(message.name)
        delay_s = 0.05 + 0.5 * size
        if late > 0.94:
            delay_s = 600 + 200 * size
        elif late > 0.75:
            delay_s = 1 + 60 * size * size
        delay_s += early_s
        self.timeline.after(delay_s, lambda: self._deliver(message))
        if twice > 0.9:
            self.timeline.after(delay_s * 2 * stream.random(), lambda: self._again(message))

    def _again(self, message: Message) -> None:
        """If it was acknowledged, that got lost."""
        message.acknowledged = False
        self.under_way.add(message.name)
        self._deliver(message)

    def _deliver(self, message: Message) -> None:
        if message.acknowledged:
            return
        chosen = message.stream.random()
        hosts = self.instances(message.roles)
        if not hosts:
            self.timeline.after(5, lambda: self._deliver(message))
            return
        message.deliveries += 1
        if message.deliveries > _MOST_DELIVERIES:
            self.wrong(
                "acknowledged",
                f"{message.name} is not acknowledged after {_MOST_DELIVERIES} deliveries",
            )
            return
        instance = hosts[int(chosen * len(hosts))]
        if message.idle:
            message.serve(instance)
            self._acknowledge(message)
            return
        name = f"{message.name}#{message.deliveries}"
        party = self.timeline.spawn(name, instance, lambda: self._serve(message, instance, name))
        self.timeline.after(message.answer_s, lambda: self._overdue(message, party))

    def _overdue(self, message: Message, party: Party) -> None:
        if not party.ended and not message.acknowledged:
            self._deliver(message)

    def _serve(self, message: Message, instance: Instance, name: str) -> None:
        self.tell(name, f"begins on {instance.name}")
        try:
            self.timeline.park(0.001)  # a frozen process accepts it later
            message.serve(instance)
        except RetryLater as later:
            self.tell(name, f"503: {later}")
            self._retry(message)
        except Killed:
            self.tell(name, "is dead")
            self._retry(message)
            raise
        except Exception as fault:
            self.wrong("error", f"{name} raises {fault!r}")
        else:
            self.tell(name, "200")
            self._acknowledge(message)

    def _retry(self, message: Message) -> None:
        backoff_s = min(10.0 * 2 ** min(message.deliveries - 1, 6), 600.0)
        self.timeline.after(
            backoff_s * (0.5 + message.stream.random()), lambda: self._deliver(message)
        )

    def _acknowledge(self, message: Message) -> None:
        again, size = message.stream.random(), message.stream.random()
        if not message.acknowledged and again > 0.93 and not message.idle:
            self.timeline.after(700 * size * size, lambda: self._again(message))
        message.acknowledged = True
        self.under_way.discard(message.name)
