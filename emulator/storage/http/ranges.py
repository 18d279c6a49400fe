"""The headers Range and Content-Range. Pure text."""

import re
from dataclasses import dataclass

from emulator.storage.errors import BadRequest, RangeNotSatisfiable

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+|\*)|\*)/(\d+|\*)")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of an object: `start` counts from 0, `end` is the byte after the last."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A part of an upload: where it begins; None asks how much arrived.

    `total` is the size of the whole, None where it is not known yet; `ends` says that the upload
    ends where this part ends, whatever its size.
    """

    start: int | None
    total: int | None
    ends: bool = False


def parse_range(header: str | None, size: int) -> Span | None:
    """Read a Range header; None: the whole object, also for an unknown form.

    Raises:
        RangeNotSatisfiable: the range lies outside of the object.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start = int(first)
        end = min(int(last) + 1, size) if last else size
    if start >= end:
        raise RangeNotSatisfiable(f"The range {header} lies outside of {size} bytes", size)
    return Span(start=start, end=end)


def parse_content_range(header: str) -> Chunk:
    """Read the Content-Range header of a part of an upload.

    Raises:
        BadRequest: it has another form.
    """
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise BadRequest(
            f'Content-Range is "{header}"; accepted: "bytes FIRST-LAST/TOTAL", "bytes */TOTAL", '
            "with * for an unknown total"
        )
    first, last, total = match.groups()
    return Chunk(
        start=None if first is None else int(first),
        total=None if total == "*" else int(total),
        ends=last == total == "*",
    )
