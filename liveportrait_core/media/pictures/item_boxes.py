"""What the boxes of a HEIF or AVIF say that its decoder does not tell, read before it decodes.

Of a picture in tiles libheif leaves those black that are cut off, and decodes tiles and canvases of
any size for a picture that says a small one; and Pillow does not tell by which code points an AVIF
describes its colours. Boxes: ISO/IEC 14496-12, 8.11, and 23008-12. What cannot be followed counts
as not said: the decoder judges.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

_MOST_BOXES: Final = 10_000
_MOST_NUMBERS: Final = 500_000  # of a box; pictures of a hundred tiles have some thousand
_FULL_BOX_BYTES: Final = 4  # version and flags
_IN_FILE, _IN_META = 0, 1  # where the data of an item is: at a place in the file, in the box idat
_SIDES_OF_CANVAS: Final = {b"grid": 4, b"iovl": 10}  # where the sides stand in an item's data
_TURNS: Final = (b"irot", b"imir")
_UNREADABLE: Final = (struct.error, LookupError, ValueError)


@dataclass(frozen=True, kw_only=True)
class CodePoints:
    """Primaries, transfer function and matrix by their numbers in ITU-T H.273."""

    primaries: int
    transfer: int
    matrix: int


@dataclass(frozen=True, kw_only=True)
class _Box:
    kind: bytes
    body: memoryview


@dataclass(frozen=True, kw_only=True)
class _Extent:
    """Some bytes of an item."""

    item: int
    storage: int
    offset: int
    length: int


@dataclass(kw_only=True)
class _Reader:
    """Numbers of any size, one behind the other."""

    body: memoryview
    at: int
    left: int = _MOST_NUMBERS

    def number(self, size: int) -> int:
        end = self.at + size
        self.left -= 1
        if end > len(self.body) or self.left < 0:
            raise ValueError("it ends within a number, or has too many")
        value = int.from_bytes(self.body[self.at : end], "big")
        self.at = end
        return value


@dataclass(frozen=True, kw_only=True)
class ItemBoxes:
    """The boxes of one file."""

    data: bytes = field(repr=False)
    meta: memoryview

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Find the box that describes the items; empty where there is none."""
        try:
            return cls(data=data, meta=_child(memoryview(data), b"meta")[_FULL_BOX_BYTES:])
        except _UNREADABLE:
            return cls(data=data, meta=memoryview(b""))

    @property
    def bytes_announced(self) -> int:
        """How long a file is that holds all data of its items; 0 where nothing says so."""
        with suppress(*_UNREADABLE):
            ends = (at.offset + at.length for at in self._extents() if at.storage == _IN_FILE)
            return max(ends, default=0)
        return 0

    @property
    def most_pixels(self) -> int:
        """Pixels of the largest item or canvas that is announced."""
        sides = [(0, 0)]
        with suppress(*_UNREADABLE):
            sides += [struct.unpack_from(">4xII", body) for body in self._properties(b"ispe")]
        with suppress(*_UNREADABLE):
            sides += self._canvases()
        return max(width * height for width, height in sides)

    @property
    def code_points(self) -> CodePoints | None:
        """Those of the primary item, or of its first tile; None: it says none."""
        with suppress(*_UNREADABLE):
            primary = _number_by_version(_child(self.meta, b"pitm"))
            return self._code_points_of(primary) or self._code_points_of(self._first_tile(primary))
        return None

    @property
    def is_turned_by_exif(self) -> bool:
        """Whether notes may turn the primary item: neither its container nor its brand forbids it.

        Files of the brand `miaf` are turned by their container alone. Of the others those with a
        transformation have been turned by it; some cameras write none, and leave it to their notes.
        """
        with suppress(*_UNREADABLE):
            brands = _child(memoryview(self.data), b"ftyp")
            if b"miaf" in (bytes(brands[at : at + 4]) for at in range(8, len(brands), 4)):
                return False
            primary = _number_by_version(_child(self.meta, b"pitm"))
            return not any(box.kind in _TURNS for box in self._properties_of(primary))
        return False

    @property
    def bits_of_av1(self) -> int:
        """Bits a level of an AVIF has: 8, 10 or 12."""
        with suppress(*_UNREADABLE):
            flags = self._properties(b"av1C")[0][2]
            return (12 if flags & 0x20 else 10) if flags & 0x40 else 8
        return 8

    def _extents(self) -> Iterator[_Extent]:
        iloc = _child(self.meta, b"iloc")
        version, sizes, more_sizes = iloc[0], iloc[4], iloc[5]
        offset_bytes, length_bytes, base_bytes = sizes >> 4, sizes & 15, more_sizes >> 4
        index_bytes = more_sizes & 15 if version else 0
        if not offset_bytes + length_bytes:
            return  # any number of them would take no space
        reader = _Reader(body=iloc, at=6)
        number_bytes = 4 if version >= 2 else 2
        for _ in range(reader.number(number_bytes)):
            item = reader.number(number_bytes)
            storage = reader.number(2) & 15 if version else _IN_FILE
            reader.number(2)  # which file it is in: this one
            base = reader.number(base_bytes)
            for _ in range(reader.number(2)):
                reader.number(index_bytes)
                offset, length = reader.number(offset_bytes), reader.number(length_bytes)
                yield _Extent(item=item, storage=storage, offset=base + offset, length=length)

    def _canvases(self) -> list[tuple[int, int]]:
        """Return the sides that pictures put together from others announce beside their own."""
        kinds = dict(self._kinds())
        found: list[tuple[int, int]] = []
        for extent in self._extents():
            if (at := _SIDES_OF_CANVAS.get(kinds.get(extent.item, b""))) is None:
                continue
            stored: bytes | memoryview = (
                _child(self.meta, b"idat") if extent.storage == _IN_META else self.data
            )
            body = stored[extent.offset : extent.offset + extent.length]
            with suppress(struct.error):
                (flags,) = struct.unpack_from("xB", body)
                found.append(struct.unpack_from(">II" if flags & 1 else ">HH", body, at))
        return found

    def _kinds(self) -> Iterator[tuple[int, bytes]]:
        iinf = _child(self.meta, b"iinf")
        for box in _boxes(iinf[_FULL_BOX_BYTES + (4 if iinf[0] else 2) :]):
            if box.kind == b"infe" and box.body[0] in (2, 3):
                code = ">H2x4s" if box.body[0] == 2 else ">I2x4s"
                number, kind = struct.unpack_from(code, box.body, _FULL_BOX_BYTES)
                yield number, kind

    def _properties(self, kind: bytes) -> list[memoryview]:
        properties = _child(_child(self.meta, b"iprp"), b"ipco")
        return [box.body for box in _boxes(properties) if box.kind == kind]

    def _code_points_of(self, item: int) -> CodePoints | None:
        for box in self._properties_of(item):
            if box.kind == b"colr" and bytes(box.body[:4]) == b"nclx":
                primaries, transfer, matrix = struct.unpack_from(">HHH", box.body, 4)
                return CodePoints(primaries=primaries, transfer=transfer, matrix=matrix)
        return None

    def _properties_of(self, item: int) -> Iterator[_Box]:
        boxes = list(_boxes(_child(_child(self.meta, b"iprp"), b"ipco")))
        for index in self._indices_of_properties(item):
            if 0 < index <= len(boxes):
                yield boxes[index - 1]

    def _indices_of_properties(self, item: int) -> Iterator[int]:
        ipma = _child(_child(self.meta, b"iprp"), b"ipma")
        index_bytes = 2 if ipma[3] & 1 else 1
        most = (1 << (8 * index_bytes - 1)) - 1  # the highest bit says that it must be understood
        reader = _Reader(body=ipma, at=_FULL_BOX_BYTES)
        for _ in range(reader.number(4)):
            owner = reader.number(4 if ipma[0] else 2)
            for _ in range(reader.number(1)):
                index = reader.number(index_bytes) & most
                if owner == item:
                    yield index

    def _first_tile(self, item: int) -> int:
        references = _child(self.meta, b"iref")
        code, size = (">I", 4) if references[0] else (">H", 2)
        for box in _boxes(references[_FULL_BOX_BYTES:]):
            if box.kind == b"dimg" and struct.unpack_from(code, box.body) == (item,):
                return int(struct.unpack_from(code, box.body, size + 2)[0])
        raise LookupError(b"dimg")


def _boxes(body: memoryview) -> Iterator[_Box]:
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(body):
            return
        size, kind = struct.unpack_from(">I4s", body, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", body, at + 8)
            head = 16
        size = size or len(body) - at  # 0: to the end
        if size < head:
            raise ValueError(f"a box of {size} bytes")
        yield _Box(kind=kind, body=body[at + head : at + size])
        at += size


def _child(body: memoryview, kind: bytes) -> memoryview:
    for box in _boxes(body):
        if box.kind == kind:
            return box.body
    raise LookupError(kind)


def _number_by_version(body: memoryview) -> int:
    """Read a number of 32 bits from version 1 on, else of 16."""
    return int(struct.unpack_from(">I" if body[0] else ">H", body, _FULL_BOX_BYTES)[0])
