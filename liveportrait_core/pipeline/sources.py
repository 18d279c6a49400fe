"""From the sources of a render, the portrait and what moves it, to the plan of its video.

Both are opened first: a bad file is told before the long work begins. Knows files and the engines'
port.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, cast

from liveportrait_core.edit_sequence import EditSequence
from liveportrait_core.engines.base import AnimationEngine, PreparedPortrait
from liveportrait_core.engines.capabilities import clip_engine, synthetic_motion
from liveportrait_core.media.clips.probe import DrivingClip, probe
from liveportrait_core.media.pictures.image import Portrait
from liveportrait_core.media.portrait_process import PortraitProcess
from liveportrait_core.options import RenderOptions, SyntheticIdle
from liveportrait_core.pipeline.analysis import prepare_and_analyse
from liveportrait_core.pipeline.last_portrait import LastPortrait, Source
from liveportrait_core.pipeline.motion_cache import pack_motion, unpack_motion
from liveportrait_core.pipeline.plan import (
    Planner,
    RenderPlan,
    prepare_clip,
    prepare_picture,
    require_editable,
    require_sound,
)
from liveportrait_core.pipeline.progress import RenderProgress
from liveportrait_core.pipeline.speech import Talking
from liveportrait_core.report import Stage
from liveportrait_core.request import (
    CachedMotion,
    Clip,
    EngineMotion,
    MotionTemplate,
    RenderRequest,
)

OnMotion = Callable[[bytes], None]
"""Given the motion of a clip, for a later `CachedMotion`."""


def planned(
    engine: AnimationEngine[Any, Any],
    request: RenderRequest,
    progress: RenderProgress,
    *,
    last: LastPortrait,
    talking: Talking,
    on_motion: OnMotion | None,
) -> RenderPlan:
    """Prepare the portrait, know its motion, hear what it says: all but the drawing.

    Args:
        engine: who draws it.
        request: what to render.
        progress: is told of every stage but the first, which has begun.
        last: the portrait that was rendered last, perhaps this one.
        talking: makes the plans of talks.
        on_motion: is given the motion of a clip as soon as it is known, on the caller's thread.

    Raises:
        BadInput: portrait, clip, sound or an option is at fault.
        MotionUnusable: the cached motion is not of this engine version and this many seconds.
    """
    prepare, source = _open_portrait(engine, last, request, progress)
    driving = _open_motion(engine, request)
    heard = None
    if request.speech is not None:
        heard = talking.listen(request.speech, fps=_rate_of(driving))
    require_sound(request.delivery, driving=driving, source=source)
    if isinstance(driving, DrivingClip):
        planner, driving = prepare_and_analyse(engine, prepare, driving, progress)
        if on_motion is not None:
            data = pack_motion(engine, driving, max_seconds=request.options.max_seconds)
            progress.post_callback(partial(on_motion, data))
    else:
        planner = prepare()
    if isinstance(request.motion, CachedMotion):
        progress.enter(Stage.MOTION)  # it is known: a stage of no length
    if heard is None:
        return planner(driving)
    progress.enter(Stage.SPEECH)
    return talking.plan(engine, driving, heard, planner)


def _open_portrait(
    engine: AnimationEngine[Any, Any],
    last: LastPortrait,
    request: RenderRequest,
    progress: RenderProgress,
) -> tuple[Callable[[], Planner], DrivingClip | None]:
    """Read the portrait of a request, a picture or a clip.

    Args:
        engine: who draws it.
        last: the portrait that was rendered last, perhaps this one.
        request: what to render.
        progress: is told of the decoder's process.

    Returns:
        The long work on it, left to the caller; and the clip, where it is one.

    Raises:
        InvalidOption: the engine takes no clips.
        ImageUnsupported, ImageTooLarge, VideoUnsupported, VideoTooLarge, VideoTooShort: the file is
            at fault.
    """
    if isinstance(request.portrait, Clip):
        clips = clip_engine(engine)
        clip = probe(request.portrait.path, request.options.max_seconds)
        return lambda: prepare_clip(clips, clip, request, progress), clip
    path, max_dim_px = request.portrait, request.options.source_max_dim_px

    def decode() -> Portrait:
        with (
            PortraitProcess(path, max_dim_px=max_dim_px) as process,
            progress.register_child(process),
        ):
            return process.portrait()

    source = Source.of(path, max_dim_px)
    picture = last.picture(source, decode)

    def prepare(options: RenderOptions) -> PreparedPortrait:
        return last.prepared(engine, source, picture, options)

    return lambda: prepare_picture(engine, picture, request, prepare), None


def _open_motion(
    engine: AnimationEngine[Any, Any], request: RenderRequest
) -> MotionTemplate | DrivingClip:
    """Check a clip, or restore or generate a motion that needs none.

    Raises:
        InvalidOption: the engine has no such motion.
        MotionUnusable: the cached motion is not of this engine version and this many seconds.
        VideoUnsupported, VideoTooLarge, VideoTooShort: the clip is at fault.
    """
    motion, max_seconds = request.motion, request.options.max_seconds
    if isinstance(motion, Clip):
        return probe(motion.path, max_seconds)
    if isinstance(motion, CachedMotion):
        return unpack_motion(engine, motion.data, max_seconds=max_seconds)
    if isinstance(motion, EditSequence):
        require_editable(request)
        # Drawn edit by edit: it has what a plan asks for, and is never kept as arrays.
        return MotionTemplate(motion=cast(EngineMotion, motion))
    if isinstance(motion, SyntheticIdle):
        return MotionTemplate(motion=synthetic_motion(engine.engine, motion))
    return motion


def _rate_of(driving: MotionTemplate | DrivingClip) -> Fraction:
    """Return the frames a second of what moves the portrait."""
    return driving.rate_fps if isinstance(driving, DrivingClip) else driving.motion.fps
