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
import numpy as np
from numpy.typing import NDArray

from liveportrait_core.errors import EncodeFailed, OutOfMemory
from liveportrait_core.media.decode import FrameReader
from liveportrait_core.media.encode import FrameEncoder
from liveportrait_core.media.formats import EncoderSettings, Sound
from liveportrait_core.media.image import jpeg_of
from liveportrait_core.media.probe import DrivingClip
from liveportrait_core.options import Delivery, Engine
from liveportrait_core.pipeline.progress import EncodingProgress, RenderProgress, run_watched
from liveportrait_core.quality import NO_CLIP, DrivingQuality, QualityMeter
from liveportrait_core.report import Box, Frame, Progress, RenderReport, RenderWarning, Stage


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What is to be filmed."""

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
    driving: DrivingQuality = NO_CLIP
    sound: Sound | None = None


@dataclass(frozen=True, kw_only=True)
class Filmed:
    """A finished video and its poster."""

    poster_jpeg: bytes
    report: RenderReport


def film(shot: Shot, progress: RenderProgress, video: Path) -> Filmed:
    """Warp, measure and encode, overlapped by the encoder's bounded queue."""
    filming = EncodingProgress(shot.frame_count)
    progress.enter(Stage.RENDER, filming.done, filming.remaining_s)
    first = next(iter(shot.frames))
    written = _film_of(shot, first)
    meter = _meter_of(shot, first)
    with FrameEncoder(video, written) as encoder, progress.register_child(encoder):
        for frame in chain((first,), shot.frames):
            progress.check()
            encoder.write(frame)
            meter.add(frame)
            filming.count(encoder)
        progress.enter(Stage.ENCODE)
        encoder.finish()
    warnings = tuple(dict.fromkeys(shot.warnings))
    quality = meter.report(video, written.form, shot.fps, shot.driving, warnings)
    result_width, result_height = written.result_size
    return Filmed(
        poster_jpeg=jpeg_of(_reduced(first, written)),
        report=RenderReport(
            engine=shot.engine,
            engine_version=shot.engine_version,
            width_px=result_width,
            height_px=result_height,
            frame_count=filming.drawn,
            fps=shot.fps,
            size_bytes=video.stat().st_size,
            box=_reduced_box(meter.box, written),
            warnings=warnings,
            seconds=progress.stage_seconds(),
            quality=quality,
        ),
    )


def _film_of(shot: Shot, first: Frame) -> EncoderSettings:
    height, width = first.shape[:2]
    return EncoderSettings(
        width_px=width,
        height_px=height,
        rate_fps=shot.fps,
        form=shot.delivery.format,
        longest_side_px=shot.delivery.longest_side_px,
        sound=shot.sound,
        is_preview=shot.engine is Engine.MESH,
    )


def _meter_of(shot: Shot, first: Frame) -> QualityMeter:
    """A meter that knows whether these frames are the portrait or a crop of it."""
    if shot.portrait is None or shot.box is None or shot.portrait.shape != first.shape:
        height, width = first.shape[:2]
        return QualityMeter(None, Box(x0=0, y0=0, x1=width, y1=height))
    return QualityMeter(shot.portrait, shot.box, shot.mask)


def _reduced(frame: Frame, written: EncoderSettings) -> Frame:
    """A frame at the size of the file."""
    if written.result_size == (written.width_px, written.height_px):
        return frame
    return np.asarray(
        cv2.resize(frame, written.result_size, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def _reduced_box(box: Box, written: EncoderSettings) -> Box:
    """The box in the pixels of the file; a pixel that it touches belongs to it."""
    width, height = written.result_size
    return Box(
        x0=box.x0 * width // written.width_px,
        y0=box.y0 * height // written.height_px,
        x1=-(-box.x1 * width // written.width_px),
        y1=-(-box.y1 * height // written.height_px),
    )


class DecodedClip:
    """The frames of a clip, decoded anew each time they are gone over."""

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
        self.frames_read = 0  # in all
        self.frame_count = 0  # of the clip, once it has been gone over

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


def publish(
    work: Callable[[RenderProgress, Path], Filmed],
    output: Path,
    poster: Path | None,
    watch: Callable[[Progress], None] | None,
) -> RenderReport:
    """Run the work beside the caller's thread; put its files in place on the caller's thread."""
    progress = RenderProgress()
    with _draft_folder(output, poster) as folder, memory_errors_translated():
        video = folder / "video"
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
