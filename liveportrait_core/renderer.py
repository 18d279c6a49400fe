"""The front door: prepare a portrait once, animate it often; or both, from files to files.

Chooses the engine. Knows files and threads, no face and no mathematics of motion.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2

from liveportrait_core.errors import (
    EncodeFailed,
    EngineUnavailable,
    InvalidOption,
    OutOfMemory,
)
from liveportrait_core.image import jpeg_of, read_portrait
from liveportrait_core.options import (
    Box,
    Engine,
    Frame,
    Progress,
    RenderOptions,
    RenderReport,
    RenderWarning,
    Stage,
)
from liveportrait_core.progress import RenderProgress, run_watched
from liveportrait_core.video import DrivingClip, FrameEncoder, FrameReader, probe


class PreparedPortrait(Protocol):
    """Everything an engine computes once per portrait. Frozen; the engine's own type."""

    @property
    def box(self) -> Box:
        """Outside it every frame equals the portrait, whatever the motion."""

    @property
    def warnings(self) -> tuple[RenderWarning, ...]:
        """What the user should know, for example MULTIPLE_FACES_IMAGE."""


class MotionTemplate(Protocol):
    """The motion of one driving clip. Frozen; the engine's own type."""

    @property
    def fps(self) -> Fraction:
        """Constant frame rate, exact."""

    @property
    def frame_count(self) -> int:
        """Number of frames that `animate` will give."""

    @property
    def warnings(self) -> tuple[RenderWarning, ...]:
        """For example VIDEO_LEADING_FRAMES_SKIPPED, LANDMARKS_INTERPOLATED."""


Prepared = TypeVar("Prepared", bound=PreparedPortrait)
Template = TypeVar("Template", bound=MotionTemplate)


class AnimationEngine(Protocol[Prepared, Template]):
    """What the mesh engine and the LivePortrait engine have in common."""

    @property
    def engine(self) -> Engine:
        """Which one it is."""

    @property
    def version(self) -> str:
        """<engine>-<pipeline revision>-<8 hex digits>: docs/contract.md, section 2."""

    @property
    def driving_max_side_px(self) -> int | None:
        """`analyse` wants driving frames no larger than this; None: as filmed."""

    def prepare(self, portrait: Frame, options: RenderOptions) -> Prepared:
        """Find the face and compute everything that depends on the portrait alone.

        Raises:
            ImageNoFace: no face was found.
        """

    def analyse(self, frames: Iterable[Frame], fps: Fraction) -> Template:
        """Turn a driving clip into motion, consuming the frames one by one.

        Raises:
            VideoNoFace: no face was found at all.
            VideoFaceLost: the face is missing from more than half of the frames.
        """

    def animate(
        self, prepared: Prepared, template: Template, options: RenderOptions
    ) -> Iterator[Frame]:
        """Give `template.frame_count` frames of the portrait's size; frame 0 is the portrait.

        The same inputs on the same device give the same pixels.
        """


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
        count = 0
        progress.enter(Stage.MOTION, lambda: count / clip.expected_frames)

        def counted(frames: Iterable[Frame]) -> Iterator[Frame]:
            nonlocal count
            for frame in frames:
                progress.check()
                yield frame
                count += 1

        with (
            FrameReader(clip, max_side_px=self._engine.driving_max_side_px) as reader,
            progress.killing(reader),
        ):
            template: MotionTemplate = self._engine.analyse(counted(reader), clip.rate_fps)
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
        frames = self._engine.animate(prepared, template, options)
        first = next(iter(frames))
        height, width = first.shape[:2]
        count = 0
        with (
            FrameEncoder(video, width_px=width, height_px=height, rate_fps=template.fps) as encoder,
            progress.killing(encoder),
        ):
            total = 2 * template.frame_count
            progress.enter(Stage.RENDER, lambda: (count + encoder.frames_encoded) / total)
            for frame in chain((first,), frames):
                progress.check()
                encoder.write(frame)
                count += 1
            progress.enter(Stage.ENCODE)
            encoder.finish()
        return _Rendered(
            poster_jpeg=jpeg_of(first),
            report=RenderReport(
                engine=self.engine,
                engine_version=self.engine_version,
                width_px=width,
                height_px=height,
                frame_count=count,
                fps=template.fps,
                size_bytes=video.stat().st_size,
                box=prepared.box,
                warnings=tuple(dict.fromkeys((*warnings, *prepared.warnings, *template.warnings))),
                seconds=progress.stage_seconds(),
            ),
        )


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


def open_renderer(engine: str, weights: Path) -> Renderer:
    """Choose the engine.

    Args:
        engine: "liveportrait", "mesh" or "auto" (LivePortrait when it can run here, else mesh).
        weights: folder of LivePortrait's downloaded weights.

    Raises:
        InvalidOption: another name.
        EngineUnavailable: LivePortrait was asked for and cannot run here.
    """
    if engine not in (*Engine, "auto"):
        raise InvalidOption(f"engine is {engine!r}; accepted: liveportrait, mesh, auto")
    if engine == Engine.LIVEPORTRAIT:
        raise EngineUnavailable(
            f"the liveportrait engine cannot run: its networks are not built in yet, whatever "
            f"{weights} holds; take the engine mesh, which needs no weights"
        )
    from liveportrait_core.mesh.engine import MeshEngine

    if engine == Engine.MESH:
        return Renderer(MeshEngine(), reason="mesh was asked for")
    return Renderer(
        MeshEngine(),
        reason="LivePortrait's networks are not built in yet; mesh needs no weights",
    )
