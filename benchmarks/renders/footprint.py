"""What an instance needs for one render: memory of all its processes, files, processor (Linux).

The command line renders, as a process of its own; here it is looked at ten times a second. Memory
is the proportional set size, so what processes share counts once. An instance on Cloud Run keeps
its files in memory, too.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.renders.stages import FPS
from benchmarks.sources import write_sources

PORTRAIT_PX = (3024, 4032)  # a phone's
HEAD = f"{'render':34} {'memory':>9} {'files':>9} {'core s':>8} {'wall s':>8} {'cores':>6}"
_PAUSE_S = 0.1
_WINDOW_S = 1.0  # of the busiest moment
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What one render needed at most.

    Attributes:
        render: what was rendered.
        memory_bytes: of all processes together.
        file_bytes: of what it wrote, and of what it was given.
        core_s: processor seconds.
        wall_s: seconds.
        cores: that were busy in the busiest second.
    """

    render: str
    memory_bytes: int
    file_bytes: int
    core_s: float
    wall_s: float
    cores: float


def measure_footprints(
    weights: Path | None, device: str, seconds: float, size_px: tuple[int, int] = PORTRAIT_PX
) -> Iterator[Footprint]:
    """Yield the mesh engine's footprint, then LivePortrait's.

    Args:
        weights: LivePortrait's; None: the mesh engine alone.
        device: of LivePortrait, as the command line takes it.
        seconds: of the driving clip.
        size_px: width and height of the portrait.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        portrait, clip = write_sources(folder, seconds, size_px, FPS)
        size = f"{size_px[0]}×{size_px[1]}, {seconds:g} s"
        chosen = {f"mesh, {size}": ["--engine", "mesh"]}
        if weights is not None:
            networks = ["--engine", "liveportrait", "--weights", str(weights), "--device", device]
            chosen[f"liveportrait on {device}, {size}"] = networks
        for title, options in chosen.items():
            output = folder / "idle.mp4"
            words = ["render", str(portrait), str(clip), "-o", str(output), *options]
            yield measure_process(
                title, [sys.executable, "-m", "liveportrait_core", *words], folder
            )


def measure_process(title: str, command: list[str], folder: Path) -> Footprint:
    """Run a command and return what it and its descendants needed.

    Args:
        title: of the row.
        command: its words.
        folder: where its files are, temporary ones too.

    Raises:
        CalledProcessError: it failed.
    """
    began = time.monotonic()
    memory, files = 0, 0
    core_s: list[tuple[float, float]] = []  # moment, processor seconds until then
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(  # noqa: S603 - this module's words, or a test's
        command, env=environment, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            pids = _tree(process.pid)
            memory = max(memory, sum(_memory_bytes(pid) for pid in pids))
            files = max(files, _file_bytes(folder))
            spent_s = sum(_core_s(pid) for pid in pids)
            core_s.append((time.monotonic() - began, max([spent_s, *(s for _, s in core_s[-1:])])))
            time.sleep(_PAUSE_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Footprint(
        render=title,
        memory_bytes=memory,
        file_bytes=files,
        core_s=core_s[-1][1],
        wall_s=time.monotonic() - began,
        cores=busiest(core_s),
    )


def busiest(core_s: list[tuple[float, float]]) -> float:
    """Return the most cores that were busy for a second.

    Args:
        core_s: moments, and the processor seconds spent until then.
    """
    most = 0.0
    for index, (moment, spent_s) in enumerate(core_s):
        later = next((each for each in core_s[index:] if each[0] - moment >= _WINDOW_S), None)
        if later is not None:
            most = max(most, (later[1] - spent_s) / (later[0] - moment))
    return most


def table_line(row: Footprint) -> str:
    """Return one footprint as text."""
    gib, mib = row.memory_bytes / 2**30, row.file_bytes / 2**20
    return (
        f"{row.render:34} {gib:5.2f} GiB {mib:5.0f} MiB {row.core_s:8.1f} {row.wall_s:8.1f}"
        f" {row.cores:6.1f}"
    )


def _tree(pid: int) -> list[int]:
    """Return a process and its descendants, as far as they live."""
    found = [pid]
    for each in found:  # grows while it is gone through
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, _text(children).split())
    return found


def _memory_bytes(pid: int) -> int:
    share = _SHARE.search(_text(Path(f"/proc/{pid}/smaps_rollup")))
    return 1024 * int(share[1]) if share else 0


def _core_s(pid: int) -> float:
    """Return the processor seconds of a process and of those of its children that have ended."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()  # proc(5), from field 3
    return sum(map(int, fields[11:15])) / _TICKS_A_SECOND


def _file_bytes(folder: Path) -> int:
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # it has just gone
            continue
    return sizes


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):  # the process has ended
        return ""
