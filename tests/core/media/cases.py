"""What a table of files consists of: how each is made, and what is to become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from liveportrait_core.errors import BadInput
from liveportrait_core.report import RenderWarning


@dataclass(frozen=True, kw_only=True)
class Taken:
    """It is read."""

    size: tuple[int, int]  # (width, height), upright
    kind: str  # a picture's media type; a clip's codec as ffmpeg names it
    warnings: tuple[RenderWarning, ...] = ()
    tolerance: int | None = None  # how near a picture comes to `quarters`; None: not compared


@dataclass(frozen=True, kw_only=True)
class Refused:
    """It is refused, in words for the one who gave it."""

    error: type[BadInput]
    says: str  # part of the message, behind the file's name


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of file."""

    name: str
    make: Callable[[Path], object]  # writes it
    outcome: Taken | Refused


def cut(data: bytes, share: float) -> bytes:
    """The beginning of a file."""
    return data[: int(len(data) * share)]


def swapped(data: bytes) -> bytes:
    """Every two bytes exchanged, as between machines of other endianness."""
    even = data[: len(data) // 2 * 2]
    return bytes(byte for pair in zip(even[1::2], even[::2], strict=True) for byte in pair)


def with_flipped(data: bytes, at: int, count: int = 1) -> bytes:
    """Some bytes inverted."""
    flipped = bytes(byte ^ 0xFF for byte in data[at : at + count])
    return data[:at] + flipped + data[at + count :]
