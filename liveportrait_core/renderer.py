"""The front door: prepare a portrait once, animate it often; or both, from files to files.

Chooses the engine. Knows files and threads, no face and no mathematics of motion.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import cv2

from liveportrait_core.engine import AnimationEngine, MotionTemplate, PreparedPortrait
from liveportrait_core.engine_setup import USUAL_SETUP, EngineSetup
from liveportrait_core.errors import EncodeFailed, InvalidOption, OutOfMemory
from liveportrait_core.image import jpeg_of, read_portrait
from liveportrait_core.options import (
    Engine,
    Frame,
    Progress,
    RenderOptions,
    RenderReport,
    RenderWarning,
    Stage,
)
from liveportrait_core.progress import Filming, RenderProgress, run_watched
from liveportrait_core.video import DrivingClip, FrameEncoder, FrameReader, probe
from liveportrait_core.weights.digests import missing_checkpoints
from liveportrait_core.weights.manifest import REQUIRED_CHECKPOINTS


class Renderer:
    """One engine behind two verbs, `prepare` and `animate`; `render` is both, with files.

    May be kept and used again and again, for one job at a time.
    """

    def __init__(self, engine: AnimationEngine[Any, Any], *, reason: str) -> None:
        """Take an engine; `open_renderer` chooses one."""
        self._engine = engine
        self._reason = reason

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

    def analyse(self, driving: Path, *, max_seconds: float) -> MotionTemplate:
        """Decode a driving clip and turn it into motion, of this engine's type.

        Raises:
            VideoUnsupported, VideoTooLarge, VideoTooShort, VideoNoFace, VideoFaceLost: the clip is
                at fault.
        """
        return self._analyse(probe(driving, max_seconds), RenderProgress())

    def render(
        self,
        portrait: Path,
        driving: Path,
        output: Path,
        *,
        poster: Path | None = None,
        options: RenderOptions,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        """Make the video of a portrait that moves like a driving clip.

        Args:
            portrait: a picture.
            driving: a clip.
            output: the MP4 to write; it appears complete or not at all.
            poster: a JPEG of frame 0 to write as well.
            options: how to animate.
            watch: hears of the progress several times a second, on the caller's thread. What it
                raises ends the render at once, leaves no file, and propagates unchanged.

        Raises:
            BadInput: the portrait, the clip or an option is at fault; see its subclasses.
            OutOfMemory: the machine or the device had too little.
            EncodeFailed: the video could not be written.
        """

        def work(progress: RenderProgress, video: Path) -> _Rendered:
            progress.enter(Stage.PREPARE)
            picture = read_portrait(portrait, max_dim_px=options.source_max_dim_px)
            clip = probe(driving, options.max_seconds)  # a bad clip ends it before the long work
            prepared = self._engine.prepare(picture.pixels, options)
            template = self._analyse(clip, progress)
            warnings = (*picture.warnings, *clip.warnings)
            return self._film(prepared, template, warnings, options, progress, video)

        return _publish(work, output, poster, watch)

    def render_template(
        self,
        portrait: Path,
        template: MotionTemplate,
        output: Path,
        *,
        poster: Path | None = None,
        options: RenderOptions,
        watch: Callable[[Progress], None] | None = None,
    ) -> RenderReport:
        """Like `render`, with a motion of this engine's type that is there already."""

        def work(progress: RenderProgress, video: Path) -> _Rendered:
            progress.enter(Stage.PREPARE)
            picture = read_portrait(portrait, max_dim_px=options.source_max_dim_px)
            prepared = self._engine.prepare(picture.pixels, options)
            return self._film(prepared, template, picture.warnings, options, progress, video)

        return _publish(work, output, poster, watch)

    def _analyse(self, clip: DrivingClip, progress: RenderProgress) -> MotionTemplate:
        frames = _DrivingFrames(clip, self._engine.driving_max_side_px, progress)
        total = self._engine.driving_passes * clip.expected_frames
        progress.enter(Stage.MOTION, lambda: frames.given / total)
        template: MotionTemplate = self._engine.analyse(frames, clip.rate_fps)
        progress.check()
        return template

    def _film(
        self,
        prepared: PreparedPortrait,
        template: MotionTemplate,
        warnings: tuple[RenderWarning, ...],
        options: RenderOptions,
        progress: RenderProgress,
        video: Path,
    ) -> "_Rendered":
        """Warp and encode, overlapped by the encoder's bounded queue."""
        filming = Filming(template.frame_count)
        progress.enter(Stage.RENDER, filming.done, filming.remaining_s)
        frames = self._engine.animate(prepared, template, options)
        first = next(iter(frames))
        height, width = first.shape[:2]
        with (
            FrameEncoder(video, width_px=width, height_px=height, rate_fps=template.fps) as encoder,
            progress.killing(encoder),
        ):
            for frame in chain((first,), frames):
                progress.check()
                encoder.write(frame)
                filming.count(encoder)
            progress.enter(Stage.ENCODE)
            encoder.finish()
        return _Rendered(
            poster_jpeg=jpeg_of(first),
            report=RenderReport(
                engine=self.engine,
                engine_version=self.engine_version,
                width_px=width,
                height_px=height,
                frame_count=filming.drawn,
                fps=template.fps,
                size_bytes=video.stat().st_size,
                box=prepared.box,
                warnings=tuple(dict.fromkeys((*warnings, *prepared.warnings, *template.warnings))),
                seconds=progress.stage_seconds(),
            ),
        )


