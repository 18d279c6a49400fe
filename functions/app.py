"""Wire up one process: settings, renderer, the clients of Google's services, the handler.

Read the settings and choose the engine at the start, so that a wrong value stops it. Renderer and
clients are opened by `runtime.readiness`, which the server's worker begins after gunicorn has
forked: neither CUDA nor gRPC survives a fork. What renders is imported only where something is
rendered: a gate's image lacks the libraries.
"""

import os
import threading
from typing import TYPE_CHECKING

from functions.cloud.budget import handle_notice
from functions.cloud.clients import Clients
from functions.cloud.database.firestore import FirestoreLedger
from functions.cloud.run_service import google_session, require_private
from functions.cloud.storage import CloudMediaStore
from functions.domain.request import Reader
from functions.domain.storage_paths import MediaPolicy, public_origin
from functions.domain.talks.request import TalkRules
from functions.domain.transitions.renders import Transitions
from functions.errors import InvalidSetting, RetryLater
from functions.jobs.deferral import Deferral
from functions.jobs.dispatch import Dispatcher, InlineDispatcher, QueuedDispatcher
from functions.jobs.handler import RenderHandler
from functions.jobs.ports import Dependencies, SystemClock
from functions.observability import log, telemetry
from functions.observability.exporters import Exporters
from functions.roles import Role
from functions.runtime.engine_identity import engine_setup, named_engine
from functions.runtime.process_age import process_age_s
from functions.runtime.process_health import ProcessHealth
from functions.runtime.readiness import Readiness
from functions.settings import Settings, from_environment
from liveportrait_core.engines.choice import EngineIdentity, choose_engine
from liveportrait_core.errors import DeviceLost

if TYPE_CHECKING:
    from liveportrait_core.renderer import Renderer


