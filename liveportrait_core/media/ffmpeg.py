"""The bundled ffmpeg as a child process that is always reaped, and bound in what it may do.

Knows how to start it, listen to what it says on stderr and kill it; knows no option of it but the
one that keeps an input from leading elsewhere.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import IO, Final

import imageio_ffmpeg

from liveportrait_core.errors import EngineUnavailable
from liveportrait_core.media.child_limits import ChildLimits
from liveportrait_core.media.child_process import start_child

_TAIL_LINES = 12
_LONGEST_WORDS = 400
_LONGEST_LINE_BYTES: Final = 65_536
_CHUNK_BYTES: Final = 65_536
_LONGEST_OUTPUT_BYTES: Final = 64_000_000
_SAID_AT_FIRST_BYTES: Final = 1_000_000
# What ffmpeg and the coders in it say when they are refused memory.
_NO_MEMORY = re.compile(
    r"annot allocate|malloc of size|ailed to allocate|ut of memory|pthread_create\(\) failed",
    re.ASCII,
)
# How it ends when its time is over: by itself, by the signal, or killed a little later.
_TIME_IS_OVER: Final = (255, -signal.SIGXCPU, -signal.SIGKILL)


def ffmpeg_executable() -> str:
    """Return the path of the ffmpeg that came with imageio-ffmpeg, or that its variable names.

    Raises:
        EngineUnavailable: it cannot be run.
    """
    path = imageio_ffmpeg.get_ffmpeg_exe()
    if shutil.which(path) is None:
        raise EngineUnavailable(
            f"the ffmpeg {path} cannot be run; accepted: in IMAGEIO_FFMPEG_EXE an executable "
            "file, or nothing, for the one that came with imageio-ffmpeg"
        )
    return path


def _opened_safely(arguments: Sequence[str]) -> Iterator[str]:
    """Let each input be read by its own protocol only: a file cannot refer to anything else."""
    for word, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        if word == "-i":
            yield from ("-protocol_whitelist", "pipe" if following.startswith("pipe:") else "file")
        yield word


def plain_words(said: str) -> str:
    """Return what ffmpeg said, without the addresses in its memory."""
    return re.sub(r" ?@ 0x[0-9a-f]+", "", said)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """An ffmpeg that has ended."""

    status: int
    output: bytes
    said: str
    exceeded: str  # as of `FfmpegProcess`


class FfmpegProcess:
    """A running ffmpeg, with its stdin or stdout on a pipe and its last words kept.

    `kill` may be called from any thread and more than once.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        limits: ChildLimits,
        feed: bool = False,
        on_line: Callable[[str], bool] | None = None,
    ) -> None:
        """Start it.

        Args:
            arguments: everything after the executable's name.
            limits: what it may take.
            feed: frames go in by stdin; otherwise they come out by stdout.
            on_line: sees each line of stderr; True when it was for the listener and is no message.
        """
        self._limits = limits
        self._on_line = on_line
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._lacked_memory = False
        self._is_killed = False
        self._started_at = time.monotonic()
        self._process = start_child(
            [ffmpeg_executable(), "-hide_banner", *_opened_safely(arguments)],
            limits=limits,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._listener = threading.Thread(target=self._listen, name="ffmpeg-stderr", daemon=True)
        self._listener.start()

    @property
    def stdin(self) -> IO[bytes]:
        """Where frames go in."""
        if self._process.stdin is None:
            raise ValueError("this ffmpeg was started without feed=True")
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Where frames come out."""
        if self._process.stdout is None:
            raise ValueError("this ffmpeg was started with feed=True")
        return self._process.stdout

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines that it said."""
        return tuple(self._tail)

    @property
    def last_words(self) -> str:
        """What it said last, on one line of a readable length."""
        return plain_words(" | ".join(self._tail))[:_LONGEST_WORDS] or "(it said nothing)"

    @property
    def exceeded(self) -> str:
        """Which limit it has met, as in "more than 30 s of processor time"; "" while none.

        It may have gone on after memory was refused: then its frames are not all that there are.
        """
        status = self._process.poll()
        if status in _TIME_IS_OVER and not self._is_killed and self._may_be_out_of_time():
            return f"more than {self._limits.processor_s} s of processor time"
        if status == -signal.SIGXFSZ:
            return f"more than {self._limits.file_bytes // 1_000_000} MB in a file"
        if self._lacked_memory:
            return f"more than {self._limits.memory_bytes // 2**20} MiB of memory"
        return ""

    def wait(self, limit_s: float) -> int:
        """Wait for its end and give the exit status.

        Raises:
            subprocess.TimeoutExpired: it still runs after `limit_s` seconds.
        """
        status = self._process.wait(limit_s)
        self._listener.join(limit_s)
        return status

    def kill(self) -> None:
        """End it at once and reap it."""
        self._is_killed = self._is_killed or self._process.poll() is None
        self._process.kill()
        self._process.wait()
        self._listener.join()

    def close(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _may_be_out_of_time(self) -> bool:
        """Return whether its processor time can be used up by now; else something else ended it."""
        elapsed_s = time.monotonic() - self._started_at
        return elapsed_s * (os.cpu_count() or 1) >= self._limits.processor_s

    def _listen(self) -> None:
        stderr = self._process.stderr
        if stderr is None:
            return
        for raw in iter(lambda: stderr.readline(_LONGEST_LINE_BYTES), b""):
            line = raw.decode("utf-8", "replace").strip()
            if line and not (self._on_line and self._on_line(line)):
                self._tail.append(line)
                self._lacked_memory = self._lacked_memory or bool(_NO_MEMORY.search(line))


def run(arguments: Sequence[str], *, limits: ChildLimits, limit_s: float) -> Finished:
    """Run ffmpeg to its end and give what it wrote on stdout and said on stderr.

    Of what it says, the first megabyte and the last lines are kept.

    Raises:
        subprocess.TimeoutExpired: it was killed after `limit_s` seconds.
    """
    first = _Beginning()
    child = FfmpegProcess(arguments, limits=limits, on_line=first.keep)
    try:
        give_up_at = time.monotonic() + limit_s
        output, is_whole = _output_of(child, give_up_at, limit_s)
        status = child.wait(max(0.0, give_up_at - time.monotonic())) if is_whole else -1
        written = f"more than {_LONGEST_OUTPUT_BYTES // 1_000_000} MB of output"
        return Finished(
            status=status,
            output=output,
            said="\n".join(first.lines if first.is_all else [*first.lines, *child.tail]),
            exceeded=child.exceeded if is_whole else written,
        )
    finally:
        child.close()


class _Beginning:
    """The first megabyte of what it says."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._left = _SAID_AT_FIRST_BYTES

    @property
    def is_all(self) -> bool:
        """Whether nothing was left out."""
        return self._left > 0

    def keep(self, line: str) -> bool:
        """Keep a line while there is room; it stays a message for others."""
        self._left -= len(line)
        if self._left > 0:
            self.lines.append(line)
        return False


def _output_of(child: FfmpegProcess, give_up_at: float, limit_s: float) -> tuple[bytes, bool]:
    """Read its stdout to the end, and whether it is whole: beyond the bound the child is killed."""
    output = bytearray()
    while len(output) <= _LONGEST_OUTPUT_BYTES:
        left_s = give_up_at - time.monotonic()
        if left_s <= 0:
            raise subprocess.TimeoutExpired("ffmpeg", limit_s)
        readable, _, _ = select.select([child.stdout], [], [], left_s)
        if readable:
            chunk = child.stdout.read(_CHUNK_BYTES)
            if not chunk:
                return bytes(output), True
            output += chunk
    child.kill()
    return bytes(output), False