class _DrivingFrames:
    """The frames of a clip, decoded anew each time they are gone over."""

    def __init__(
        self, clip: DrivingClip, max_side_px: int | None, progress: RenderProgress
    ) -> None:
        self._clip = clip
        self._max_side_px = max_side_px
        self._progress = progress
        self.given = 0  # in all

    def __iter__(self) -> Iterator[Frame]:
        with (
            FrameReader(self._clip, max_side_px=self._max_side_px) as reader,
            self._progress.killing(reader),
        ):
            for frame in reader:
                self._progress.check()
                yield frame
                self.given += 1
        self._progress.check()


@dataclass(frozen=True, kw_only=True)
class _Rendered:
    poster_jpeg: bytes
    report: RenderReport


def _publish(
    work: Callable[[RenderProgress, Path], _Rendered],
    output: Path,
    poster: Path | None,
    watch: Callable[[Progress], None] | None,
) -> RenderReport:
    """Run the work beside the caller's thread; put its files in place on the caller's thread."""
    progress = RenderProgress()
    with _draft_folder(output, poster) as folder, _memory_errors_translated():
        video = folder / "video.mp4"
        rendered = run_watched(lambda: work(progress, video), progress, watch)
        try:
            if poster is not None:
                poster.write_bytes(rendered.poster_jpeg)
            video.replace(output)
        except OSError as error:
            raise EncodeFailed(f"{output.name} cannot be put in place: {error}") from error
    return rendered.report


@contextmanager
def _draft_folder(output: Path, poster: Path | None) -> Iterator[Path]:
    """A folder beside the output that vanishes with everything in it."""
    for target in (output, poster or output):
        if not target.parent.is_dir():
            raise EncodeFailed(f"{target.parent} is no folder to write {target.name} into")
    try:
        folder = tempfile.TemporaryDirectory(dir=output.parent, prefix=".render-")
    except OSError as error:
        raise EncodeFailed(f"{output.parent} cannot be written into: {error}") from error
    with folder as name:
        yield Path(name)


@contextmanager
def _memory_errors_translated() -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(f"The machine ran out of memory: {error}") from error
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            raise
        raise OutOfMemory(f"The machine ran out of memory: {error}") from error


def open_renderer(engine: str, weights: Path, setup: EngineSetup = USUAL_SETUP) -> Renderer:
    """Choose the engine.

    Args:
        engine: "liveportrait", "mesh" or "auto" (LivePortrait when its weights are complete, else
            mesh).
        weights: folder of LivePortrait's downloaded weights.
        setup: how LivePortrait is put together.

    Raises:
        InvalidOption: another name.
        EngineUnavailable: LivePortrait was asked for and cannot run here.
    """
    if engine not in (*Engine, "auto"):
        raise InvalidOption(f"engine is {engine!r}; accepted: liveportrait, mesh, auto")
    missing = missing_checkpoints(weights, REQUIRED_CHECKPOINTS)
    if engine == Engine.MESH or (engine == "auto" and missing):
        from liveportrait_core.mesh.engine import MeshEngine

        reason = "mesh was asked for"
        if engine != Engine.MESH:
            reason = f"{weights} has no {', '.join(missing)}; mesh needs no weights"
        return Renderer(MeshEngine(), reason=reason)
    from liveportrait_core.assembly import open_engine

    opened = open_engine(weights, setup)
    asked = "it was asked for" if engine == Engine.LIVEPORTRAIT else f"{weights} is complete"
    return Renderer(opened, reason=f"{asked}; networks on {opened.device}")
