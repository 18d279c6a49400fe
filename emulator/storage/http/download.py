"""Downloads, the same in all APIs: the bytes or a range of them, streamed from the file."""

import asyncio
import weakref
import zlib
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from emulator.faults import Fault, FaultKind, FaultPlan
from emulator.serving import ConnectionDropped
from emulator.storage.errors import PlannedFault
from emulator.storage.http.ranges import Span, parse_range
from emulator.storage.objects import StoredObject

_PIECE_BYTES = 1 << 18


async def download(request: Request, stored: StoredObject, faults: FaultPlan) -> Response:
    """Return a response with an object's bytes, or the requested range of them.

    Raises:
        RangeNotSatisfiable, Planned.
    """
    fault = faults.take(FaultKind.FAIL_DOWNLOAD, stored.name)
    if fault is not None:
        raise PlannedFault(fault.status)
    if _is_unpacked(request, stored):
        return _unpacked(request, stored)
    size = stored.content.size_bytes
    wanted = parse_range(request.headers.get("range"), size)
    span = wanted or Span(start=0, end=size)
    headers = _headers(stored) | {"Content-Length": str(span.end - span.start)}
    if wanted is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    drop = faults.take(FaultKind.DROP_DOWNLOAD, stored.name)
    delay = faults.take(FaultKind.DELAY_DOWNLOAD, stored.name)
    stream = stored.content.file.open("rb")  # before any wait: the object may be replaced
    body = _read(stream, span, drop)
    weakref.finalize(body, stream.close)  # a client that leaves early never begins to read
    if delay is not None:
        await asyncio.sleep(delay.seconds)
    return StreamingResponse(body, status_code=status, headers=headers)


def _is_unpacked(request: Request, stored: StoredObject) -> bool:
    """Return whether a compressed object is sent uncompressed: the client accepts no gzip."""
    accepted = request.headers.get("accept-encoding", "")
    may_transform = "no-transform" not in (stored.metadata.cache_control or "")
    is_marked = stored.metadata.content_encoding == "gzip"
    return is_marked and may_transform and "gzip" not in accepted and _is_gzip(stored.content.file)


def _is_gzip(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _unpacked(request: Request, stored: StoredObject) -> Response:
    """Return a response with the whole object uncompressed; without a length, and no ranges."""
    headers = _headers(stored) | {"Warning": "214 UploadServer gunzipped"}
    del headers["Content-Encoding"], headers["Accept-Ranges"]
    if request.method == "HEAD":
        return Response(headers=headers)
    stream = stored.content.file.open("rb")
    body = _unpack(stream)
    weakref.finalize(body, stream.close)
    return StreamingResponse(body, headers=headers)


async def _unpack(stream: BinaryIO) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    with stream:
        while packed := unpacker.unconsumed_tail or stream.read(_PIECE_BYTES):
            yield unpacker.decompress(packed, _PIECE_BYTES)  # a piece may become a thousand
    yield unpacker.flush()


def _headers(stored: StoredObject) -> dict[str, str]:
    metadata = stored.metadata
    optional = {
        "Cache-Control": metadata.cache_control,
        "Content-Disposition": metadata.content_disposition,
        "Content-Encoding": metadata.content_encoding,
        "Content-Language": metadata.content_language,
    }
    return {
        "Content-Type": metadata.content_type or "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": f'"{stored.etag}"',
        "Last-Modified": formatdate(stored.updated / 1_000_000, usegmt=True),
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Stored-Content-Encoding": metadata.content_encoding or "identity",
        "X-Goog-Stored-Content-Length": str(stored.content.size_bytes),
        "X-Goog-Hash": f"crc32c={stored.content.crc32c},md5={stored.content.md5}",
        **{name: value for name, value in optional.items() if value},
    }


async def _read(stream: BinaryIO, span: Span, drop: Fault | None) -> AsyncIterator[bytes]:
    with stream:
        stream.seek(span.start)
        left = span.end - span.start
        allowed = left if drop is None else min(left, drop.after_bytes)
        while allowed:
            piece = stream.read(min(allowed, _PIECE_BYTES))
            allowed -= len(piece)
            yield piece
    if drop is not None and drop.after_bytes < left:
        raise ConnectionDropped
