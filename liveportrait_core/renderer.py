"""The front door: prepare a portrait once, animate it often; or both, from files to files.

Chooses the engine. Knows files and threads, no face and no mathematics of motion.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from liveportrait_core.engines.base import AnimationEngine, MotionTemplate, PreparedPortrait
from liveportrait_core.engines.capabilities import clip_engine, synthetic_motion
from liveportrait_core.engines.choice import choose_engine
from liveportrait_core.engines.liveportrait.config import DEFAULT_CONFIG, EngineConfig
from liveportrait_core.media.image import read_portrait, write_picture
from liveportrait_core.media.probe import probe
from liveportrait_core.options import (
    SILENT_MP4,
    Delivery,
    Engine,
    RenderOptions,
    SoundFrom,
    SyntheticIdle,
)
from liveportrait_core.pipeline.analysis import (
    Analysis,
    analyse_clip,
    following,
    require_sound,
    sound_of,
)
from liveportrait_core.pipeline.motion_cache import pack_motion, unpack_motion
from liveportrait_core.pipeline.progress import RenderProgress, run_watched
from liveportrait_core.pipeline.render_plan import clip_shot, picture_shot
from liveportrait_core.pipeline.writer import (
    DecodedClip,
    Filmed,
    film,
    memory_errors_translated,
    publish,
)
from liveportrait_core.report import Frame, Progress, RenderReport, Stage


class Renderer:
    """One engine behind two verbs, `prepare` and `animate`; `render` is both, with files.

    May be kept and used again and again, for one job at a time.
    """

    def __init__(
        self, engine: AnimationEngine[Any, Any], *, reason: str, device: str = "cpu"
    ) -> None:
        """Take an engine; `open_renderer` chooses one."""
        self._engine = engine
        self._reason = reason
        self._device = device

    @property
    def engine(self) -> Engine:
        """The engine that renders."""
        return self._engine.engine

    @property
    def engine_version(self) -> str:
        """Changes with everything that changes pixels."""
        return self._engine.version

    @property
    def reason(self) -> str:
        """Why this engine was taken, in words for people."""
        return self._reason

    @property
    def device(self) -> str:
        """Where it renders: "cpu", "cuda:0", ..."""
        return self._device

    def warm_up(self) -> None:
        """Load and run once what the first render would otherwise wait for.

        Raises:
            OutOfMemory: the device is too small.
            RenderError: the engine cannot render here.
        """
        with memory_errors_translated():
            self._engine.warm_up()

    def prepare(self, portrait: Path, options: RenderOptions) -> PreparedPortrait:
        """Decode a portrait and compute everything that depends on it alone.

        Raises:
            ImageUnsupported, ImageTooLarge, ImageNoFace: the portrait is at fault.
        """
        picture = read_portrait(portrait, max_dim_px=options.source_max_dim_px)
        prepared: PreparedPortrait = self._engine.prepare(picture.pixels, options)
        return prepared

    def animate(
        self, prepared: PreparedPortrait, template: MotionTemplate, options: RenderOptions
    ) -> Iterator[Frame]:
        """Give `template.frame_count` frames, H×W×3 RGB uint8; frame 0 is the portrait."""
        return self._engine.animate(prepared, template, options)

    def analyse(
        self,
        driving: Path,
        *,
        max_seconds: float,
        watch: Callable[[Progress], None] | None = None,
    ) -> Analysis:
        """Decode a driving clip and turn it into motion, for any number of portraits.

        Raises:
            VideoUnsupported, VideoTooLarge, VideoTooShort, VideoNoFace, VideoFaceLost: the clip is
                at fault.
        """
        clip, progress = probe(driving, max_seconds), RenderProgress()
        return run_watched(lambda: analyse_clip(self._engine, clip, progress), progress, watch)

    def render(
        self,
        portrait: Path,
        driving: Path,
        output: Path,
        *,
        poster: Path | None = None,
        options: RenderOptions,
        delivery: Delivery = SILENT_MP4,
        keep: Callable[[bytes], None] | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        """Make the video of a portrait that moves like a driving clip.

        Args:
            portrait: a picture.
            driving: a clip.
            output: the file to write; it appears complete or not at all.
            poster: a JPEG of frame 0 to write as well.
            options: how to animate.
            delivery: in which form, how large, with whose sound.
            keep: is given the clip's motion for `render_kept`, once, as soon as it is known, on the
                caller's thread; drawing goes on meanwhile. What it raises ends the render likewise.
            watch: hears of the progress several times a second, on the caller's thread. What it
                raises ends the render at once, leaves no file, and propagates unchanged.

        Raises:
            BadInput: the portrait, the clip or an option is at fault; see its subclasses.
            OutOfMemory: the machine or the device had too little.
            EncodeFailed: the video could not be written.
        """

        def work(progress: RenderProgress, video: Path) -> Filmed:
            progress.enter(Stage.PREPARE)
            picture = read_portrait(portrait, max_dim_px=options.source_max_dim_px)
            clip = probe(driving, options.max_seconds)  # a bad clip ends it before the long work
            require_sound(delivery, driving=clip, source=None)
            prepared = self._engine.prepare(picture.pixels, options)
            analysis = analyse_clip(self._engine, clip, progress)
            if keep is not None:
                motion = pack_motion(self._engine, analysis, max_seconds=options.max_seconds)
                progress.post_callback(lambda: keep(motion))
            shot = picture_shot(
                self._engine, picture, prepared, analysis.template, options, delivery
            )
            return film(following(shot, analysis), progress, video)

        return publish(work, output, poster, watch)

    def render_kept(
        self,
        portrait: Path,
        motion: bytes,
        output: Path,
        *,
        poster: Path | None = None,
        options: RenderOptions,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        """Make the video that `render` made when it gave this motion to be kept; silent, as MP4.

        Raises:
            MotionUnusable: at once; it is not the motion of so many seconds by this very engine.
            ImageUnsupported, ImageTooLarge, ImageNoFace, OutOfMemory, EncodeFailed: as of `render`.
        """
        kept = unpack_motion(self._engine, motion, max_seconds=options.max_seconds)

        def work(progress: RenderProgress, video: Path) -> Filmed:
            progress.enter(Stage.PREPARE)
            picture = read_portrait(portrait, max_dim_px=options.source_max_dim_px)
            prepared = self._engine.prepare(picture.pixels, options)
            progress.enter(Stage.MOTION)  # it is known: a stage of no length
            shot = picture_shot(self._engine, picture, prepared, kept.template, options, SILENT_MP4)
            return film(kept.leading(shot), progress, video)

        return publish(work, output, poster, watch)

    def render_template(
        self,
        portrait: Path,
        template: MotionTemplate,
        output: Path,
        *,
        driving: Analysis | None = None,
        poster: Path | None = None,
        options: RenderOptions,
        delivery: Delivery = SILENT_MP4,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        """Like `render`, with a motion of this engine's type that is there already.

        `driving` is the analysis that it comes from, for the clip's warnings, quality and sound.
        """
        require_sound(delivery, driving=driving.clip if driving else None, source=None)

        def work(progress: RenderProgress, video: Path) -> Filmed:
            progress.enter(Stage.PREPARE)
            picture = read_portrait(portrait, max_dim_px=options.source_max_dim_px)
            prepared = self._engine.prepare(picture.pixels, options)
            shot = picture_shot(self._engine, picture, prepared, template, options, delivery)
            return film(following(shot, driving) if driving else shot, progress, video)

        return publish(work, output, poster, watch)

    def synthetic_motion(self, idle: SyntheticIdle) -> MotionTemplate:
        """Make up the motion of somebody who stands still and is alive.

        Raises:
            InvalidOption: the engine knows no such motion.
        """
        return synthetic_motion(self.engine, idle)

    def render_idle(
        self,
        portrait: Path,
        idle: SyntheticIdle,
        output: Path,
        *,
        poster: Path | None = None,
        options: RenderOptions,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        """Like `render`, without any driving clip.

        Raises:
            InvalidOption: the engine knows no such motion.
        """
        motion = self.synthetic_motion(idle)
        return self.render_template(
            portrait, motion, output, poster=poster, options=options, watch=watch
        )

    def render_clip(
        self,
        portrait: Path,
        template: MotionTemplate,
        output: Path,
        *,
        driving: Analysis | None = None,
        poster: Path | None = None,
        options: RenderOptions,
        delivery: Delivery = SILENT_MP4,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        """Like `render_template`, with a clip as the portrait; at the portrait's rate, no loop.

        Raises:
            InvalidOption: the engine animates pictures only.
            BadInput: as for a driving clip.
        """
        engine = clip_engine(self._engine)
        clip = probe(portrait, options.max_seconds)
        require_sound(delivery, driving=driving.clip if driving else None, source=clip)

        def work(progress: RenderProgress, video: Path) -> Filmed:
            frames = DecodedClip(clip, None, progress)
            total = 2 * clip.expected_frames
            progress.enter(Stage.PREPARE, lambda: frames.frames_read / total)
            source = engine.analyse_source(frames, options)
            drawn = engine.animate_source(frames, source, template, options)
            shot = clip_shot(engine, drawn, clip, source, template, delivery)
            if delivery.sound is SoundFrom.SOURCE:
                shot = replace(shot, sound=sound_of(clip, source.skipped, shot))
            return film(following(shot, driving) if driving else shot, progress, video)

        return publish(work, output, poster, watch)

    def render_picture(
        self,
        portrait: Path,
        template: MotionTemplate,
        output: Path,
        *,
        options: RenderOptions,
        delivery: Delivery = SILENT_MP4,
    ) -> None:
        """Make a picture of a portrait with the face of a template's first frame.

        Of `delivery` the size counts; `output` names the kind of picture.

        Raises:
            BadInput: the portrait is at fault, or `output` names no kind of picture.
        """
        picture = read_portrait(portrait, max_dim_px=options.source_max_dim_px)
        with memory_errors_translated():
            prepared = self._engine.prepare(picture.pixels, options)
            frame = next(self._engine.animate(prepared, template, options))
        write_picture(frame, output, longest_side_px=delivery.longest_side_px)

    def analyse_picture(self, driving: Path, *, max_dim_px: int) -> MotionTemplate:
        """Turn a driving picture into motion of one frame, of this engine's type.

        Raises:
            InvalidOption: the engine takes clips only.
            ImageUnsupported, ImageTooLarge, VideoNoFace: the picture is at fault.
        """
        engine = clip_engine(self._engine)
        picture = read_portrait(driving, max_dim_px=max_dim_px)
        template: MotionTemplate = engine.analyse_picture(picture.pixels)
        return template

    def require_clips(self) -> None:
        """Refuse clips as portraits, and pictures as driving, where the engine takes neither.

        Raises:
            InvalidOption: it does not.
        """
        clip_engine(self._engine)


def open_renderer(engine: str, weights: Path, config: EngineConfig = DEFAULT_CONFIG) -> Renderer:
    """Choose the engine as `choose_engine` does, and open it.

    Raises:
        InvalidOption: another name.
        EngineUnavailable: LivePortrait was chosen and cannot run here.
    """
    choice = choose_engine(engine, weights, config)
    if choice.engine is Engine.MESH:
        from liveportrait_core.engines.mesh.engine import MeshEngine

        return Renderer(MeshEngine(), reason=choice.reason)
    from liveportrait_core.engines.liveportrait.loading import open_engine

    opened = open_engine(weights, config)
    reason = f"{choice.reason}; networks on {opened.device}"
    return Renderer(opened, reason=reason, device=str(opened.device.device))
