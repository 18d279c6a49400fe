"""Where a finished MP4, GIF or WebP carries its XMP packet: at its end, nothing before it moves.

XMP Specification, part 3 (storage in files); RIFF container of WebP.
"""

import struct
from pathlib import Path
from typing import BinaryIO, Final

from liveportrait_core.options import VideoFormat

_MP4_XMP: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_GIF_TRAILER: Final = b";"
# Readers that take the packet for a chain of sub-blocks land somewhere in this, which leads them to
# its end.
_GIF_LANDING: Final = bytes([1, *range(255, -1, -1), 0])
_WEBP_XMP_FLAG: Final = 0x04


def add_xmp(path: Path, form: VideoFormat, packet: bytes) -> None:
    """Write an XMP packet into a file that our encoder has finished.

    Raises:
        ValueError: it is no such file.
    """
    with path.open("r+b") as file:
        _BY_FORM[form](file, packet)


def _into_mp4(file: BinaryIO, packet: bytes) -> None:
    file.seek(0, 2)
    file.write(struct.pack(">I4s", 8 + len(_MP4_XMP) + len(packet), b"uuid") + _MP4_XMP + packet)


def _into_gif(file: BinaryIO, packet: bytes) -> None:
    file.seek(-1, 2)
    if file.read(1) != _GIF_TRAILER:
        raise ValueError("a GIF that does not end")
    file.seek(-1, 2)
    file.write(b"\x21\xff\x0bXMP DataXMP" + packet + _GIF_LANDING + _GIF_TRAILER)


def _into_webp(file: BinaryIO, packet: bytes) -> None:
    head = file.read(21)
    if head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X":
        raise ValueError("a WebP without its extended header")
    file.seek(20)
    file.write(bytes([head[20] | _WEBP_XMP_FLAG]))
    end = file.seek(0, 2)
    file.write(struct.pack("<4sI", b"XMP ", len(packet)) + packet + b"\0" * (len(packet) % 2))
    whole = end + 8 + len(packet) + len(packet) % 2
    file.seek(4)
    file.write(struct.pack("<I", whole - 8))


_BY_FORM: Final = {
    VideoFormat.MP4: _into_mp4,
    VideoFormat.GIF: _into_gif,
    VideoFormat.WEBP: _into_webp,
}
