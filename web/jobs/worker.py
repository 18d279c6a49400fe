"""The thread that renders what waits in this process, one generation after the other."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from liveportrait_core import RenderError
from liveportrait_core.errors import DeviceLost
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Progress
from web.generation import Generation, State
from web.jobs.files import LocalFiles
from web.jobs.methods import estimate
from web.jobs.ports import MethodEstimate, RendererHealth
from web.jobs.rendering import Canceled, OnProgress, render, require_able, with_progress
from web.jobs.store import SqliteJobStore
from web.jobs.transitions import given_back

_LOG = logging.getLogger("web")
_POLL_EVERY_S = 0.2
_STORE_AGAIN_AFTER_S = 1.0
_WRITE_PROGRESS_EVERY_S = 0.5


class Worker:
    """Owns the renderer. `start` runs it in a thread of its own, `stop` ends it."""

    def __init__(
        self,
        *,
        store: SqliteJobStore,
        files: LocalFiles,
        open_renderer: Callable[[], Renderer],
        method_limit_s: float,
        end_process: Callable[[], None],
    ) -> None:
        """Keep the parts.

        Args:
            store: of generations.
            files: of generations.
            open_renderer: is called in the thread.
            method_limit_s: see `render`.
            end_process: is called once the GPU fails every call of this process.
        """
        self._store = store
        self._files = files
        self._open_renderer = open_renderer
        self._method_limit_s = method_limit_s
        self._end_process = end_process
        self._trying = threading.Lock()  # of methods, whose cost is told
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._render_all, name="web-render", daemon=True)
        self._renderer: Renderer | None = None
        self._problem: str | None = None  # why nothing is rendered

    def start(self) -> None:
        """Take up what an earlier process left, and begin."""
        self._files.delete_others(self._store.resume(time.time()))
        self._thread.start()

    def stop(self) -> None:
        """Stop; the next process begins an interrupted generation again."""
        self._stopping.set()
        self._thread.join()
        self._store.close()

    def health(self) -> RendererHealth:
        """Tell whether it renders."""
        if self._problem is not None:
            return RendererHealth(status="failed", problem=self._problem)
        renderer = self._renderer
        if renderer is None:
            return RendererHealth(status="starting")
        return RendererHealth(
            status="ready",
            engine=renderer.engine.value,
            engine_version=renderer.engine_version,
            reason=renderer.reason,
            methods=renderer.talk_methods,
        )

    def require_able(self, generation: Generation) -> None:
        """Refuse what this renderer cannot do, once it is open; see `Rendering`."""
        if self._renderer is not None:
            require_able(self._renderer, generation)

    def method_cost(self, generation: Generation, seconds: float) -> MethodEstimate | None:
        """Try the method of a generation, once the renderer is open; see `Rendering`."""
        if self._renderer is None:
            return None
        with self._trying:
            return estimate(self._renderer, generation, seconds)

    def _render_all(self) -> None:
        try:
            renderer = self._open_renderer()
            renderer.warm_up()
        except RenderError as error:
            self._problem = f"{error.code}: {error}"
            _LOG.error("the renderer does not start: %s", self._problem)
            if isinstance(error, DeviceLost):
                self._end_process()
            return
        self._renderer = renderer
        while not self._stopping.is_set() and self._problem is None:
            generation = self._stored(lambda: self._store.take(time.time()))
            if generation is None:
                self._stopping.wait(_POLL_EVERY_S)
                continue
            self._render(renderer, generation)

    def _render(self, renderer: Renderer, generation: Generation) -> None:
        try:
            ended = render(
                renderer,
                generation,
                self._files.path(generation.folder),
                self._on_progress(generation),
                method_limit_s=self._method_limit_s,
            )
        except DeviceLost as lost:
            self._problem = f"{lost.code}: {lost}"
            _LOG.error("the process ends: %s", self._problem)
            self._stored(
                lambda: self._store.change(
                    generation.id, lambda each: given_back(each, time.time())
                )
            )
            self._end_process()
            return
        except Canceled:
            if self._stopping.is_set():
                return  # it is taken up by the next process, as after a kill
            ended = replace(generation, state=State.CANCELED, finished_at=time.time())
        self._stored(lambda: self._store.change(generation.id, lambda _: ended))

    def _stored(self, write: Callable[[], Generation | None]) -> Generation | None:
        """Write to the store, again and again while its disk is full or another program locks it.

        None: this process stops before.
        """
        while True:
            try:
                return write()
            except sqlite3.OperationalError as fault:
                _LOG.error("the store takes nothing: %s", fault)
                if self._stopping.wait(_STORE_AGAIN_AFTER_S):
                    return None

    def _on_progress(self, generation: Generation) -> OnProgress:
        written_at = 0.0

        def told(progress: Progress) -> None:
            nonlocal written_at
            if self._stopping.is_set():
                raise Canceled
            if time.monotonic() - written_at < _WRITE_PROGRESS_EVERY_S:
                return
            written_at = time.monotonic()
            now = self._stored(
                lambda: self._store.change(
                    generation.id, lambda each: with_progress(each, progress)
                )
            )
            if now is None or now.cancel_requested:
                raise Canceled

        return told
