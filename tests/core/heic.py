"""HEIF pictures put together box by box (ISO/IEC 23008-12): nothing here writes HEIC.

HEVC comes from the bundled ffmpeg; the container says what a test wants it to say.
"""

import functools
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from liveportrait_core.report import Frame
from tests.core.clips import ffmpeg

MATRICES = {1: "bt709", 6: "smpte170m", 9: "bt2020nc"}  # by H.273's numbers, as ffmpeg names them
SRGB = (1, 13, 6)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of a container; its number is its place among them, from 1."""

    kind: bytes
    data: bytes
    properties: tuple[bytes, ...] = ()
    references: tuple[tuple[bytes, tuple[int, ...]], ...] = ()  # what it is to other items
    is_hidden: bool = False


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, body: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + body)


def container(
    items: Sequence[Item], *, primary: int = 1, brand: bytes = b"heic", is_miaf: bool = False
) -> bytes:
    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand + (b"miaf" if is_miaf else b""))
    size = len(head) + len(_meta(items, primary, 0)) + 8
    return head + _meta(items, primary, size) + box(b"mdat", b"".join(item.data for item in items))


def _meta(items: Sequence[Item], primary: int, begins: int) -> bytes:
    entries, places, owned, references = b"", b"", b"", b""
    properties: list[bytes] = []
    for number, item in enumerate(items, 1):
        entry = struct.pack(">HH4sx", number, 0, item.kind)
        entries += full_box(b"infe", entry, version=2, flags=item.is_hidden)
        places += struct.pack(">HHHII", number, 0, 1, begins, len(item.data))
        begins += len(item.data)
        indices = []
        for body in item.properties:
            if body not in properties:
                properties.append(body)
            indices.append(properties.index(body) + 1 | 0x80)  # essential
        owned += struct.pack(">HB", number, len(indices)) + bytes(indices)
        for kind, targets in item.references:
            listed = struct.pack(f">HH{len(targets)}H", number, len(targets), *targets)
            references += box(kind, listed)
    association = full_box(b"ipma", struct.pack(">I", len(items)) + owned)
    return full_box(
        b"meta",
        full_box(b"hdlr", struct.pack(">I4s13x", 0, b"pict"))
        + full_box(b"pitm", struct.pack(">H", primary))
        + full_box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)) + places)
        + full_box(b"iinf", struct.pack(">H", len(items)) + entries)
        + (full_box(b"iref", references) if references else b"")
        + box(b"iprp", box(b"ipco", b"".join(properties)) + association),
    )


def extent(width: int, height: int) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def code_points(primaries: int, transfer: int, matrix: int, *, is_full: bool = True) -> bytes:
    """The colour box with H.273's numbers."""
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, matrix, is_full << 7))


def icc(profile: bytes) -> bytes:
    """The colour box with an ICC profile."""
    return box(b"colr", b"prof" + profile)


def rotated(quarter_turns: int) -> bytes:
    """Turned this often, against the clock, to be shown."""
    return box(b"irot", bytes([quarter_turns]))


def mirrored(axis: int) -> bytes:
    """Mirrored to be shown: 0 exchanges above and below, 1 left and right."""
    return box(b"imir", bytes([axis]))


def exif(orientation: int) -> bytes:
    notes = Image.Exif()
    notes[0x0112] = orientation
    return struct.pack(">I", 6) + notes.tobytes()


def coded(pixels: np.ndarray, *, matrix: int = 6, shape: str = "yuv420p") -> Item:
    """A picture, H×W×3 in 8 or 16 bits, as an item of HEVC."""
    content = np.ascontiguousarray(pixels)
    return _coded(content.tobytes(), content.shape[:2], content.dtype.itemsize, matrix, shape)


@functools.cache
def _coded(
    content: bytes, sides: tuple[int, int], bytes_a_level: int, matrix: int, shape: str
) -> Item:
    height, width = sides
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        ffmpeg(
            "-f", "rawvideo", "-pixel_format", "rgb24" if bytes_a_level == 1 else "rgb48le",
            "-video_size", f"{width}x{height}", "-i", "-",
            "-vf", f"zscale=matrixin=gbr:matrix={MATRICES[matrix]}:range=full,format={shape}",
            "-c:v", "libx265", "-preset", "ultrafast", "-crf", "4", "-tag:v", "hvc1",
            "-x265-params", "log-level=none:range=full", str(film), feed=content,
        )  # fmt: skip
        data = film.read_bytes()
    configuration = _box_in(data, b"hvcC")
    stream = _box_in(data, b"mdat")[8:]
    return Item(kind=b"hvc1", data=stream, properties=(configuration, extent(width, height)))


def grid(pixels: Frame, side_px: int, *, properties: tuple[bytes, ...] = ()) -> tuple[Item, ...]:
    """A picture as telephones store it: square tiles, the last of which reach beyond it.

    The grid itself comes first.
    """
    height, width = pixels.shape[:2]
    rows, columns = -(-height // side_px), -(-width // side_px)
    wide = np.pad(
        pixels, ((0, rows * side_px - height), (0, columns * side_px - width), (0, 0)), "edge"
    )
    tiles = []
    for row in range(rows):
        for column in range(columns):
            part = wide[row * side_px :, column * side_px :][:side_px, :side_px]
            tile = coded(part)
            tiles.append(
                Item(kind=tile.kind, data=tile.data, properties=tile.properties, is_hidden=True)
            )
    whole = Item(
        kind=b"grid",
        data=struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height),
        properties=(extent(width, height), *properties),
        references=((b"dimg", tuple(range(2, 2 + len(tiles)))),),
    )
    return (whole, *tiles)


def heic(
    pixels: np.ndarray, *properties: bytes, orientation: int | None = None, is_miaf: bool = False
) -> bytes:
    """A picture of one item, with what its container says of it and what its EXIF notes say."""
    picture = coded(pixels)
    items = [
        Item(
            kind=picture.kind,
            data=picture.data,
            properties=(*picture.properties, *(properties or (code_points(*SRGB),))),
        )
    ]
    if orientation is not None:
        items.append(Item(kind=b"Exif", data=exif(orientation), references=((b"cdsc", (1,)),)))
    return container(items, is_miaf=is_miaf)


def _box_in(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind) - 4
    return data[at : at + int.from_bytes(data[at : at + 4], "big")]
