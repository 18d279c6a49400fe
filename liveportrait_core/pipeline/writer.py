"""From planned frames to a file that appears complete or not at all.

Knows the encoder and the quality meter; knows no engine.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from liveportrait_core.errors import EncodeFailed
from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings
from liveportrait_core.media.origin import DigitalSource, origin_of
from liveportrait_core.media.output import require_folder
from liveportrait_core.media.pictures.image import jpeg_of
from liveportrait_core.options import Engine
from liveportrait_core.pipeline.machine_faults import machine_faults_translated
from liveportrait_core.pipeline.plan import RenderPlan
from liveportrait_core.pipeline.progress import EncodingProgress, RenderProgress, run_watched
from liveportrait_core.quality import QualityMeter
from liveportrait_core.report import Box, Frame, Progress, RenderedVideo, Stage

Report = TypeVar("Report")
"""What a finished video is."""


class VideoWriter:
    """Draws the frames of a plan, measures and encodes them, overlapped by a bounded queue."""

    def __init__(self, plan: RenderPlan, progress: RenderProgress) -> None:
        """Draw nothing yet."""
        self._plan = plan
        self._progress = progress

    def write(self, video: Path, poster: Path) -> RenderedVideo:
        """Write the video and a JPEG of its first frame.

        Raises:
            EncodeFailed: the encoder failed or stood still.
        """
        plan, progress = self._plan, self._progress
        encoding = EncodingProgress(plan.frame_count)
        progress.enter(Stage.RENDER, encoding.done, encoding.remaining_s)
        first = next(iter(plan.frames))
        settings = _encoder_settings(plan, first)
        meter = _quality_meter(plan, first)
        with FrameEncoder(video, settings) as encoder, progress.register_child(encoder):
            for frame in chain((first,), plan.frames):
                progress.check()
                encoder.write(frame)
                meter.add(frame)
                encoding.count(encoder)
            progress.enter(Stage.ENCODE)
            encoder.finish()
        write_poster(_reduced(first, settings), poster, settings.origin)
        warnings = tuple(dict.fromkeys(plan.warnings))
        quality = meter.report(video, settings.form, plan.fps, plan.motion, warnings)
        width, height = settings.result_size
        return RenderedVideo(
            engine=plan.engine,
            engine_version=plan.engine_version,
            width_px=width,
            height_px=height,
            frame_count=encoding.drawn,
            fps=plan.fps,
            size_bytes=video.stat().st_size,
            box=_reduced_box(meter.box, settings),
            warnings=warnings,
            seconds=progress.stage_seconds(),
            quality=quality,
            talk=plan.talk,
        )


def write_poster(frame: Frame, poster: Path, origin: DigitalSource) -> None:
    """Write a frame as a JPEG.

    Raises:
        EncodeFailed: it cannot be written.
    """
    try:
        poster.write_bytes(jpeg_of(frame, origin))
    except OSError as error:
        raise EncodeFailed(f"the poster cannot be written: {error}") from error


def _encoder_settings(plan: RenderPlan, first: Frame) -> EncoderSettings:
    height, width = first.shape[:2]
    return EncoderSettings(
        width_px=width,
        height_px=height,
        rate_fps=plan.fps,
        form=plan.delivery.format,
        longest_side_px=plan.delivery.longest_side_px,
        sound=plan.sound,
        is_preview=plan.engine is Engine.MESH,
        origin=origin_of(plan.engine),
        peak_mbit_s=plan.delivery.peak_mbit_s,
    )


def _quality_meter(plan: RenderPlan, first: Frame) -> QualityMeter:
    """Return a meter that knows whether these frames are the portrait or a crop of it."""
    if plan.portrait is None or plan.box is None or plan.portrait.shape != first.shape:
        height, width = first.shape[:2]
        return QualityMeter(None, Box(x0=0, y0=0, x1=width, y1=height))
    return QualityMeter(plan.portrait, plan.box, plan.mask)


def _reduced(frame: Frame, settings: EncoderSettings) -> Frame:
    """Return a frame at the size of the file."""
    if settings.result_size == (settings.width_px, settings.height_px):
        return frame
    return np.asarray(
        cv2.resize(frame, settings.result_size, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def _reduced_box(box: Box, settings: EncoderSettings) -> Box:
    """Return the box in the pixels of the file; a pixel that it touches belongs to it."""
    width, height = settings.result_size
    return Box(
        x0=box.x0 * width // settings.width_px,
        y0=box.y0 * height // settings.height_px,
        x1=-(-box.x1 * width // settings.width_px),
        y1=-(-box.y1 * height // settings.height_px),
    )


def publish(
    work: Callable[[RenderProgress, Path, Path], Report],
    output: Path,
    poster: Path | None,
    on_progress: Callable[[Progress], None] | None,
) -> Report:
    """Run the work beside the caller's thread; put its files in place on the caller's thread."""
    progress = RenderProgress()
    with _draft_folder(output, poster) as folder, machine_faults_translated():
        video, picture = folder / "video", folder / "poster.jpg"
        rendered = run_watched(lambda: work(progress, video, picture), progress, on_progress)
        try:
            if poster is None:
                video.replace(output)
            else:
                _replace_both(video, output, picture, poster)
        except OSError as error:
            raise EncodeFailed(f"{output.name} cannot be put in place: {error}") from error
    return rendered


def _replace_both(video: Path, output: Path, picture: Path, poster: Path) -> None:
    """Put both files in place, or leave both places as they were."""
    old = poster.read_bytes() if poster.exists() else None
    with tempfile.TemporaryDirectory(dir=poster.parent, prefix=".render-") as beside:
        copied = Path(beside) / "poster.jpg"
        copied.write_bytes(picture.read_bytes())
        copied.replace(poster)
    try:
        video.replace(output)
    except OSError:
        if old is None:
            poster.unlink()
        else:
            poster.write_bytes(old)
        raise


@contextmanager
def _draft_folder(output: Path, poster: Path | None) -> Iterator[Path]:
    """Make a folder beside the output and delete it afterwards, with everything in it.

    Raises:
        InvalidOption: there is no folder for the output, or for the poster.
        EncodeFailed: it cannot be written into.
    """
    for target in (output, poster or output):
        require_folder(target)
    try:
        folder = tempfile.TemporaryDirectory(dir=output.parent, prefix=".render-")
    except OSError as error:
        raise EncodeFailed(f"{output.parent} cannot be written into: {error}") from error
    with folder as name:
        yield Path(name)
