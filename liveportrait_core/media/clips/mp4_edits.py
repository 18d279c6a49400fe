"""What a finished MP4 needs that ffmpeg cannot be told: changed in place, without moving a byte.

Boxes: ISO/IEC 14496-12.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_LONGEST_INDEX_BYTES: Final = 64_000_000
_HANDLER_AT: Final = 8  # in `hdlr`, behind version, flags and four bytes of 0


def drop_picture_edit_list(path: Path) -> None:
    """Leave an edit list on the sound alone, where it hides what an AAC decoder begins with.

    ffmpeg writes one on every track or on none, and players hitch on that of a picture. A box that
    is called `free` is passed over.

    Raises:
        ValueError: it is no MP4 as our encoder writes it.
    """
    with path.open("r+b") as file:
        begin, index = _index(file)
        for kind, at, size in _boxes(index, 0, len(index)):
            track = index[at : at + size]
            if kind == b"trak" and _handler(track) == b"vide":
                for inner, inner_at, _ in _boxes(track, 0, len(track)):
                    if inner == b"edts":
                        file.seek(begin + at + inner_at - 4)
                        file.write(b"free")


def _index(file: BinaryIO) -> tuple[int, bytes]:
    """(where it begins, content) of `moov`."""
    begin = 0
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind == b"moov":
            if size > _LONGEST_INDEX_BYTES:
                raise ValueError(f"an index of {size} bytes")
            return begin + 8, file.read(size - 8)
        if size < 8:
            break
        begin = file.seek(begin + size)
    raise ValueError("an MP4 without an index before its pictures")


def _boxes(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where the content begins, bytes of it) of each box."""
    while begin + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, begin)
        if size < 8:
            raise ValueError(f"a box of {size} bytes")
        yield kind, begin + 8, size - 8
        begin += size


def _handler(track: bytes) -> bytes:
    for kind, at, size in _boxes(track, 0, len(track)):
        if kind == b"mdia":
            for inner, inner_at, _ in _boxes(track, at, at + size):
                if inner == b"hdlr":
                    return track[inner_at + _HANDLER_AT : inner_at + _HANDLER_AT + 4]
    return b""
