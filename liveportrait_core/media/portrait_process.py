"""A portrait, decoded by a process of its own: hostile pictures meet its limits, not ours.

Decoders are written in C and read what strangers upload. Theirs is a process without environment
and network, within bounds of memory and processor time, that ends with the picture. What it answers
is believed no more than the file: sizes are checked, and only known refusals are repeated.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import numpy as np

import liveportrait_core
from liveportrait_core.errors import ImageTooLarge, ImageUnsupported, OutOfMemory, RenderError
from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.child_process import start_child
from liveportrait_core.media.pictures.image import MAX_DECODING_BYTES, Portrait
from liveportrait_core.media.pictures.opening import ACCEPTED
from liveportrait_core.report import Frame, RenderWarning

_MIB: Final = 2**20
# Python, numpy and the strips that are copied come to the decoder's own bytes.
PICTURE_LIMITS: Final = ChildLimits(
    memory_bytes=MAX_DECODING_BYTES + 400 * _MIB, processor_s=60, file_bytes=0
)
_LONGEST_S: Final = 180.0
_LONGEST_LINE_BYTES: Final = 65_536
_REFUSALS: Final = {kind.__name__: kind for kind in (ImageTooLarge, ImageUnsupported)}
_CRASHES: Final = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)


def decode_portrait(path: Path, *, max_dim_px: int) -> Portrait:
    """Decode a portrait as `read_portrait` does, with its errors, in a process of its own."""
    with PortraitProcess(path, max_dim_px=max_dim_px) as process:
        return process.portrait()


class PortraitProcess:
    """A portrait being decoded; a context manager. `kill` may be called from another thread."""

    def __init__(self, path: Path, *, max_dim_px: int) -> None:
        """Start to decode.

        Args:
            path: a local file.
            max_dim_px: longest side of the result.
        """
        self._path = path
        self._max_dim_px = max_dim_px
        self._give_up_at = time.monotonic() + _LONGEST_S
        self._is_late = False
        worker = ("-m", "liveportrait_core.media.portrait_worker")
        self._process = start_child(
            # Without `site` it starts sooner; it finds modules where this process finds them. It
            # may write no file, so it is not to try with what it compiles.
            [sys.executable, "-B", "-P", "-S", *worker, str(path.absolute()), str(max_dim_px)],
            limits=PICTURE_LIMITS,
            environment={"PYTHONPATH": _search_path(), "OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
        )
        self._output = cast(FileIO, self._process.stdout)  # unbuffered

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._output.close()

    def kill(self) -> None:
        """End the process at once and reap it."""
        self._process.kill()
        self._process.wait()

    def portrait(self) -> Portrait:
        """Wait for the portrait.

        Raises:
            ImageUnsupported: as `read_portrait` says, or the decoder crashed.
            ImageTooLarge: as `read_portrait` says, or decoding takes more than it may.
            OutOfMemory: the process was killed from outside.
        """
        said = self._line()
        if not said:
            raise self._failure()
        try:
            answer = json.loads(said)
            if "refused" in answer:
                raise self._refusal(answer["refused"], str(answer["message"]))
            return Portrait(
                pixels=self._pixels(int(answer["height"]), int(answer["width"])),
                warnings=tuple(RenderWarning(word) for word in answer["warnings"]),
            )
        except (ValueError, TypeError, LookupError, AttributeError) as fault:
            raise RenderError(f"the decoder of {self._path.name} answers nonsense") from fault

    def _line(self) -> bytes:
        """Read the line of JSON; nothing where the process ended before it was whole."""
        line = bytearray()
        byte = memoryview(bytearray(1))
        while len(line) < _LONGEST_LINE_BYTES:
            if self._read_into(byte) == 0:
                return b""
            if byte[0] == ord("\n"):
                return bytes(line)
            line += byte
        return b""

    def _pixels(self, height: int, width: int) -> Frame:
        if not (0 < height <= self._max_dim_px and 0 < width <= self._max_dim_px):
            raise RenderError(
                f"the decoder of {self._path.name} announced {width}x{height} pixels; "
                f"accepted: up to {self._max_dim_px} a side"
            )
        frame = np.empty((height, width, 3), np.uint8)
        rest = frame.data.cast("B")
        while rest:
            count = self._read_into(rest)
            if count == 0:
                raise self._failure()
            rest = rest[count:]
        return frame

    def _read_into(self, target: memoryview) -> int:
        """Read some bytes; 0 at the end, which comes early where the process takes too long."""
        left_s = max(0.0, self._give_up_at - time.monotonic())
        readable, _, _ = select.select([self._output], [], [], left_s)
        if not readable:
            self._is_late = True
            self.kill()
            return 0
        return self._output.readinto(target) or 0

    def _refusal(self, kind: str, message: str) -> Exception:
        if kind == MemoryError.__name__:
            return self._exceeding(f"{PICTURE_LIMITS.memory_bytes // _MIB} MiB of memory")
        return _REFUSALS[kind](message)

    def _failure(self) -> Exception:
        """Tell why it ended without a portrait."""
        if self._is_late:
            return self._exceeding(f"{_LONGEST_S:.0f} s")
        status = self._process.wait()
        name = self._path.name
        if status == -signal.SIGXCPU:
            return self._exceeding(f"{PICTURE_LIMITS.processor_s} s of processor time")
        if -status in _CRASHES:
            crash = signal.Signals(-status).name
            return ImageUnsupported(f"{name} makes its decoder crash ({crash}); {ACCEPTED}")
        if status == -signal.SIGKILL:
            return OutOfMemory(f"the process that decodes {name} was killed: out of memory?")
        return RenderError(f"the process that decodes {name} ended with status {status}")

    def _exceeding(self, bound: str) -> ImageTooLarge:
        return ImageTooLarge(
            f"{self._path.name} takes more than {bound} to decode: given up; {ACCEPTED}"
        )


def _search_path() -> str:
    # An editable installation finds the package by a hook, which a child without `site` lacks.
    folder = Path(liveportrait_core.__file__).parents[1]
    entries = (folder, *map(Path, sys.path))
    return os.pathsep.join(str(entry.absolute()) for entry in entries)
