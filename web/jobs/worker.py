"""The thread that renders what waits, one generation after the other."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from liveportrait_core import RenderError
from liveportrait_core.edit import PortraitEdit
from liveportrait_core.options import AnimationRegion, RenderOptions, SyntheticIdle
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Progress
from liveportrait_core.request import Clip, RenderRequest
from web.generation import Failure, Generation, Kind, Output, State
from web.jobs.store import SqliteJobStore
from web.jobs.webhooks import WebhookSender

_LOG = logging.getLogger("web")
_POLL_EVERY_S = 0.2
_WRITE_PROGRESS_EVERY_S = 0.5
_EXPIRE_EVERY_S = 60.0

Describe = Callable[[Generation], dict[str, Any]]


class Canceled(Exception):
    """The client has canceled the generation, or the process ends."""


class Worker:
    """Owns the renderer. `start` runs it in threads of its own, `stop` ends them."""

    def __init__(
        self,
        *,
        store: SqliteJobStore,
        files: Path,
        open_renderer: Callable[[], Renderer],
        webhooks: WebhookSender,
        describe: Describe,
        result_ttl_s: float,
    ) -> None:
        self._store = store
        self._files = files
        self._open_renderer = open_renderer
        self._webhooks = webhooks
        self._describe = describe
        self._result_ttl_s = result_ttl_s
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._render_all, name="web-render", daemon=True),
            threading.Thread(target=self._deliver_and_expire, name="web-deliver", daemon=True),
        ]
        self.renderer: Renderer | None = None
        self.seconds_per_megapixel: float | None = None
        self.problem: str | None = None  # why nothing is rendered

    def start(self) -> None:
        """Take up what an earlier process left, and begin."""
        self._delete_unknown_files()
        for given_up in self._store.resume(time.time()):
            self.tell(given_up)
        for thread in self._threads:
            thread.start()

    def _delete_unknown_files(self) -> None:
        """Delete folders of generations that are not in the store."""
        for folder in self._files.glob("*"):
            if self._store.get(folder.name) is None:
                shutil.rmtree(folder, ignore_errors=True)

    def stop(self) -> None:
        """Stop; the next process begins an interrupted generation again."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def status(self) -> str:
        """starting, ready or failed."""
        if self.problem is not None:
            return "failed"
        return "ready" if self.renderer is not None else "starting"

    def tell(self, generation: Generation) -> None:
        """Report a state to the generation's webhook."""
        self._webhooks.announce(generation, self._describe(generation), time.time())

    def _deliver_and_expire(self) -> None:
        """Deliver messages, and delete what has expired."""
        expire_at = 0.0
        while not self._stopping.wait(_POLL_EVERY_S):
            try:
                self._webhooks.deliver_due(time.time())
                if time.monotonic() > expire_at:
                    expire_at = time.monotonic() + _EXPIRE_EVERY_S
                    for gone in self._store.expired(time.time() - self._result_ttl_s):
                        shutil.rmtree(self._files / gone.id, ignore_errors=True)
            except Exception:  # one bad message or folder must not end all others
                _LOG.exception("delivering webhooks or deleting expired files failed")

    def _render_all(self) -> None:
        try:
            renderer = self._open_renderer()
            renderer.warm_up()
        except RenderError as error:
            self.problem = f"{error.code}: {error}"
            _LOG.error("the renderer does not start: %s", self.problem)
            return
        self.renderer = renderer
        while not self._stopping.is_set():
            generation = self._store.take(time.time())
            if generation is None:
                self._stopping.wait(_POLL_EVERY_S)
                continue
            self.tell(generation)
            ended = self._render(renderer, generation)
            if ended is not None:
                self.tell(ended)

    def _render(self, renderer: Renderer, generation: Generation) -> Generation | None:
        began = time.monotonic()
        try:
            ended = self._rendered(renderer, generation)
            self._learn_speed(ended, time.monotonic() - began)
        except Canceled:
            if self._stopping.is_set():
                return None  # it is taken up by the next process, as after a kill
            ended = replace(generation, state=State.CANCELED)
        except RenderError as error:
            ended = _failed(generation, error.code, str(error), retryable=error.retryable)
        except Exception as error:  # whatever it is, the next one is to be rendered
            _LOG.exception("generation %s failed", generation.id)
            ended = _failed(generation, "INTERNAL", type(error).__name__, retryable=True)
        now = time.time()
        return self._store.change(
            generation.id, lambda _: replace(ended, finished_at=now, eta_s=None)
        )

    def _learn_speed(self, ended: Generation, seconds: float) -> None:
        output = ended.output
        if output is not None and output.frame_count:
            megapixels = output.width * output.height * output.frame_count / 1e6
            self.seconds_per_megapixel = seconds / megapixels

    def _rendered(self, renderer: Renderer, generation: Generation) -> Generation:
        folder = self._files / generation.id
        made = replace(
            generation,
            state=State.READY,
            stage=None,
            progress=1.0,
            engine=renderer.engine.value,
            engine_version=renderer.engine_version,
        )
        options = options_of(generation)
        portrait = folder / generation.inputs["portrait"]
        output = folder / generation.result_name
        if generation.kind is Kind.EDIT:
            prepared = renderer.prepare(portrait, options)
            frame = renderer.still(prepared, options)
            Image.fromarray(frame).save(output)
            height, width = frame.shape[:2]
            size = output.stat().st_size
            warnings = tuple(warning.value for warning in prepared.warnings)
            result = Output(width=width, height=height, size_bytes=size)
            return replace(made, output=result, warnings=(*generation.warnings, *warnings))
        driving = generation.inputs.get("driving")
        request = RenderRequest(
            portrait=portrait,
            motion=Clip(path=folder / driving) if driving else _idle(generation),
            output=output,
            poster=folder / "poster.jpg",
            options=options,
        )
        video = renderer.render(request, on_progress=self._on_progress(generation))
        result = Output(
            width=video.width_px,
            height=video.height_px,
            size_bytes=video.size_bytes,
            fps=round(float(video.fps), 3),
            frame_count=video.frame_count,
            duration_ms=round(1000 * video.frame_count / video.fps),
        )
        warnings = tuple(warning.value for warning in video.warnings)
        return replace(made, output=result, warnings=(*generation.warnings, *warnings))

    def _on_progress(self, generation: Generation) -> Callable[[Progress], None]:
        written_at = 0.0

        def told(progress: Progress) -> None:
            nonlocal written_at
            if self._stopping.is_set() or self._store.is_cancel_requested(generation.id):
                raise Canceled
            if time.monotonic() - written_at < _WRITE_PROGRESS_EVERY_S:
                return
            written_at = time.monotonic()
            self._store.change(
                generation.id,
                lambda each: replace(
                    each,
                    stage=progress.stage.value,
                    progress=round(progress.fraction, 3),
                    eta_s=None if progress.eta_s is None else round(progress.eta_s, 1),
                ),
            )

        return told


def options_of(generation: Generation) -> RenderOptions:
    """Return the renderer's options for a generation."""
    params = generation.params
    return RenderOptions(
        driving_multiplier=params["drivingMultiplier"],
        normalize_lip=params["normalizeLip"],
        animation_region=AnimationRegion(params["animationRegion"]),
        edit=PortraitEdit(**params["edit"]),
        source_crop_scale=params["scale"],
        source_max_dim_px=params["sourceMaxDim"],
        loop=params["loop"],
        max_seconds=params["maxSeconds"],
    )


def _idle(generation: Generation) -> SyntheticIdle:
    return SyntheticIdle(seed=generation.params["seed"], seconds=generation.params["seconds"])


def _failed(generation: Generation, code: str, message: str, *, retryable: bool) -> Generation:
    field = {"IMAGE": "input.portrait", "VIDEO": "input.driving"}.get(code.partition("_")[0])
    failure = Failure(code=code, message=message, retryable=retryable, field=field)
    return replace(generation, state=State.FAILED, stage=None, error=failure)
