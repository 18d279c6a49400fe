"""Whether an MP4 announces more samples than it can hold, told before anything is made of them.

A few bytes of a sample table may stand for any number of samples, and a reader makes an entry of
each: gigabytes for a file of eleven kilobytes. Every sample has at least a byte in the file. What
is no MP4, or is broken otherwise, is for others to judge (boxes: ISO/IEC 14496-12).
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_CONTAINERS: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"edts")
_DEEPEST: Final = 8
# More boxes than a file of the largest size has fragments, each of which has some six.
_MOST_BOXES: Final = 500_000


def announced_samples(path: Path) -> int:
    """Count the samples, or the bytes of samples, that a file's tables announce: a lower bound.

    The largest of what its tables say, over all its tracks; 0 for what is no MP4.
    """
    totals: dict[bytes, int] = {}
    end = path.stat().st_size
    with path.open("rb") as file:
        try:
            for kind, begin, size in _boxes(file, 0, end, depth=0):
                count = _counted(file, kind, begin, size)
                totals[kind] = totals.get(kind, 0) + count
        except (struct.error, ValueError):
            pass  # what came before counts; ffmpeg says what is broken
    return max(totals.values(), default=0)


def _boxes(file: BinaryIO, begin: int, end: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, begin of the content, bytes of it) of all boxes that hold no others."""
    at = begin
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            head = 16
        size = size or end - at  # 0: to the end
        if size < head:
            raise ValueError(f"a box of {size} bytes")
        if kind in _CONTAINERS and depth < _DEEPEST:
            yield from _boxes(file, at + head, min(end, at + size), depth + 1)
        else:
            yield kind, at + head, size - head
        at += size


def _counted(file: BinaryIO, kind: bytes, begin: int, size: int) -> int:
    file.seek(begin + 4)  # behind version and flags
    if kind == b"stsz":
        each, count = struct.unpack(">II", file.read(8))
        return each * count if each else count
    if kind == b"stz2":
        return int(struct.unpack(">4xI", file.read(8))[0])
    if kind == b"trun":
        return int(struct.unpack(">I", file.read(4))[0])
    if kind in (b"stts", b"ctts"):
        (pairs,) = struct.unpack(">I", file.read(4))
        table = file.read(min(8 * pairs, max(0, size - 8)))
        return sum(count for count, _ in struct.iter_unpack(">II", table[: len(table) // 8 * 8]))
    return 0
