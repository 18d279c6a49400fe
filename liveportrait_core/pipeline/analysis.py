"""A driving clip, decoded and turned into motion; what is measured on it meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from liveportrait_core.engines.base import AnimationEngine
from liveportrait_core.errors import BadInput
from liveportrait_core.media.clips.decode import FrameReader
from liveportrait_core.media.clips.probe import DrivingClip
from liveportrait_core.pipeline.progress import RenderProgress
from liveportrait_core.quality import JitterMeter
from liveportrait_core.report import Frame, Stage
from liveportrait_core.request import EngineMotion, MotionTemplate

Prepared = TypeVar("Prepared")


class DecodedClip:
    """The frames of a clip, decoded anew in every pass."""

    def __init__(
        self,
        clip: DrivingClip,
        max_side_px: int | None,
        progress: RenderProgress,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        """Decode nothing yet; pass every frame to `on_frame` during the first pass."""
        self._clip = clip
        self._max_side_px = max_side_px
        self._progress = progress
        self._on_frame = on_frame
        self.frames_read = 0  # in all passes
        self.frame_count = 0  # of the clip, known after the first pass

    def __iter__(self) -> Iterator[Frame]:
        with (
            FrameReader(self._clip, max_side_px=self._max_side_px) as reader,
            self._progress.register_child(reader),
        ):
            for count, frame in enumerate(reader, 1):
                self._progress.check()
                if count > self.frame_count:
                    self.frame_count = count
                    if self._on_frame is not None:
                        self._on_frame(frame)
                yield frame
                self.frames_read += 1
        self._progress.check()


def prepare_and_analyse(
    engine: AnimationEngine[Any, Any],
    prepare: Callable[[], Prepared],
    clip: DrivingClip,
    progress: RenderProgress,
) -> tuple[Prepared, MotionTemplate]:
    """Prepare a portrait and analyse a clip, beside each other where the engine can.

    A bad portrait ends both, and is told rather than a bad clip.

    Raises:
        VideoUnsupported, VideoTooShort, VideoNoFace, VideoFaceLost: the clip is at fault.
        BadInput: what `prepare` raises.
    """
    if not engine.analyses_beside:
        return prepare(), analyse_clip(engine, clip, progress)
    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as pool:
        prepared = pool.submit(prepare)

        def check() -> None:
            if prepared.done():
                prepared.result()

        try:
            template = analyse_clip(engine, clip, progress, check)
        except BadInput:
            prepared.result()
            raise
        return prepared.result(), template


def analyse_clip(
    engine: AnimationEngine[Any, Any],
    clip: DrivingClip,
    progress: RenderProgress,
    check: Callable[[], None] = lambda: None,
) -> MotionTemplate:
    """Decode a clip and let the engine turn it into motion.

    Args:
        engine: whose motion it is.
        clip: what is decoded.
        progress: is told how far it is.
        check: is called with every frame; what it raises ends the analysis.

    Raises:
        VideoUnsupported, VideoTooShort, VideoNoFace, VideoFaceLost: the clip is at fault.
    """
    jitter = JitterMeter()

    def measure(frame: Frame) -> None:
        check()
        jitter.add(frame)

    frames = DecodedClip(clip, engine.driving_max_side_px, progress, on_frame=measure)
    total = engine.driving_passes * clip.expected_frames
    progress.enter(Stage.MOTION, lambda: frames.frames_read / total)
    motion: EngineMotion = engine.analyse(frames, clip.rate_fps)
    progress.check()
    skipped = frames.frame_count - motion.frame_count
    return MotionTemplate(
        motion=motion,
        clip=clip.path,
        begins_at_s=clip.begins_at_s + skipped / clip.rate_fps,
        warnings=clip.warnings,
        clip_frames=frames.frame_count,
        frames_without_face=motion.frames_without_face,
        jitter_per_mille=jitter.per_mille(),
    )
