"""The finished video: H.264 by libx264 in a child process, as docs/contract.md, section 6, wants.

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
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from liveportrait_core.errors import EncodeFailed
from liveportrait_core.options import Frame
from liveportrait_core.video.ffmpeg import FfmpegProcess

CRF = 18
PRESET = "slow"
GOP_SECONDS = 2
_QUEUE_FRAMES = 4
_STALL_LIMIT_S = 120.0
# The number of threads changes libx264's bytes: fixed, so that a machine with other cores agrees.
_THREADS = 6
# Raw RGB would be written as untagged BT.601 and players would shift the colours; the plain
# -color_* options are dropped on the way.
_COLOUR = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int+bicubic,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
)


class FrameEncoder:
    """A video being written: a context manager fed with frames.

    The file appears under its name, complete, when the context is left without an exception;
    otherwise nothing is left behind. `kill` may be called from another thread.
    """

    def __init__(self, output: Path, *, width_px: int, height_px: int, rate_fps: Fraction) -> None:
        """Start the encoder.

        Raises:
            EncodeFailed: a side is odd, or the folder cannot be written.
        """
        if width_px % 2 or height_px % 2 or min(width_px, height_px) < 2:
            raise EncodeFailed(f"a video of {width_px}x{height_px} pixels; accepted: even sides")
        if not output.parent.is_dir():
            raise EncodeFailed(f"{output.parent} is no folder to write {output.name} into")
        self._output = output
        self._shape = (height_px, width_px, 3)
        self._part = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
        self._frames: queue.Queue[bytes | None] = queue.Queue(_QUEUE_FRAMES)
        self._encoded = 0
        self._fed = 0
        self._feeding_s = 0.0
        self._taken = 0
        self._is_finished = False
        self._child = FfmpegProcess(
            _arguments(self._part, width_px, height_px, rate_fps), feed=True, on_line=self._note
        )
        self._writer = threading.Thread(target=self._feed, name="encoder-feed", daemon=True)
        self._writer.start()

    @property
    def frames_encoded(self) -> int:
        """Frames that have left the encoder; it looks about two seconds ahead."""
        return self._encoded

    @property
    def seconds_per_frame(self) -> float:
        """How long a frame waits at its door; next to nothing while the encoder is idle."""
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
            self._part.unlink(missing_ok=True)

    def write(self, frame: Frame) -> None:
        """Take one frame, H×W×3 RGB uint8; waits while the encoder is behind.

        Raises:
            EncodeFailed: the frame has another size, or the encoder failed or stood still.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise EncodeFailed(
                f"a frame of {frame.shape} {frame.dtype}; accepted: {self._shape} uint8"
            )
        self._put(frame.tobytes())
        self._taken += 1

    def kill(self) -> None:
        """End the child at once; nothing is left behind when the context is left."""
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
        if status != 0:
            raise EncodeFailed(f"the encoder ended with status {status}: {self._child.last_words}")
        self._part.replace(self._output)
        self._is_finished = True

    def _put(self, data: bytes | None) -> None:
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
        raise EncodeFailed(f"the encoder has stopped: {self._child.last_words}")

    def _feed(self) -> None:
        """The writer thread: from the queue into the pipe, until None or the child's end."""
        stdin = self._child.stdin
        try:
            while (data := self._frames.get()) is not None:
                began_at = time.monotonic()
                view = memoryview(data)
                while view:
                    view = view[stdin.write(view) :]
                self._feeding_s += time.monotonic() - began_at
                self._fed += 1
            stdin.close()
        except BrokenPipeError:
            return  # the child has ended: whoever hands over the next frame reads why

    def _note(self, line: str) -> bool:
        match = re.fullmatch(r"(\w+)=\s*(\S.*)", line)
        if match and match.group(1) == "frame" and match.group(2).isdecimal():
            self._encoded = int(match.group(2))
        return match is not None


def _arguments(part: Path, width_px: int, height_px: int, rate_fps: Fraction) -> list[str]:
    gop_frames = max(1, int(GOP_SECONDS * rate_fps))
    return [
        "-v", "error", "-nostats", "-progress", "pipe:2", "-stats_period", "0.25",
        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width_px}x{height_px}",
        "-framerate", str(rate_fps), "-i", "pipe:0",
        "-an", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact+cgop",
        "-vf", _COLOUR, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-profile:v", "high",
        "-preset", PRESET, "-crf", str(CRF), "-g", str(gop_frames), "-threads", str(_THREADS),
        "-movflags", "+faststart+negative_cts_offsets", "-use_editlist", "0",
        "-f", "mp4", f"file:{part.absolute()}",
    ]  # fmt: skip
