"""A look at received inputs: unusable ones are refused at once, and the rest is measured."""

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from liveportrait_core import InvalidOption, RenderError
from liveportrait_core.edit_sequence import EditSequence, read_edit_sequence
from liveportrait_core.limits import MAX_SPEECH_SECONDS
from liveportrait_core.media.clips.probe import probe
from liveportrait_core.media.pictures.image import fitted_size
from liveportrait_core.media.portrait_process import decode_portrait
from liveportrait_core.media.sounds.reading import read_speech
from web.api.schemas import GenerationRequest
from web.errors import InvalidRequest, Unprocessable
from web.generation import Kind
from web.jobs.options import is_clip, is_still, is_template

if TYPE_CHECKING:  # the networks import torch
    from liveportrait_core.engines.liveportrait.template import LivePortraitMotion


def measured(
    request: GenerationRequest, folder: Path, names: Mapping[str, str]
) -> tuple[tuple[int, int], tuple[int, float] | None]:
    """Decode the picture and probe the motion, so that unusable ones are refused at once."""
    role = "portrait"
    try:
        width, height = 0, 0  # of a lip-sync, which is not drawn
        length = None
        if role in names:
            width, height = _portrait_size(folder / names[role], request)
        if "driving" in names:
            role = "driving"
            portrait = folder / names["portrait"] if "portrait" in names else None
            length = _driving_length(folder / names[role], portrait, request)
        elif "motion" in names:
            role = "motion"
            motion = _read_motion(folder / names[role], request, names)
            length = motion.frame_count, float(motion.frame_count / motion.fps)
        if "sound" in names:
            role = "sound"
            heard, _ = read_speech(folder / names[role])
            idle_fps = Fraction(request.params.fps)
            fps = idle_fps if length is None else length[0] / length[1]
            length = math.ceil(heard.seconds * Fraction(fps)), float(heard.seconds)
        return (width, height), length
    except RenderError as error:
        given = "driving" if role == "motion" and request.input.motion is None else role
        raise Unprocessable(str(error), field=f"input.{given}", code=error.code) from error


def _driving_length(
    driving: Path, portrait: Path | None, request: GenerationRequest
) -> tuple[int, float] | None:
    """Return frames and seconds that a clip gives, or a picture that moves one.

    Raises:
        RenderError: it cannot be read, or is of no use to this kind.
    """
    most = MAX_SPEECH_SECONDS if request.kind is Kind.LIPSYNC else request.params.max_seconds
    if request.kind is Kind.EDIT or is_still(driving):
        decode_portrait(driving, max_dim_px=request.params.source_max_dim)
        if request.kind is Kind.EDIT:
            return None
        if request.kind is not Kind.ANIMATE or portrait is None or not is_clip(portrait):
            raise InvalidOption(
                f"driving is a picture, and so is what kind {request.kind} makes of a picture; "
                "accepted: a clip, or kind edit"
            )
        driving = portrait
    clip = probe(driving, most)
    return clip.expected_frames, clip.expected_frames / float(clip.rate_fps)


def _read_motion(
    path: Path, request: GenerationRequest, names: Mapping[str, str]
) -> "LivePortraitMotion | EditSequence":
    """Read key-framed edits or a template, where this kind of generation takes it.

    Raises:
        InvalidRequest: it does not.
        RenderError: the file is none, or damaged.
    """
    if is_template(path.name):
        from liveportrait_core.engines.liveportrait.template import load_template  # imports torch

        return load_template(path).trimmed(request.params.max_seconds)
    if request.kind is Kind.TALK:
        raise InvalidRequest(
            "key frames cannot move who talks; accepted: driving, a motion template, or neither",
            field="input.motion",
        )
    if request.kind is Kind.MOTION and "portrait" not in names:
        raise InvalidRequest(
            "input.portrait is missing; accepted: the face that goes through the key-framed edits",
            field="input.portrait",
        )
    return read_edit_sequence(path)


def _portrait_size(path: Path, request: GenerationRequest) -> tuple[int, int]:
    """Return the size at which a picture, or a clip that is to be animated, is worked on."""
    most = request.params.source_max_dim
    if request.kind is Kind.ANIMATE and is_clip(path):
        clip = probe(path, request.params.max_seconds)
        return fitted_size(clip.width_px, clip.height_px, most)
    height, width = decode_portrait(path, max_dim_px=most).pixels.shape[:2]
    return width, height
