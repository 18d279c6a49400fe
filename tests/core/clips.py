"""Clips for tests, made by the bundled ffmpeg; and what children of this process run."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray


def ffmpeg(*arguments: str, feed: bytes = b"") -> bytes:
    """Run ffmpeg to its end and give its stdout; its complaints fail the test."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-y", *arguments]
    done = subprocess.run(command, input=feed, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def moving_clip(
    path: Path,
    *encoding: str,
    size: str = "160x120",
    rate: str = "30",
    seconds: float = 1.0,
    filters: str = "null",
) -> Path:
    """A clip of ffmpeg's moving test pattern; H.264 unless `encoding` says otherwise."""
    source = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    how = encoding or ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    ffmpeg("-f", "lavfi", "-i", source, "-vf", filters, *how, str(path))
    return path


def counting_clip(path: Path, levels: list[int], rate: str, *more: str) -> Path:
    """A clip whose frame i is uniformly grey at `levels[i]`, so that frames can be told apart."""
    frames = np.empty((len(levels), 32, 48, 3), np.uint8)
    frames[:] = np.array(levels, np.uint8)[:, None, None, None]
    ffmpeg(
        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "48x32", "-framerate", rate,
        "-i", "-", *more, "-c:v", "libx264rgb", "-crf", "0", str(path),
        feed=frames.tobytes(),
    )  # fmt: skip
    return path


def playlist(path: Path, text: str) -> Path:
    """A text under any name."""
    path.write_text(text, encoding="utf-8")
    return path


def grey_level(frame: NDArray[np.uint8]) -> int:
    """The mean of a frame of `counting_clip`."""
    return round(float(frame.mean()))


def child_processes() -> list[int]:
    """Ids of the living ffmpegs that are children of this process (Linux).

    A worker of the whole suite has other children too: functions, emulators.
    """
    return [pid for pid in _children() if _read(pid, "comm").startswith("ffmpeg")]


def decoder_processes() -> list[int]:
    """Ids of the living processes that decode a portrait for this one (Linux)."""
    return [pid for pid in _children() if "portrait_worker" in _read(pid, "cmdline")]


def the_one(find: Callable[[], list[int]]) -> int:
    """The only process that is found: it has its name a moment after it is started."""
    give_up_at = time.monotonic() + 10
    while not (found := find()) and time.monotonic() < give_up_at:
        time.sleep(0.01)
    (pid,) = found
    return pid


def _children() -> list[int]:
    """By their parent: the kernel's lists of a thread's children lack them while it ends."""
    pids = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if f"\nPPid:\t{os.getpid()}\n" in _read(pid, "status")]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # ended meanwhile
        return ""
