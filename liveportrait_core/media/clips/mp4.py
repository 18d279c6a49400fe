"""A reader of the MP4 boxes that matter here: order, tracks, times, key frames, codec, colours.

Reads boxes only (ISO/IEC 14496-12 and -15), never pictures; a second opinion that shares no code
with the encoder. It expects one file as our encoder writes it, and says so where it meets another.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Self

from liveportrait_core.errors import VideoUnsupported

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
_VISUAL_ENTRY_BYTES = 78  # of a sample entry, before its own boxes
_X264_OPTIONS = re.compile(rb"x264 - core[ -~]*? - options: ([ -~]*)")


@dataclass(frozen=True, kw_only=True)
class Mp4Facts:
    """What the boxes of a file say about its first video track."""

    top_level: tuple[str, ...]  # in file order: ftyp, moov, mdat, …
    track_kinds: tuple[str, ...]  # handler types: vide, soun, …
    edit_lists: tuple[str, ...]  # handler types of the tracks that have one
    width_px: int
    height_px: int
    timescale: int  # ticks a second
    deltas: tuple[int, ...]  # ticks from one frame to the next, in decoding order
    times: tuple[int, ...]  # presentation times in ticks, in decoding order
    sizes: tuple[int, ...]  # bytes of each frame, in decoding order
    key_frames: tuple[int, ...]  # their places in decoding order, from 0
    codec: str
    profile: int  # H.264's profile_idc: 100 is High
    chroma_and_depths: tuple[int, ...]  # chroma format (1: 4:2:0), luma bits, chroma bits
    colour: tuple[int, ...]  # primaries, transfer, matrix, full range; () when untagged
    x264_settings: dict[str, str]  # as the encoder wrote them into the stream

    @property
    def rate_fps(self) -> Fraction:
        """Frame rate by the first interval."""
        return Fraction(self.timescale, self.deltas[0])

    @property
    def peak_mbit_s(self) -> float:
        """Most megabits of any second of its frames; of a shorter file, its mean rate."""
        frames = min(len(self.sizes), max(1, int(self.rate_fps)))
        sums = (0, *accumulate(self.sizes))
        most = max(end - begin for begin, end in zip(sums, sums[frames:], strict=False))
        return 8 * most * float(self.rate_fps) / frames / 1e6


def read_mp4(path: Path) -> Mp4Facts:
    """Read a file's boxes.

    Raises:
        VideoUnsupported: no MP4 with an H.264 video track.
    """
    if not path.is_file():
        raise VideoUnsupported(f"{path} is no file; accepted: an MP4 with H.264 video")
    data = path.read_bytes()
    try:
        return _facts(_Box(data=data, kind=b"file", begin=0, end=len(data)))
    except (struct.error, IndexError, ValueError, KeyError, ZeroDivisionError) as damage:
        raise VideoUnsupported(
            f"{path.name} is no MP4 that can be judged ({damage}); accepted: one with H.264 video"
        ) from damage


@dataclass(frozen=True, kw_only=True)
class _Box:
    data: bytes
    kind: bytes
    begin: int  # of the content, after size and kind
    end: int

    def children(self, skip: int = 0) -> Iterator[Self]:
        at = self.begin + skip
        while at + 8 <= self.end:
            size, kind = struct.unpack_from(">I4s", self.data, at)
            head = 8
            if size == 1:
                (size,) = struct.unpack_from(">Q", self.data, at + 8)
                head = 16
            if size < head or at + size > self.end:
                raise ValueError(f"box {kind!r} at {at} claims {size} bytes")
            yield type(self)(data=self.data, kind=kind, begin=at + head, end=at + size)
            at += size

    def find(self, *path: bytes) -> Self:
        box = self
        for kind in path:
            inner = [child for child in box.children() if child.kind == kind]
            if not inner:
                raise ValueError(f"box {kind.decode('ascii', 'replace')!r} is missing")
            box = inner[0]
        return box

    def has(self, kind: bytes) -> bool:
        return any(
            child.kind == kind or (child.kind in _CONTAINERS and child.has(kind))
            for child in self.children()
        )

    def numbers(self, code: str, at: int = 0, count: int = 1) -> tuple[int, ...]:
        return struct.unpack_from(f">{count}{code}", self.data, self.begin + at)


def _facts(file: _Box) -> Mp4Facts:
    moov = file.find(b"moov")
    tracks = [box for box in moov.children() if box.kind == b"trak"]
    kinds = tuple(_handler(track) for track in tracks)
    track = tracks[kinds.index("vide")]
    table = track.find(b"mdia", b"minf", b"stbl")
    entry = next(table.find(b"stsd").children(skip=8))
    boxes = {box.kind: box for box in entry.children(skip=_VISUAL_ENTRY_BYTES)}
    configuration = boxes[b"avcC"]
    deltas = _run_lengths(table.find(b"stts"), "I")
    return Mp4Facts(
        top_level=tuple(box.kind.decode("ascii", "replace") for box in file.children()),
        track_kinds=kinds,
        edit_lists=tuple(kind for kind, box in zip(kinds, tracks, strict=True) if box.has(b"elst")),
        width_px=entry.numbers("H", 24)[0],
        height_px=entry.numbers("H", 26)[0],
        timescale=_timescale(track.find(b"mdia", b"mdhd")),
        deltas=deltas,
        times=_presentation_times(table, deltas),
        sizes=_sizes(table.find(b"stsz"), len(deltas)),
        key_frames=_key_frames(table, len(deltas)),
        codec=entry.kind.decode("ascii", "replace"),
        profile=configuration.numbers("B", 1)[0],
        chroma_and_depths=_chroma_and_depths(configuration),
        colour=_colour(boxes.get(b"colr")),
        x264_settings=_x264_settings(file.data),
    )


def _handler(track: _Box) -> str:
    box = track.find(b"mdia", b"hdlr")
    return box.data[box.begin + 8 : box.begin + 12].decode("ascii", "replace")


def _timescale(mdhd: _Box) -> int:
    (version,) = mdhd.numbers("B")
    return mdhd.numbers("I", 20 if version == 1 else 12)[0]


def _run_lengths(box: _Box, value: str) -> tuple[int, ...]:
    """Return the (count, value) pairs of stts and ctts, spelt out."""
    (count,) = box.numbers("I", 4)
    runs = box.data[box.begin + 8 : min(box.end, box.begin + 8 + 8 * count)]
    pairs = tuple(struct.iter_unpack(f">I{value}", runs))
    announced = sum(repeat for repeat, _ in pairs)
    if announced > len(box.data):  # a few bytes may stand for a thousand million
        raise ValueError(f"{announced} samples in a file of {len(box.data)} bytes")
    return tuple(number for repeat, number in pairs for _ in range(repeat))


def _presentation_times(table: _Box, deltas: tuple[int, ...]) -> tuple[int, ...]:
    ctts = next((box for box in table.children() if box.kind == b"ctts"), None)
    offsets = _run_lengths(ctts, "i" if ctts.numbers("B")[0] == 1 else "I") if ctts else ()
    decoding = [0]
    for delta in deltas[:-1]:
        decoding.append(decoding[-1] + delta)
    offsets = offsets or (0,) * len(deltas)
    return tuple(time + offset for time, offset in zip(decoding, offsets, strict=True))


def _sizes(stsz: _Box, frame_count: int) -> tuple[int, ...]:
    each, count = stsz.numbers("I", 4, 2)
    if count != frame_count:
        raise ValueError(f"{count} sizes of {frame_count} frames")
    return (each,) * count if each else stsz.numbers("I", 12, count)


def _key_frames(table: _Box, frame_count: int) -> tuple[int, ...]:
    stss = next((box for box in table.children() if box.kind == b"stss"), None)
    if stss is None:  # by definition: every frame is one
        return tuple(range(frame_count))
    (count,) = stss.numbers("I", 4)
    return tuple(number - 1 for number in stss.numbers("I", 8, count))


def _chroma_and_depths(avcc: _Box) -> tuple[int, ...]:
    """Return the four bytes at the end of a High configuration, after the parameter sets."""
    at = 5
    for mask in (0x1F, 0xFF):
        count = avcc.numbers("B", at)[0] & mask
        at += 1
        for _ in range(count):
            at += 2 + avcc.numbers("H", at)[0]
    if avcc.begin + at + 3 > avcc.end:
        return ()
    chroma, luma, depth = avcc.numbers("B", at, 3)
    return chroma & 3, 8 + (luma & 7), 8 + (depth & 7)


def _colour(colr: _Box | None) -> tuple[int, ...]:
    if colr is None or colr.data[colr.begin : colr.begin + 4] != b"nclx":
        return ()
    return (*colr.numbers("H", 4, 3), colr.numbers("B", 10)[0] >> 7)


def _x264_settings(data: bytes) -> dict[str, str]:
    match = _X264_OPTIONS.search(data)
    if match is None:
        return {}
    words = match.group(1).decode("ascii").split()
    return dict(word.split("=", 1) for word in words if "=" in word)
