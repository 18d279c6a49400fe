"""When the frames of a finished file are shown, read from the file itself; nothing is decoded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from liveportrait_core.media.clips.mp4 import read_mp4
from liveportrait_core.options import VideoFormat

_GRAPHIC_CONTROL = b"\x21\xf9\x04"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How a file keeps its rate."""

    frame_count: int  # in the file: GIF and WebP hold neighbours that are alike as one
    rate_fps: Fraction  # frames drawn by how long the file lasts
    worst_offset_s: Fraction  # of any frame from the grid that was wanted
    peak_mbit_s: float | None  # of any second; None: GIF and WebP, which are fetched whole


def timing_of(path: Path, form: VideoFormat, wanted_fps: Fraction, drawn: int) -> Timing:
    """Read a file of our own encoder, which was given `drawn` frames."""
    *times, end = _TIMES[form](path)
    offsets = [abs(time - round(time * wanted_fps) / wanted_fps) for time in times]
    return Timing(
        frame_count=len(times),
        rate_fps=drawn / (end - times[0]),
        worst_offset_s=max(offsets),
        peak_mbit_s=read_mp4(path).peak_mbit_s if form is VideoFormat.MP4 else None,
    )


def _mp4_times(path: Path) -> list[Fraction]:
    """When each frame is shown, and when the last one ends."""
    facts = read_mp4(path)
    shown = sorted(facts.times)
    return [Fraction(tick, facts.timescale) for tick in (*shown, shown[-1] + facts.deltas[-1])]


def _gif_times(path: Path) -> list[Fraction]:
    return _starts(_gif_delays(path.read_bytes()), ticks_a_second=100)


def _webp_times(path: Path) -> list[Fraction]:
    return _starts(_webp_durations(path.read_bytes()), ticks_a_second=1000)


def _starts(durations: Iterator[int], ticks_a_second: int) -> list[Fraction]:
    return [Fraction(tick, ticks_a_second) for tick in accumulate(durations, initial=0)]


def _gif_delays(data: bytes) -> Iterator[int]:
    """Block by block: pictures are stepped over, not searched."""
    at = 13 + _colours_bytes(data[10])
    while data[at] != 0x3B:
        if data[at : at + 3] == _GRAPHIC_CONTROL:
            yield struct.unpack_from("<H", data, at + 4)[0]
        if data[at] == 0x2C:  # a picture: its place, perhaps its colours, the size of its codes
            at += 11 + _colours_bytes(data[at + 9])
        else:
            at += 2
        while data[at]:  # sub-blocks, each behind its length, until an empty one
            at += 1 + data[at]
        at += 1


def _colours_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp_durations(data: bytes) -> Iterator[int]:
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        if kind == b"ANMF":
            yield int.from_bytes(data[at + 20 : at + 23], "little")
        at += 8 + size + size % 2


_TIMES = {
    VideoFormat.MP4: _mp4_times,
    VideoFormat.GIF: _gif_times,
    VideoFormat.WEBP: _webp_times,
}