class App:
    """Everything that one process needs, made once and kept while it lives."""

    def __init__(self, settings: Settings, named: EngineIdentity | None = None) -> None:
        """Store the settings; open nothing yet.

        Args:
            settings: of this deployment.
            named: the engine of the process that renders; None: this process renders.
        """
        self.settings = settings
        self._named = named
        self.clients = Clients(settings)
        self.health = ProcessHealth()
        self.exporters = Exporters(settings.exported, project=settings.project)
        self.readiness: Readiness[Renderer | None] = Readiness(self._open)
        self._deps: Dependencies | None = None
        self._handler: RenderHandler | None = None
        self._making = threading.RLock()
        self._one_render = threading.Lock()  # at a time: an avatar's, or a generation's

    @property
    def engine(self) -> "EngineIdentity | Renderer":
        """The engine that a fingerprint names; a process that does not render opens none for it."""
        return self._named or self.renderer

    @property
    def engine_version(self) -> str:
        """The version as documents show it: the engine's, and the settings that change pixels."""
        version = self.engine.engine_version
        return self.settings.engine_version_of(version)

    @property
    def renderer(self) -> "Renderer":
        """The renderer, as soon as it is open and warm.

        Raises:
            RetryLater: it could not be opened; the log says why.
            InvalidSetting: the role is `gate`, which has no renderer.
        """
        renderer = self.readiness.wait()
        if renderer is None:
            raise InvalidSetting(f"the role {self.settings.role} has no renderer")
        return renderer

    def _open(self) -> "Renderer | None":
        """Open everything that the first request would otherwise wait for."""
        renderer = None
        if self._named is None:
            from functions.runtime.startup import open_warm

            self._require_private()
            if (route := self.settings.route) is not None and not route.queue:
                log.warning("LIVEPORTRAIT_TASKS_QUEUE is not set: renders that wait are not woken")
            try:
                renderer = open_warm(self.settings)
            except DeviceLost as fault:
                self.health.end(str(fault))
                raise
        else:
            named = self._named
            log.info(
                "started",
                role=self.settings.role.value,
                engine=named.engine.value,
                engine_version=self.engine_version,
            )
            _ = self.handler
        self._tell_cold_start()
        return renderer

    def _require_private(self) -> None:
        """Take no task where a token may have lost its signature without being verified.

        Raises:
            NotPrivate: that is so, or cannot be told.
        """
        route = self.settings.route
        if route is not None and route.behind_iam:
            require_private(route.private_service, google_session())

    def _tell_cold_start(self) -> None:
        self.exporters.start()  # what is recorded before this is dropped
        age_s = process_age_s()
        telemetry.cold_start(age_s)
        results = str(public_origin(self._policy))  # what their URLs begin with
        log.info("ready", cold_start_s=round(age_s, 1), results=results)

    @property
    def handler(self) -> RenderHandler:
        """The handler of events and tasks; its clients are made on first use."""
        with self._making:
            if self._handler is None:
                self._handler = RenderHandler(
                    self.deps, self._dispatcher(self.deps), self._deferral(self.deps)
                )
            return self._handler

    @property
    def deps(self) -> Dependencies:
        """Ports, settings and rules for the jobs; the clients are made on first use."""
        with self._making:
            if self._deps is None:
                self._deps = self._make_deps()
            return self._deps

    def render_generation(self, generation_id: str) -> None:
        """Render a generation that the HTTP API has put into the queue.

        Raises:
            RetryLater: a redelivery of the task can render it.
        """
        from functions.cloud.generations import render_generation

        try:
            render_generation(
                generation_id,
                settings=self.settings,
                database=self.clients.database,
                bucket=self.clients.bucket,
                renderer=self.renderer,
                lock=self._one_render,
            )
        except DeviceLost as fault:
            self.health.end(str(fault))
            raise RetryLater(f"another instance renders it: {fault}") from fault

    def check_candidate(self, task: str) -> None:
        """Render the golden avatar for a deployment, and store the report.

        Raises:
            InvalidTask: the request names no task.
            RetryLater: a redelivery of the task can do it.
        """
        # What renders is imported only where something is rendered.
        from functions.cloud.candidate_check import check_candidate

        check_candidate(
            task,
            engine_version=self.engine_version,
            weights=self.settings.weights,
            bucket=self.clients.bucket,
            renderer=self.renderer,
            lock=self._one_render,
        )

    def handle_budget_notice(self, body: bytes) -> None:
        """Pause the queues that lead to a renderer, where a budget's notice says that it is spent.

        Raises:
            RetryLater: a queue could not be paused.
        """
        handle_notice(body, self.clients.pause_queues)

    def _dispatcher(self, deps: Dependencies) -> Dispatcher:
        if self.settings.role is not Role.GATE:
            return InlineDispatcher(deps, self.renderer, self._one_render)
        if deps.renders is None:
            raise InvalidSetting("the role gate has no queue of renders")
        return QueuedDispatcher(deps, deps.renders)

    def _deferral(self, deps: Dependencies) -> Deferral:
        """Return the queues for what is due later: the gate's looks, the renderer's next tries."""
        route = self.settings.route
        if route is None:
            return Deferral()
        is_gate = self.settings.role is Role.GATE
        return Deferral(
            renders=None if is_gate else deps.renders,
            looks=self.clients.queue(route.looks) if is_gate else None,
        )

    @property
    def _policy(self) -> MediaPolicy:
        return MediaPolicy(
            bucket=self.settings.bucket,
            emulator=self.settings.storage_emulator,
            public_url=self.settings.storage_public_url,
            accept_uploads=self.settings.accept_uploads,
        )

    def _make_deps(self) -> Dependencies:
        settings = self.settings
        return Dependencies(
            settings=settings,
            transitions=Transitions(
                reader=Reader(
                    policy=self._policy,
                    synthetic_idle=settings.synthetic_idle,
                    talks=TalkRules(
                        methods=settings.talk_methods, max_seconds=settings.max_speech_seconds
                    ),
                ),
                settings=settings,
            ),
            ledger=FirestoreLedger(
                self.clients.database,
                collection=settings.collection,
                renders_per_day_total=settings.renders_per_day_total,
            ),
            media=CloudMediaStore(self.clients.bucket),
            engine=self.engine.engine.value,
            engine_version=self.engine_version,
            clock=SystemClock(),
            renders=None if settings.route is None else self.clients.queue(settings.route.renders),
            health=self.health,
        )


def start() -> App:
    """Read the environment and choose the engine.

    Raises:
        InvalidSetting: a setting is wrong, or names a method of talking that is not installed.
        EngineUnavailable: the chosen engine lacks files.
    """
    settings = from_environment(os.environ)
    if settings.role is Role.GATE:
        return App(settings, named_engine(settings))
    from functions.runtime.talk_methods import require_methods

    choice = choose_engine(settings.engine, settings.weights, engine_setup(settings))
    require_methods(settings, choice.engine)
    return App(settings)
