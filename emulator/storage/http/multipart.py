"""Uploads of type multipart/related: metadata as JSON, then the bytes. Read as a stream."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any

from emulator.storage.content import Receiver
from emulator.storage.errors import BadRequest
from emulator.storage.http.responses import parse_json

_HEAD_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class MultipartHead:
    """The metadata as JSON, and the content type of the second part."""

    metadata: dict[str, Any]
    content_type: str | None


def boundary_of(content_type: str) -> bytes:
    """Return the boundary in a Content-Type header.

    Raises:
        BadRequest: there is none.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise BadRequest(
            f'Content-Type is "{content_type}"; accepted: multipart/related; boundary=…'
        )
    return boundary.encode()


async def read_multipart(
    pieces: AsyncIterator[bytes], boundary: bytes, receiver: Receiver
) -> MultipartHead:
    """Read the two parts, the second one straight into the receiver.

    Raises:
        BadRequest: the body is not two parts, or the first is no JSON object.
    """
    delimiter = b"\r\n--" + boundary
    buffer = bytearray(b"\r\n")
    head: MultipartHead | None = None
    async for piece in pieces:
        buffer += piece
        if head is None:
            split = _split_head(bytes(buffer), delimiter)
            if split is None:
                continue
            head, rest = split
            buffer = bytearray(rest)
        end = buffer.find(delimiter)
        if end >= 0:
            receiver.write(bytes(buffer[:end]))
            return head
        safe = max(0, len(buffer) - len(delimiter))
        receiver.write(bytes(buffer[:safe]))
        del buffer[:safe]
    raise BadRequest("The multipart body ends before its last boundary")


def _split_head(buffer: bytes, delimiter: bytes) -> tuple[MultipartHead, bytes] | None:
    sections = buffer.split(delimiter, 2)
    if len(sections) < 3 or b"\r\n\r\n" not in sections[2]:
        if len(buffer) > _HEAD_LIMIT_BYTES:
            raise BadRequest("The description of a multipart upload exceeds 1 MiB")
        return None
    _, _, metadata = sections[1].partition(b"\r\n\r\n")
    header, _, rest = sections[2].partition(b"\r\n\r\n")
    parsed = BytesHeaderParser().parsebytes(header.removeprefix(b"\r\n") + b"\r\n\r\n")
    return (
        MultipartHead(metadata=parse_json(metadata), content_type=parsed["Content-Type"]),
        rest,
    )
