"""From frames to a file: filming, progress, and a result that appears whole or not at all.

Knows the encoder and the decoder; knows no engine.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2

from liveportrait_core.errors import EncodeFailed, OutOfMemory
from liveportrait_core.image import jpeg_of
from liveportrait_core.options import (
    Box,
    Engine,
    Frame,
    Progress,
    RenderReport,
    RenderWarning,
    Stage,
)
from liveportrait_core.progress import Filming, RenderProgress, run_watched
from liveportrait_core.video import DrivingClip, Film, FrameEncoder, FrameReader


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What is to be filmed."""

    engine: Engine
    engine_version: str
    frames: Iterator[Frame]
    frame_count: int
    fps: Fraction
    box: Box | None  # outside it nothing moves; None: everything may
    warnings: tuple[RenderWarning, ...]


@dataclass(frozen=True, kw_only=True)
class Filmed:
    """A finished video and its poster."""

    poster_jpeg: bytes
    report: RenderReport


def film(shot: Shot, progress: RenderProgress, video: Path) -> Filmed:
    """Warp and encode, overlapped by the encoder's bounded queue."""
    filming = Filming(shot.frame_count)
    progress.enter(Stage.RENDER, filming.done, filming.remaining_s)
    first = next(iter(shot.frames))
    height, width = first.shape[:2]
    with (
        FrameEncoder(video, Film(width_px=width, height_px=height, rate_fps=shot.fps)) as encoder,
        progress.killing(encoder),
    ):
        for frame in chain((first,), shot.frames):
            progress.check()
            encoder.write(frame)
            filming.count(encoder)
        progress.enter(Stage.ENCODE)
        encoder.finish()
    return Filmed(
        poster_jpeg=jpeg_of(first),
        report=RenderReport(
            engine=shot.engine,
            engine_version=shot.engine_version,
            width_px=width,
            height_px=height,
            frame_count=filming.drawn,
            fps=shot.fps,
            size_bytes=video.stat().st_size,
            box=shot.box or Box(x0=0, y0=0, x1=width, y1=height),
            warnings=tuple(dict.fromkeys(shot.warnings)),
            seconds=progress.stage_seconds(),
        ),
    )


class DecodedClip:
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


def publish(
    work: Callable[[RenderProgress, Path], Filmed],
    output: Path,
    poster: Path | None,
    watch: Callable[[Progress], None] | None,
) -> RenderReport:
    """Run the work beside the caller's thread; put its files in place on the caller's thread."""
    progress = RenderProgress()
    with _draft_folder(output, poster) as folder, memory_errors_translated():
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
def memory_errors_translated() -> Iterator[None]:
    """Give what the machine's memory cannot hold its own error."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(f"The machine ran out of memory: {error}") from error
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            raise
        raise OutOfMemory(f"The machine ran out of memory: {error}") from error
