"""Clips for tests, made by the bundled ffmpeg; and what children of this process run."""

import subprocess
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
    pids = []
    for listing in Path("/proc/self/task").glob("*/children"):
        pids += [int(word) for word in listing.read_text().split()]
    return [pid for pid in pids if _name(pid).startswith("ffmpeg")]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:  # ended meanwhile
        return ""
