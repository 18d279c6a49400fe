"""The bundled ffmpeg as a child process that is always reaped.

Knows how to start it, listen to what it says on stderr and kill it; knows no option of it.
"""

import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO

import imageio_ffmpeg

_TAIL_LINES = 12
_LONGEST_WORDS = 400


def ffmpeg_executable() -> str:
    """Path of the ffmpeg that came with imageio-ffmpeg."""
    return imageio_ffmpeg.get_ffmpeg_exe()


def plain_words(said: str) -> str:
    """What ffmpeg said, without the addresses in its memory."""
    return re.sub(r" ?@ 0x[0-9a-f]+", "", said)


class FfmpegProcess:
    """A running ffmpeg, with its stdin or stdout on a pipe and its last words kept.

    `kill` may be called from any thread and more than once.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        feed: bool = False,
        on_line: Callable[[str], bool] | None = None,
    ) -> None:
        """Start it.

        Args:
            arguments: everything after the executable's name.
            feed: frames go in by stdin; otherwise they come out by stdout.
            on_line: sees each line of stderr; True when it was for the listener and is no message.
        """
        self._on_line = on_line
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        # A session of its own: Ctrl-C in the terminal reaches only the renderer, which then kills
        # the child; otherwise the two would race and a half-written file could look finished.
        self._process = subprocess.Popen(  # noqa: S603 - a fixed executable, no shell
            [ffmpeg_executable(), "-hide_banner", *arguments],
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
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
    def last_words(self) -> str:
        """What it said last, on one line of a readable length."""
        return plain_words(" | ".join(self._tail))[:_LONGEST_WORDS] or "(it said nothing)"

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
        self._process.kill()
        self._process.wait()
        self._listener.join()

    def close(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _listen(self) -> None:
        stderr = self._process.stderr
        if stderr is None:
            return
        for raw in iter(stderr.readline, b""):
            line = raw.decode("utf-8", "replace").strip()
            if line and not (self._on_line and self._on_line(line)):
                self._tail.append(line)
