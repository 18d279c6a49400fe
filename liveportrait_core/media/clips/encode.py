"""The finished video, written by a child process: MP4, GIF or WebP.

Frames are handed over through a bounded queue to a thread of its own, so that rendering and
encoding overlap and memory does not grow with the clip. Knows nothing of where frames come from.
"""

import contextlib
import queue
import re
import secrets
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from liveportrait_core.errors import EncodeFailed
from liveportrait_core.media.clips.formats import (
    EncoderSettings,
    encoding,
    encoding_limits,
    gif_passes,
)
from liveportrait_core.media.clips.mp4_edits import drop_picture_edit_list
from liveportrait_core.media.clips.origin_boxes import add_xmp
from liveportrait_core.media.clips.planes import Plane, PlaneConverter
from liveportrait_core.media.ffmpeg import FfmpegProcess
from liveportrait_core.media.origin import xmp_of
from liveportrait_core.options import VideoFormat
from liveportrait_core.report import Frame

_QUEUE_FRAMES = 4
_STALL_LIMIT_S = 120.0
_GIF_LIMIT_S = 1800.0  # for one of the two runs that a GIF takes after its last frame


class FrameEncoder:
    """A video being written: a context manager fed with frames.

    The file appears under its name, complete, when the context is left without an exception;
    otherwise nothing is left behind. `kill` may be called from another thread.
    """

    def __init__(self, output: Path, settings: EncoderSettings) -> None:
        """Start the encoder.

        Args:
            output: the file.
            settings: the frames that will come, and the form they are to take.

        Raises:
            EncodeFailed: a side is odd, or the folder cannot be written.
        """
        width_px, height_px = settings.width_px, settings.height_px
        if width_px % 2 or height_px % 2 or min(width_px, height_px) < 2:
            raise EncodeFailed(f"a video of {width_px}x{height_px} pixels; accepted: even sides")
        if not output.parent.is_dir():
            raise EncodeFailed(f"{output.parent} is no folder to write {output.name} into")
        self._output = output
        self._shape = (height_px, width_px, 3)
        self._part = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
        self._converter = PlaneConverter(width_px, height_px, settings.plane_format)
        self._frames: queue.Queue[Plane | None] = queue.Queue(_QUEUE_FRAMES)
        self._rooms: queue.SimpleQueue[Plane] = queue.SimpleQueue()  # of frames that are written
        self._encoded = 0
        self._fed = 0
        self._feeding_s = 0.0
        self._taken = 0
        self._is_finished = False
        self._is_killed = False
        self._settings = settings
        self._is_gif = settings.form is VideoFormat.GIF
        self._lossless = self._part.with_suffix(".mkv")  # a GIF is made of it
        self._palette = self._part.with_suffix(".png")
        written = self._lossless if self._is_gif else self._part
        self._limits = encoding_limits(settings)
        self._child = FfmpegProcess(
            encoding(settings, written), limits=self._limits, feed=True, on_line=self._note
        )
        self._writer = threading.Thread(target=self._feed, name="encoder-feed", daemon=True)
        self._writer.start()

    @property
    def frames_encoded(self) -> int:
        """Frames that have left the encoder; it looks about two seconds ahead."""
        return self._encoded

    @property
    def seconds_per_frame(self) -> float:
        """How long a frame waits for the encoder; nearly 0 while it is idle."""
        return self._feeding_s / max(1, self._fed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.finish()
        finally:
            self.kill()
            self._child.close()
            for left in (self._part, self._lossless, self._palette):
                left.unlink(missing_ok=True)

    def write(self, frame: Frame) -> None:
        """Take one frame, H×W×3 RGB uint8; waits while the encoder is behind.

        Raises:
            EncodeFailed: the frame has another size, or the encoder failed or stood still.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise EncodeFailed(
                f"a frame of {frame.shape} {frame.dtype}; accepted: {self._shape} uint8"
            )
        try:
            room = self._rooms.get_nowait()
        except queue.Empty:
            room = self._converter.room()
        self._converter.convert(frame, room)
        self._put(room)
        self._taken += 1

    def kill(self) -> None:
        """End the child at once; nothing is left behind when the context is left."""
        self._is_killed = True
        self._child.kill()
        # The writer now meets a broken pipe, unless it waits for a frame: then the queue has room.
        with contextlib.suppress(queue.Full):
            self._frames.put_nowait(None)
        self._writer.join()

    def finish(self) -> None:
        """Wait until the file is complete and give it its name; leaving the context does so too.

        Raises:
            EncodeFailed: the encoder failed or stood still.
        """
        if self._is_finished:
            return
        if not self._taken:
            raise EncodeFailed("a video without frames; accepted: at least one")
        self._put(None)
        try:
            self._writer.join(_STALL_LIMIT_S)
            status = self._child.wait(_STALL_LIMIT_S)
        except subprocess.TimeoutExpired as late:
            raise EncodeFailed(f"the encoder did not end within {_STALL_LIMIT_S:.0f} s") from late
        if status != 0 or self._child.exceeded:
            raise EncodeFailed(f"the encoder ended with status {status}: {self._reason}")
        if self._is_gif:
            self._make_gif()
        self._complete()
        self._part.replace(self._output)
        self._is_finished = True

    def _complete(self) -> None:
        """Add to the file what ffmpeg cannot be told to write."""
        settings = self._settings
        try:
            if settings.form is VideoFormat.MP4 and settings.sound is not None:
                drop_picture_edit_list(self._part)
            add_xmp(self._part, settings.form, xmp_of(settings.origin))
        except (OSError, ValueError) as error:
            raise EncodeFailed(f"{self._output.name} cannot be completed: {error}") from error

    def _make_gif(self) -> None:
        for arguments in gif_passes(self._lossless, self._palette, self._part):
            self._child.close()
            self._child = FfmpegProcess(arguments, limits=self._limits)
            if self._is_killed:
                self._child.kill()
            try:
                status = self._child.wait(_GIF_LIMIT_S)
            except subprocess.TimeoutExpired as late:
                raise EncodeFailed(f"no GIF was made within {_GIF_LIMIT_S:.0f} s") from late
            if status != 0 or self._child.exceeded:
                raise EncodeFailed(f"the GIF could not be made: {self._reason}")

    @property
    def _reason(self) -> str:
        exceeded = self._child.exceeded
        return f"it takes {exceeded}" if exceeded else self._child.last_words

    def _put(self, data: Plane | None) -> None:
        give_up_at = time.monotonic() + _STALL_LIMIT_S
        while self._writer.is_alive():
            try:
                self._frames.put(data, timeout=0.2)
            except queue.Full as late:
                if time.monotonic() > give_up_at:
                    raise EncodeFailed(f"no frame was taken for {_STALL_LIMIT_S:.0f} s") from late
            else:
                return
        self._child.kill()
        raise EncodeFailed(f"the encoder has stopped: {self._reason}")

    def _feed(self) -> None:
        """Run the writer thread: from the queue into the pipe, until None or the child's end."""
        stdin = self._child.stdin
        try:
            while (room := self._frames.get()) is not None:
                began_at = time.monotonic()
                view = room.data
                while view:
                    view = view[stdin.write(view) :]
                self._feeding_s += time.monotonic() - began_at
                self._fed += 1
                self._rooms.put(room)
            stdin.close()
        except BrokenPipeError:
            return  # the child has ended: the next `write` reports why

    def _note(self, line: str) -> bool:
        match = re.fullmatch(r"(\w+)=\s*(\S.*)", line)
        if match and match.group(1) == "frame" and match.group(2).isdecimal():
            self._encoded = int(match.group(2))
        return match is not None
