"""What both dialects share: store, uploads in progress, planned faults, downloads."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, BinaryIO

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from emulator.faults import Fault, FaultKind, FaultPlan
from emulator.serving import ConnectionDropped
from emulator.storage.content import Content, Receiver
from emulator.storage.errors import BadRequest, Planned
from emulator.storage.objects import Conditions, ObjectMetadata, StoredObject
from emulator.storage.ranges import Span, parse_range
from emulator.storage.resumable import UploadSession, UploadSessions
from emulator.storage.store import ObjectStore

_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The store with everything around it."""

    store: ObjectStore
    uploads: UploadSessions
    faults: FaultPlan

    def begin_upload(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Refuses an upload that could not be stored, or for which a fault was planned.

        Raises:
            StorageError: it is refused.
        """
        fault = self.faults.take(FaultKind.FAIL_UPLOAD, name)
        if fault is not None:
            raise Planned(fault.status)
        self.store.check_put(bucket, name, conditions)

    def finish_upload(
        self,
        bucket: str,
        name: str,
        receiver: Receiver,
        metadata: ObjectMetadata,
        conditions: Conditions,
        digests: Mapping[str, str],
    ) -> StoredObject:
        """Stores what was received.

        Raises:
            StorageError: it is refused, or its digest is not the announced one.
        """
        content = receiver.finish()
        _check_digests(content, digests)
        stored = self.store.put(bucket, name, content, metadata, conditions)
        fault = self.faults.take(FaultKind.LOSE_UPLOAD_ANSWER, name)
        if fault is not None:
            raise Planned(fault.status)
        return stored

    def finish_session(self, session: UploadSession) -> StoredObject:
        """Stores what a resumable upload received.

        Raises:
            StorageError: it is refused, or its digest is not the announced one.
        """
        session.stored = self.finish_upload(
            session.bucket,
            session.name,
            session.receiver,
            session.metadata,
            session.conditions,
            session.digests,
        )
        return session.stored

    async def download(self, request: Request, stored: StoredObject) -> Response:
        """Answers with an object's bytes, or the range of them that was asked for.

        Raises:
            RangeNotSatisfiable, Planned.
        """
        fault = self.faults.take(FaultKind.FAIL_DOWNLOAD, stored.name)
        if fault is not None:
            raise Planned(fault.status)
        delay = self.faults.take(FaultKind.DELAY_DOWNLOAD, stored.name)
        stream = stored.content.file.open("rb")  # before any wait: the object may be replaced
        try:
            if delay is not None:
                await asyncio.sleep(delay.seconds)
            size = stored.content.size_bytes
            wanted = parse_range(request.headers.get("range"), size)
        except BaseException:
            stream.close()
            raise
        span = wanted or Span(start=0, end=size)
        headers = download_headers(stored)
        headers["Content-Length"] = str(span.end - span.start)
        if wanted is not None:
            headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
        status = 200 if wanted is None else 206
        if request.method == "HEAD":
            stream.close()
            return Response(status_code=status, headers=headers)
        drop = self.faults.take(FaultKind.DROP_DOWNLOAD, stored.name)
        return StreamingResponse(_read(stream, span, drop), status_code=status, headers=headers)


def download_headers(stored: StoredObject) -> dict[str, str]:
    """Returns the headers that describe an object's bytes, length apart."""
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
        "X-Goog-Stored-Content-Length": str(stored.content.size_bytes),
        "X-Goog-Hash": f"crc32c={stored.content.crc32c},md5={stored.content.md5}",
        **{name: value for name, value in optional.items() if value},
    }


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answers with JSON."""
    return JSONResponse(body, status_code=status, headers=headers)


async def read_json(request: Request) -> dict[str, Any]:
    """Reads a body that is a JSON object; an empty body counts as an empty one.

    Raises:
        BadRequest: it is something else.
    """
    body = await request.body()
    try:
        parsed = json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise BadRequest(f"The body is no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise BadRequest("The body is no JSON object")
    return parsed


def _check_digests(content: Content, digests: Mapping[str, str]) -> None:
    for kind, computed in (("md5Hash", content.md5), ("crc32c", content.crc32c)):
        announced = digests.get(kind)
        if announced and announced != computed:
            content.file.unlink(missing_ok=True)
            raise BadRequest(
                f'Provided {kind} "{announced}" doesn\'t match calculated {kind} "{computed}".'
            )


async def _read(stream: BinaryIO, span: Span, drop: Fault | None) -> AsyncIterator[bytes]:
    with stream:
        stream.seek(span.start)
        left = span.end - span.start
        until_drop = None if drop is None else drop.after_bytes
        while left:
            wanted = min(left, _PIECE_BYTES)
            if until_drop is not None:
                wanted = min(wanted, until_drop)
                until_drop -= wanted
            if not wanted:
                raise ConnectionDropped
            piece = stream.read(wanted)
            left -= len(piece)
            yield piece
