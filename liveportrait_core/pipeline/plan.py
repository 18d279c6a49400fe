"""What is to be written, once portrait and motion are known: frames, their rate, their sound.

Knows engines and what they animate; writes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveportrait_core.edit_sequence import EditSequence
from liveportrait_core.engines.base import AnimationEngine, ClipEngine, PreparedPortrait
from liveportrait_core.errors import InvalidOption
from liveportrait_core.media.clips.formats import Sound
from liveportrait_core.media.clips.probe import DrivingClip, has_sound
from liveportrait_core.media.pictures.image import Portrait
from liveportrait_core.options import Delivery, Engine, RenderOptions, SoundFrom
from liveportrait_core.pipeline.analysis import DecodedClip
from liveportrait_core.pipeline.progress import RenderProgress
from liveportrait_core.report import Box, Frame, RenderWarning, Stage, TalkCut
from liveportrait_core.request import Clip, EngineMotion, MotionTemplate, RenderRequest


@dataclass(frozen=True, kw_only=True)
class RenderPlan:
    """Frames that are still to be drawn, and all that the writer and the report need to know."""

    engine: Engine
    engine_version: str
    frames: Iterator[Frame]
    frame_count: int
    fps: Fraction
    portrait: Frame | None  # what stays outside the box; None: a clip, or the crop alone
    box: Box | None  # outside it nothing moves; None: everything may
    mask: NDArray[np.bool_] | None  # of the box, what may move in it; None: all of it
    warnings: tuple[RenderWarning, ...]
    delivery: Delivery
    motion: MotionTemplate
    sound: Sound | None = None
    talk: TalkCut | None = None  # None: an idle


Planner = Callable[[MotionTemplate], RenderPlan]
"""A portrait that is prepared, waiting for its motion."""


def prepare_picture(
    engine: AnimationEngine[Any, Any],
    picture: Portrait,
    request: RenderRequest,
    prepare: Callable[[RenderOptions], PreparedPortrait],
) -> Planner:
    """Compute all that depends on a picture alone, by `prepare`.

    Raises:
        ImageNoFace: no face was found.
    """
    options = request.options
    if isinstance(request.motion, EditSequence):
        options = replace(options, edit=request.motion.uses)  # for what the engine cannot draw
    prepared = prepare(options)

    def plan(template: MotionTemplate) -> RenderPlan:
        motion = template.motion
        return RenderPlan(
            engine=engine.engine,
            engine_version=engine.version,
            frames=_drawn(engine, prepared, motion, request.options),
            frame_count=motion.frame_count,
            fps=motion.fps,
            portrait=picture.pixels if request.options.paste_back else None,
            box=prepared.box,
            mask=prepared.mask,
            warnings=(
                *template.warnings, *picture.warnings, *prepared.warnings, *motion.warnings,
            ),
            delivery=request.delivery,
            motion=template,
            sound=_driving_sound(template, request.delivery, motion.frame_count / motion.fps),
        )  # fmt: skip

    return plan


def _drawn(
    engine: AnimationEngine[Any, Any],
    prepared: PreparedPortrait,
    motion: EngineMotion | EditSequence,
    options: RenderOptions,
) -> Iterator[Frame]:
    """Animate a portrait by an engine's motion, or draw each of a sequence's edits."""
    if not isinstance(motion, EditSequence):
        yield from engine.animate(prepared, motion, options)
        return
    for edit in motion.edits():
        yield engine.still(prepared, replace(options, edit=edit))


def require_editable(request: RenderRequest) -> None:
    """Refuse key-framed edits of what they do not move.

    Raises:
        InvalidOption: the portrait is a clip, or edited otherwise too.
    """
    if isinstance(request.portrait, Clip):
        raise InvalidOption(
            f"{request.portrait.path.name} is a clip, and key-framed edits move a picture; "
            "accepted: a picture, or another motion"
        )
    if not request.options.edit.is_rest:
        raise InvalidOption(
            f"edit is {request.options.edit}, and the motion is key-framed edits; accepted: one of "
            "the two"
        )


def prepare_clip(
    engine: ClipEngine[Any, Any, Any],
    clip: DrivingClip,
    request: RenderRequest,
    progress: RenderProgress,
) -> Planner:
    """Follow the face of a clip that is to be animated.

    Raises:
        VideoNoFace, VideoFaceLost: the clip is at fault.
    """
    frames = DecodedClip(clip, None, progress)
    total = 2 * clip.expected_frames
    progress.enter(Stage.PREPARE, lambda: frames.frames_read / total)
    source = engine.analyse_source(frames, request.options)

    def plan(template: MotionTemplate) -> RenderPlan:
        motion = template.motion
        shorter = min(source.frame_count, motion.frame_count)
        count = source.frame_count if motion.frame_count == 1 else shorter
        seconds = count / clip.rate_fps
        sound = _driving_sound(template, request.delivery, seconds)
        if request.delivery.sound is SoundFrom.SOURCE:
            begin = clip.begins_at_s + source.skipped / clip.rate_fps
            sound = Sound(path=clip.path, start_s=begin, seconds=seconds)
        return RenderPlan(
            engine=engine.engine,
            engine_version=engine.version,
            frames=engine.animate_source(frames, source, motion, request.options),
            frame_count=count,
            fps=clip.rate_fps,
            portrait=None,
            box=None,
            mask=None,
            warnings=(*template.warnings, *clip.warnings, *source.warnings, *motion.warnings),
            delivery=request.delivery,
            motion=template,
            sound=sound,
        )

    return plan


def _driving_sound(template: MotionTemplate, delivery: Delivery, seconds: Fraction) -> Sound | None:
    if delivery.sound is not SoundFrom.DRIVING or template.clip is None:
        return None
    return Sound(path=template.clip, start_s=template.begins_at_s, seconds=seconds)


def require_sound(
    delivery: Delivery,
    *,
    driving: DrivingClip | MotionTemplate | None,
    source: DrivingClip | None,
) -> None:
    """Refuse sound that is not there, before any long work.

    Args:
        delivery: whose sound is wanted.
        driving: what moves the portrait; None: no clip.
        source: the clip that is animated; None: a picture.

    Raises:
        InvalidOption: no clip, or one without a sound track, or one of another rate.
    """
    if delivery.sound is SoundFrom.NONE:
        return
    driving_path, driving_fps = _clip_of(driving)
    is_driving = delivery.sound is SoundFrom.DRIVING
    path = driving_path if is_driving else source.path if source else None
    if path is None:
        kind = "a template or a picture" if is_driving else "a picture"
        raise InvalidOption(
            f"audio is {delivery.sound}, and {kind} has no sound; accepted: none, or a clip"
        )
    if not has_sound(path):
        raise InvalidOption(
            f"audio is {delivery.sound}, and {path.name} has no sound track; "
            "accepted: none, or a clip with one"
        )
    if source is not None and is_driving and driving_fps != source.rate_fps:
        raise InvalidOption(
            f"audio is driving, and the frames of {path.name} ({driving_fps} a second) are "
            f"shown at the pace of {source.path.name} ({source.rate_fps}): its sound would not "
            "keep up; accepted: audio none or source, or clips of one rate"
        )


def _clip_of(driving: DrivingClip | MotionTemplate | None) -> tuple[Path | None, Fraction | None]:
    if isinstance(driving, DrivingClip):
        return driving.path, driving.rate_fps
    return (None, None) if driving is None else (driving.clip, driving.motion.fps)
