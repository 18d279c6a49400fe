"""Render one generation into a folder: the same on one machine and behind a queue."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from liveportrait_core import RenderError
from liveportrait_core.edit import PortraitEdit
from liveportrait_core.edit_sequence import EditSequence, read_edit_sequence
from liveportrait_core.media.origin import origin_of
from liveportrait_core.media.pictures.image import write_picture
from liveportrait_core.options import (
    AnimationRegion,
    MouthInside,
    RenderOptions,
    SyntheticIdle,
)
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Progress
from liveportrait_core.request import Clip, RenderRequest, SpeechInput
from liveportrait_core.species import FaceLocation, FacePlace, FacePoints, Species
from liveportrait_core.speech.viseme_formats import TimedViseme
from web.generation import Failure, Generation, Kind, Output, State

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


def render(
    renderer: Renderer, generation: Generation, folder: Path, on_progress: OnProgress
) -> Generation:
    """Return how it ended; its files are in the folder then.

    Args:
        renderer: renders.
        generation: what is asked for.
        folder: has the inputs, and gets the results.
        on_progress: may raise `Canceled`, which propagates.
    """
    try:
        make = _edited if generation.kind is Kind.EDIT else _animated
        ended = replace(
            make(renderer, generation, folder, on_progress),
            state=State.READY,
            progress=1.0,
            engine=renderer.engine.value,
            engine_version=renderer.engine_version,
        )
    except Canceled:
        raise
    except RenderError as error:
        ended = failed(generation, error.code, str(error), retryable=error.retryable)
    except Exception as error:  # whatever it is, the next one is to be rendered
        _LOG.exception("generation %s failed", generation.id)
        ended = failed(generation, "INTERNAL", type(error).__name__, retryable=True)
    return replace(ended, stage=None, finished_at=time.time(), eta_s=None)


def failed(generation: Generation, code: str, message: str, *, retryable: bool) -> Generation:
    """Return it as failed, with the input at fault where the code tells."""
    field = _FIELDS.get(code.partition("_")[0])
    if code == "METHOD_NOT_INSTALLED" and "species" in generation.params:
        field = "params.species"
    failure = Failure(code=code, message=message, retryable=retryable, field=field)
    return replace(generation, state=State.FAILED, error=failure)


def with_progress(generation: Generation, progress: Progress) -> Generation:
    """Return it with what was told of its rendering."""
    return replace(
        generation,
        stage=progress.stage.value,
        progress=round(progress.fraction, 3),
        eta_s=None if progress.eta_s is None else round(progress.eta_s, 1),
    )


def _edited(
    renderer: Renderer, generation: Generation, folder: Path, on_progress: OnProgress
) -> Generation:
    options = options_of(generation)
    prepared = renderer.prepare(folder / generation.inputs["portrait"], options)
    frame = renderer.still(prepared, options)
    output = folder / generation.result_name
    write_picture(frame, output, origin=origin_of(renderer.engine))
    height, width = frame.shape[:2]
    return replace(
        generation,
        output=Output(width=width, height=height, size_bytes=output.stat().st_size),
        warnings=_warnings(generation, (each.value for each in prepared.warnings)),
    )


def _animated(
    renderer: Renderer, generation: Generation, folder: Path, on_progress: OnProgress
) -> Generation:
    request = RenderRequest(
        portrait=folder / generation.inputs["portrait"],
        motion=_motion(generation, folder),
        output=folder / generation.result_name,
        poster=folder / generation.poster_name,
        options=options_of(generation),
        speech=_speech(generation, folder) if generation.kind is Kind.TALK else None,
    )
    video = renderer.render(request, on_progress=on_progress)
    cut = video.talk
    return replace(
        generation,
        output=Output(
            width=video.width_px,
            height=video.height_px,
            size_bytes=video.size_bytes,
            fps=round(float(video.fps), 3),
            frame_count=video.frame_count,
            duration_ms=round(1000 * video.frame_count / video.fps),
            start_frame=None if cut is None else cut.start_frame,
            resume_frame=None if cut is None else cut.resume_frame,
            has_speech=None if cut is None else cut.has_speech,
        ),
        warnings=_warnings(generation, (each.value for each in video.warnings)),
    )


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
        species=Species(params.get("species", Species.HUMAN)),
        face_points=_face_location(params.get("facePoints")),
        paste_back=params.get("pasteback", True),
    )


def _face_location(shown: Any) -> FaceLocation | None:
    """Return the place that a request's points, as they are kept, stand for."""
    if isinstance(shown, list):
        return FacePoints(points=tuple((point["x"], point["y"]) for point in shown))
    return None if shown is None else FacePlace(shown)


def _motion(generation: Generation, folder: Path) -> Clip | EditSequence | SyntheticIdle:
    inputs = generation.inputs
    if "driving" in inputs:
        return Clip(path=folder / inputs["driving"])
    if "motion" in inputs:
        return read_edit_sequence(folder / inputs["motion"])
    return SyntheticIdle(seed=generation.params["seed"], seconds=generation.params["seconds"])


def _speech(generation: Generation, folder: Path) -> SpeechInput:
    params = generation.params
    return SpeechInput(
        sound=folder / generation.inputs["sound"],
        visemes=tuple(TimedViseme(at_ms=ms, viseme=name) for ms, name in generation.visemes),
        text=generation.text,
        strength=params["strength"],
        method=params["method"],
        inside=MouthInside(params["inside"]),
        start_frame=params["startFrame"],
    )


def _warnings(generation: Generation, found: Iterable[str]) -> tuple[str, ...]:
    """Return those of the request and those of this attempt."""
    return (*generation.warnings, *found)
