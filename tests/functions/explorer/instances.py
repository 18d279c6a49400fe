"""The product in an episode: instances of two versions, each with disturbed ports of its own.

The only module here that builds the product. An instance answers events, tasks, or both; reconcile
is a process of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from functions.domain.request import Reader
from functions.domain.transitions.renders import Transitions
from functions.errors import RetryLater
from functions.jobs.deferral import Deferral
from functions.jobs.dispatch import InlineDispatcher, QueuedDispatcher
from functions.jobs.handler import RenderHandler
from functions.jobs.ports import Dependencies
from functions.reconcile.findings import Checker
from functions.reconcile.loading.page_loader import PageLoader
from functions.reconcile.loading.shard import Shard
from functions.reconcile.loading.talk_loader import TalkLoader
from functions.reconcile.paging import PageScan
from functions.reconcile.repair import Repairer
from functions.reconcile.runner import ReconcileRun, RunOptions, RunReport
from functions.roles import Role
from functions.settings import Settings
from liveportrait_core import RenderedVideo, RenderRequest, SyntheticIdle
from liveportrait_core.errors import DeviceLost, ImageNoFace, OutOfMemory
from tests.functions.explorer.disturbances import Disturbed, DisturbedLedger, Weather
from tests.functions.explorer.timeline import Host, Ticking, Timeline, TurnLock
from tests.functions.explorer.world import World
from tests.functions.reconcile.reconciling import (
    MemoryCensus,
    MemoryInventory,
    MemoryMarks,
    MemoryRequests,
    MemoryTalks,
)
from tests.functions.scene import BUCKET, POLICY
from tests.functions.scripted_renderer import ScriptedRenderer

VERSIONS = ("mesh-1-0123abcd", "mesh-2-89abcdef")
SETTINGS = Settings(bucket=BUCKET, engine="mesh", project="demo", keep=2, keep_hours=0)
_FAULTS: dict[str, Callable[[], Exception]] = {
    "OutOfMemory": lambda: OutOfMemory("no room"),
    "ImageNoFace": lambda: ImageNoFace("no face"),
    "RuntimeError": lambda: RuntimeError("a defect"),
    "DeviceLost": lambda: DeviceLost("an illegal access"),
}


class PartyClock:
    """A machine's clock: its sleepers give way, and its time may be wrong."""

    def __init__(self, timeline: Timeline, weather: Weather, skew_s: float) -> None:
        self._timeline = timeline
        self._weather = weather
        self._skew_s = skew_s

    def now(self) -> float:
        return self._timeline.now + self._skew_s

    def monotonic(self) -> float:
        return self._timeline.now

    def sleep(self, seconds: float) -> None:
        self._weather.call("clock.sleep", lambda: self._timeline.park(seconds), ConnectionError)

    def every(self, seconds: float, action: Callable[[], bool]) -> Ticking:
        return Ticking(self._timeline, seconds, action)


class SlowRenderer(ScriptedRenderer):
    """Takes its time, frame after frame, and now and then fails."""

    timeline: Timeline
    weather: Weather

    def render(self, request: RenderRequest, **given: Any) -> RenderedVideo:
        if isinstance(request.motion, SyntheticIdle):
            return super().render(request, **given)
        return self._course(lambda: super(SlowRenderer, self).render(request, **given))

    def _course(self, render: Callable[[], RenderedVideo]) -> RenderedVideo:
        """Decide beforehand how long it takes, and how it fails."""
        party = self.timeline.current
        assert party is not None
        name, stream = self.weather.breaks(4), party.stream
        frames = stream.randint(1, 4)
        pause_s = stream.choice((0.3, 1.1, 1.1, 3.0, 18.0))
        which, where = stream.choice(tuple(_FAULTS)), stream.random()
        self.steps = [lambda: self._frame(pause_s)] * frames
        if name is not None:
            self.steps.insert(int(where * frames), lambda: self._fail(name, which))
        self.before_motion = [lambda: self._frame(pause_s)]
        return render()

    def _frame(self, pause_s: float) -> None:
        self.weather.call("renderer.frame", lambda: self.timeline.park(pause_s), ConnectionError)

    def _fail(self, name: str, which: str) -> None:
        self.weather.broke(name, which)
        raise _FAULTS[which]()


