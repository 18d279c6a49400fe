"""What is wrong with a PNG that Pillow would decode all the same.

Pillow skips the checksums of the parts with the pixels, and leaves rows black that are not there.
The pixels are unpacked a piece at a time, to be counted only (PNG, sections 5, 7.2 and 8.1).
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Final

MOST_PARTS: Final = 50_000  # encoders put 8 kB of pixels into one, or more
_SIGNATURE_BYTES: Final = 8
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Of each pass of an interlaced picture: first column and row, and the steps from one to the next.
_PASSES: Final = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
_WHOLE: Final = ((0, 0, 1, 1),)
_PIECE_BYTES: Final = 1_000_000
_SLICE_BYTES: Final = 65_536


def png_damage(data: bytes) -> str:
    """Name the damage of a PNG's pixels; "" where there is none."""
    wanted = _unpacked_bytes(data)
    unpacker = zlib.decompressobj()
    found = 0
    for kind, body, checksum in png_parts(data):
        if kind != b"IDAT":
            continue
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            return "a checksum does not fit"
        try:
            found += _unpacked(unpacker, body, wanted - found)
        except zlib.error as damage:
            return str(damage)
    return "" if found >= wanted else f"{found} bytes of pixels, not {wanted}"


def has_too_many_parts(data: bytes) -> bool:
    """Whether there are more than `MOST_PARTS`, each of which Pillow looks at; twelve bytes do."""
    return next(islice(png_parts(data), MOST_PARTS, None), None) is not None


def _unpacked(unpacker: "zlib._Decompress", body: memoryview, most: int) -> int:
    """Count the bytes that a part unpacks to, up to about so many."""
    found = 0
    # In slices: what is not used up of one is copied for each piece that comes out.
    for at in range(0, len(body), _SLICE_BYTES):
        rest: bytes | memoryview = body[at : at + _SLICE_BYTES]
        while rest and found < most and not unpacker.eof:
            found += len(unpacker.decompress(rest, _PIECE_BYTES))
            rest = unpacker.unconsumed_tail
    return found


def png_parts(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Give kind, content and checksum of all whole parts."""
    view, at = memoryview(data), _SIGNATURE_BYTES
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            return
        yield kind, view[at + 8 : end], struct.unpack_from(">I", data, end)[0]
        at = end + 4


def _unpacked_bytes(data: bytes) -> int:
    """How many bytes the rows take, each with the one that names its filter."""
    width, height, depth, colours, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _CHANNELS.get(colours, 1)
    total = 0
    for left, top, across, down in _PASSES if interlaced else _WHOLE:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total
