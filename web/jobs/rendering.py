"""Render one generation into a folder: the same on one machine and behind a queue."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PIL import Image

from liveportrait_core import RenderError
from liveportrait_core.errors import DeviceLost
from liveportrait_core.media.origin import origin_of
from liveportrait_core.media.pictures.image import write_picture
from liveportrait_core.pipeline.lipsync import LipSyncRequest, SyncedVideo
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Progress, RenderedVideo
from liveportrait_core.request import Clip, RenderRequest
from web.generation import Failure, Generation, Kind, Output, State
from web.jobs.methods import accepting, lipsync_of, method_of
from web.jobs.options import (
    config_of,
    is_still,
    options_of,
    request_of,
    require_engine,
    template_of,
)

if TYPE_CHECKING:  # the networks import torch
    from liveportrait_core.engines.liveportrait.template import LivePortraitMotion

_FIELDS = {
    "IMAGE": "input.portrait",
    "VIDEO": "input.driving",
    "AUDIO": "input.sound",
    "METHOD": "params.method",
}
_LOG = logging.getLogger("web")
OnProgress = Callable[[Progress], None]


class Canceled(Exception):
    """The client has canceled the generation, or whoever renders it has to stop."""


def require_able(renderer: Renderer, generation: Generation) -> None:
    """Refuse what this renderer cannot do, or would ignore; looks at no file.

    Raises:
        RenderError: names it.
    """
    require_engine(generation, renderer.engine)
    if generation.kind.speaks:
        method_of(renderer, generation)


def render(
    renderer: Renderer,
    generation: Generation,
    folder: Path,
    on_progress: OnProgress,
    *,
    method_limit_s: float,
) -> Generation:
    """Return how it ended; its files are in the folder then.

    Args:
        renderer: renders.
        generation: what is asked for.
        folder: has the inputs, and gets the results.
        on_progress: may raise `Canceled`, which propagates.
        method_limit_s: a method of talking that takes longer, beyond the drawing, is refused.

    Raises:
        DeviceLost: the process is of no more use; the generation may be rendered by another.
    """
    try:
        require_able(renderer, generation)
        config = config_of(generation.params, keep_openings=generation.kind is Kind.MOTION)
        renderer = accepting(renderer.configured(config), generation)
        if generation.kind is Kind.EDIT:
            made = _edited(renderer, generation, folder)
        elif generation.kind is Kind.MOTION:
            made = _kept_motion(renderer, generation, folder, on_progress)
        elif generation.kind is Kind.LIPSYNC:
            made = _synced(renderer, lipsync_of(generation, folder, limit_s=method_limit_s),
                           generation, on_progress)  # fmt: skip
        else:
            request = request_of(generation, folder, method_limit_s=method_limit_s)
            made = _animated(renderer, _analysed(renderer, request), generation, on_progress)
        ended = replace(made, state=State.READY, progress=1.0)
    except (Canceled, DeviceLost):
        raise
    except RenderError as error:
        ended = failed(generation, error.code, str(error), retryable=error.retryable)
    except Exception as error:  # whatever it is, the next one is to be rendered
        _LOG.exception("generation %s failed", generation.id)
        ended = failed(generation, "INTERNAL", type(error).__name__, retryable=True)
    return replace(ended, stage=None, finished_at=time.time(), eta_s=None)


def failed(generation: Generation, code: str, message: str, *, retryable: bool) -> Generation:
    """Return it as failed, with the input at fault where the code tells."""
    failure = Failure(
        code=code, message=message, retryable=retryable, field=field_of(code, generation)
    )
    return replace(generation, state=State.FAILED, error=failure)


def field_of(code: str, generation: Generation) -> str | None:
    """Return the field of the request at fault, where the code tells."""
    if code == "METHOD_NOT_INSTALLED" and "species" in generation.params:
        return "params.species"
    return _FIELDS.get(code.partition("_")[0])


def with_progress(generation: Generation, progress: Progress) -> Generation:
    """Return it with what was told of its rendering."""
    return replace(
        generation,
        stage=progress.stage.value,
        progress=round(progress.fraction, 3),
        eta_s=None if progress.eta_s is None else round(progress.eta_s, 1),
    )


def _edited(renderer: Renderer, generation: Generation, folder: Path) -> Generation:
    options = options_of(generation.params)
    template = None
    if "driving" in generation.inputs:
        path = folder / generation.inputs["driving"]
        template = renderer.analyse_picture(path, max_dim_px=options.source_max_dim_px)
    prepared = renderer.prepare(folder / generation.inputs["portrait"], options)
    if template is None:
        frame = renderer.still(prepared, options)
    else:
        frame = next(renderer.animate(prepared, template, options))
    output = folder / generation.result_name
    size = generation.params.get("outputSize")
    write_picture(frame, output, origin=origin_of(renderer.engine), longest_side_px=size)
    with Image.open(output) as written:
        width, height = written.size
    return replace(
        generation,
        engine=renderer.engine.value,
        engine_version=renderer.engine_version,
        output=Output(width=width, height=height, size_bytes=output.stat().st_size),
        warnings=_warnings(generation, (each.value for each in prepared.warnings)),
    )


def _analysed(renderer: Renderer, request: RenderRequest) -> RenderRequest:
    """Read a driving file that is a picture, and no clip.

    Raises:
        BadInput: it is at fault, or the engine cannot use it.
    """
    motion, options = request.motion, request.options
    if isinstance(motion, Clip) and is_still(motion.path):
        size = options.source_max_dim_px
        return replace(request, motion=renderer.analyse_picture(motion.path, max_dim_px=size))
    return request


def _kept_motion(
    renderer: Renderer, generation: Generation, folder: Path, on_progress: OnProgress
) -> Generation:
    """Write the motion of a clip, of key-framed edits, or of a template in the original's form."""
    from liveportrait_core.engines.liveportrait.template import save_template  # imports torch

    template, sha256 = template_of(renderer, generation, folder, on_progress)
    motion = cast("LivePortraitMotion", template.motion)
    warnings = tuple(dict.fromkeys((*template.warnings, *motion.warnings)))
    output = folder / generation.result_name
    save_template(replace(motion, warnings=warnings, source_sha256=sha256), output)
    return replace(
        generation,
        engine=renderer.engine.value,
        engine_version=renderer.engine_version,
        output=Output(
            width=None,
            height=None,
            size_bytes=output.stat().st_size,
            fps=round(float(motion.fps), 3),
            frame_count=motion.frame_count,
            duration_ms=round(1000 * motion.frame_count / motion.fps),
        ),
        warnings=_warnings(generation, (each.value for each in warnings)),
    )


