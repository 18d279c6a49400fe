"""A driving clip, read once: its motion, what was measured on the way, and its sound.

Knows the decoder and asks an engine; draws nothing.
"""

from dataclasses import dataclass, replace
from typing import Any

from liveportrait_core.engines.base import AnimationEngine, MotionTemplate
from liveportrait_core.errors import InvalidOption
from liveportrait_core.media.formats import Sound
from liveportrait_core.media.probe import DrivingClip, has_sound
from liveportrait_core.options import Delivery, SoundFrom
from liveportrait_core.pipeline.progress import RenderProgress
from liveportrait_core.pipeline.writer import DecodedClip, Shot
from liveportrait_core.quality import DrivingQuality, JitterMeter
from liveportrait_core.report import Stage


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The motion of a driving clip, and the clip."""

    template: MotionTemplate  # of the engine's own type
    clip: DrivingClip
    skipped: int  # frames before the first of the template
    quality: DrivingQuality


def analyse_clip(
    engine: AnimationEngine[Any, Any], clip: DrivingClip, progress: RenderProgress
) -> Analysis:
    """Decode a clip and let the engine turn it into motion.

    Raises:
        VideoUnsupported, VideoTooShort, VideoNoFace, VideoFaceLost: the clip is at fault.
    """
    jitter = JitterMeter()
    frames = DecodedClip(clip, engine.driving_max_side_px, progress, on_frame=jitter.add)
    total = engine.driving_passes * clip.expected_frames
    progress.enter(Stage.MOTION, lambda: frames.frames_read / total)
    template: MotionTemplate = engine.analyse(frames, clip.rate_fps)
    progress.check()
    return Analysis(
        template=template,
        clip=clip,
        skipped=frames.frame_count - template.frame_count,
        quality=DrivingQuality(
            frame_count=frames.frame_count,
            frames_without_face=template.frames_without_face,
            jitter_per_mille=jitter.per_mille(),
        ),
    )


def require_sound(
    delivery: Delivery, *, driving: DrivingClip | None, source: DrivingClip | None
) -> None:
    """Refuse sound that is not there, before any long work.

    Args:
        delivery: whose sound is wanted.
        driving: None: the motion comes from no clip.
        source: None: a picture is animated.

    Raises:
        InvalidOption: no clip, or one without a sound track, or one of another pace.
    """
    if delivery.sound is SoundFrom.NONE:
        return
    clip = driving if delivery.sound is SoundFrom.DRIVING else source
    if clip is None:
        kind = "a template or a picture" if delivery.sound is SoundFrom.DRIVING else "a picture"
        raise InvalidOption(
            f"audio is {delivery.sound}, and {kind} has no sound; accepted: none, or a clip"
        )
    if not has_sound(clip.path):
        raise InvalidOption(
            f"audio is {delivery.sound}, and {clip.path.name} has no sound track; "
            "accepted: none, or a clip with one"
        )
    if source is not None and clip is driving and clip.rate_fps != source.rate_fps:
        raise InvalidOption(
            f"audio is driving, and the frames of {clip.path.name} ({clip.rate_fps} a second) are "
            f"shown at the pace of {source.path.name} ({source.rate_fps}): its sound would not "
            "keep up; accepted: audio none or source, or clips of one rate"
        )


def following(shot: Shot, analysis: Analysis) -> Shot:
    """A shot that moves like a driving clip: with its warnings, its quality and its sound."""
    sound = None
    if shot.delivery.sound is SoundFrom.DRIVING:
        sound = sound_of(analysis.clip, analysis.skipped, shot)
    return replace(
        shot,
        warnings=(*analysis.clip.warnings, *shot.warnings),
        driving=analysis.quality,
        sound=sound or shot.sound,
    )


def sound_of(clip: DrivingClip, skipped: int, shot: Shot) -> Sound:
    """What is heard with the frames of a clip, from the first that is used to the shot's last."""
    return Sound(
        path=clip.path,
        start_s=clip.begins_at_s + skipped / clip.rate_fps,
        seconds=shot.frame_count / shot.fps,
    )