@dataclass(kw_only=True, eq=False)
class Instance(Host):
    """One process of the deployment."""

    role: Role
    version: str
    deps: Dependencies
    handler: RenderHandler
    answers: bool = True  # False: reconcile

    def tell_end(self) -> None:
        """What SIGTERM does."""
        self.deps.health.tell_end("SIGTERM")


@dataclass(kw_only=True)
class Workshop:
    """Makes instances on one world."""

    timeline: Timeline
    weather: Weather
    world: World
    settings: Settings = SETTINGS
    deferring: bool = False  # what is due later is left to the queue

    def instance(self, name: str, role: Role, version: str, skew_s: float) -> Instance:
        """A process that answers from now on."""
        renderer = SlowRenderer(engine_version=version)
        renderer.timeline, renderer.weather = self.timeline, self.weather
        reader = Reader(policy=POLICY)
        queue: Any = self._port("queue", self.world.queue, fault=RetryLater)
        deps: Any = Dependencies(
            settings=self.settings,
            transitions=Transitions(reader=reader, settings=self.settings),
            ledger=self._port("ledger", self.world.ledger, DisturbedLedger),
            media=self._port("media", self.world.media),
            engine=renderer.engine.value,
            engine_version=self.settings.engine_version_of(version),
            clock=PartyClock(self.timeline, self.weather, skew_s),
            renders=None if role is Role.ALL else queue,
        )
        if role is Role.GATE:
            dispatcher: Any = QueuedDispatcher(deps, queue)
        else:
            dispatcher = InlineDispatcher(deps, renderer, lock=TurnLock(self.timeline))
        handler = RenderHandler(deps, dispatcher, self._deferral(role))
        made = Instance(name=name, role=role, version=version, deps=deps, handler=handler)
        deps.health.terminate = lambda: self.weather.give_out(made)
        return made

    def _deferral(self, role: Role) -> Deferral:
        if not self.deferring or role is Role.ALL:
            return Deferral()
        queue: Any = self._port("queue", self.world.queue, fault=RetryLater)
        return Deferral(looks=queue) if role is Role.GATE else Deferral(renders=queue)

    def sweep(self, instance: Instance, *, quiet_s: float, disturbed: bool = True) -> RunReport:
        """One run of reconcile in a process."""
        deps = instance.deps
        reader = deps.transitions.reader
        repository = MemoryCensus(ledger=self.world.ledger, written=self.world.written)
        lister = MemoryInventory(media=self.world.media, created=self.world.media.created)
        marks: Any = MemoryMarks()
        reading: Any = _Whole(lister)
        loader = PageLoader(
            repository=self._port("ledger", repository),
            lister=self._port("media", reading),
            media=deps.media,
            reader=reader,
            shard=Shard(),
            page_size=3,
        )
        checker = Checker(
            transitions=deps.transitions,
            engine=deps.engine,
            engine_version=deps.engine_version,
            quiet_s=quiet_s,
        )
        repairer = Repairer(deps=deps, lister=loader.lister, handler=lambda: instance.handler)
        talks = TalkLoader(
            repository=MemoryTalks(ledger=self.world.ledger, written=self.world.written),
            lister=loader.lister,
            media=deps.media,
            reader=reader,
            shard=Shard(),
        )
        scan = PageScan(
            loader=loader,
            talks=talks,
            checker=checker,
            requests=MemoryRequests(ledger=self.world.ledger),
            talk_requests=MemoryRequests(ledger=self.world.ledger, talks=True),
        )
        return ReconcileRun(scan, repairer, marks, RunOptions(), clock=deps.clock).run()

    def _port(
        self, name: str, inner: Any, kind: type[Disturbed] = Disturbed, fault: Any = ConnectionError
    ) -> Any:
        return kind(name, inner, self.weather, fault)


class _Whole:
    """An inventory whose listings are read at once, so that a call is a call."""

    def __init__(self, inner: MemoryInventory) -> None:
        self._inner = inner

    def objects(self, prefix: str, *, start: str = "", end: str = "") -> Any:
        return iter(list(self._inner.objects(prefix, start=start, end=end)))

    def folders(self, prefix: str, *, start: str = "") -> Any:
        return iter(list(self._inner.folders(prefix, start=start)))

    def give_token(self, *args: Any) -> bool:
        return self._inner.give_token(*args)