def _animated(
    renderer: Renderer, request: RenderRequest, generation: Generation, on_progress: OnProgress
) -> Generation:
    video = renderer.render(request, on_progress=on_progress)
    cut = video.talk
    return replace(
        generation,
        engine=video.engine.value,
        engine_version=video.engine_version,
        output=replace(
            _measured(video),
            start_frame=None if cut is None else cut.start_frame,
            resume_frame=None if cut is None else cut.resume_frame,
            has_speech=None if cut is None else cut.has_speech,
            method=None if cut is None else cut.method,
            licence=None if cut is None else cut.licence,
            refiner=None if cut is None else cut.refiner,
            refiner_licence=None if cut is None else cut.refiner_licence,
        ),
        quality=None if video.quality is None else video.quality.as_json(),
        warnings=_warnings(generation, (each.value for each in video.warnings)),
    )


def _measured(video: RenderedVideo | SyncedVideo) -> Output:
    """Return what is known of any finished video."""
    return Output(
        width=video.width_px,
        height=video.height_px,
        size_bytes=video.size_bytes,
        fps=round(float(video.fps), 3),
        frame_count=video.frame_count,
        duration_ms=round(1000 * video.frame_count / video.fps),
    )


def _synced(
    renderer: Renderer, request: LipSyncRequest, generation: Generation, on_progress: OnProgress
) -> Generation:
    """Repaint a clip's mouth; no engine takes part, and none is named."""
    video = renderer.lipsync(request, on_progress=on_progress)
    return replace(
        generation,
        output=replace(
            _measured(video),
            has_speech=video.has_speech,
            method=video.method,
            licence=video.licence,
            refiner=video.refiner,
            refiner_licence=video.refiner_licence,
        ),
        warnings=_warnings(generation, (each.value for each in video.warnings)),
    )


def _warnings(generation: Generation, found: Iterable[str]) -> tuple[str, ...]:
    """Return those of the request and those of this attempt."""
    return (*generation.warnings, *found)
