"""Bodies in parts: multipart/related (metadata as JSON, then the bytes) and multipart/form-data.

Read as a stream: the last part is an object's bytes. Lines may end with LF alone, as gcloud's and
fsspec's do: the first line says how.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
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


@dataclass(frozen=True, kw_only=True)
class FormHead:
    """The fields of a form before its file, and the file's name and content type."""

    fields: dict[str, str]
    file_name: str
    content_type: str | None


@dataclass(kw_only=True)
class _Body:
    """What arrived of a body and is not read yet."""

    pieces: AsyncIterator[bytes]
    boundary: bytes
    buffer: bytearray = field(default_factory=bytearray)
    newline: bytes = b""

    async def more(self) -> None:
        """Receive another piece.

        Raises:
            BadRequest: there is none.
        """
        async for piece in self.pieces:
            self.buffer += piece
            return
        raise BadRequest("The multipart body ends before its last boundary")

    async def before(self, mark: bytes) -> bytes:
        """Remove and return what comes before a mark, and remove the mark.

        Raises:
            BadRequest: it does not come within a mebibyte, or at all.
        """
        while (end := self.buffer.find(mark)) < 0:
            if len(self.buffer) > _HEAD_LIMIT_BYTES:
                raise BadRequest("The description of a multipart upload exceeds 1 MiB")
            await self.more()
        found = bytes(self.buffer[:end])
        del self.buffer[: end + len(mark)]
        return found

    async def begin(self) -> None:
        """Read the first boundary and how its line ends."""
        await self.before(b"--" + self.boundary)
        line_end = await self.before(b"\n")
        self.newline = b"\r\n" if line_end.endswith(b"\r") else b"\n"

    @property
    def delimiter(self) -> bytes:
        """What ends a part."""
        return self.newline + b"--" + self.boundary

    async def header(self) -> Message:
        """Read the header of a part."""
        if self.buffer.startswith(self.newline) or not self.buffer:
            while len(self.buffer) < len(self.newline):
                await self.more()
        if self.buffer.startswith(self.newline):  # a part without a header
            del self.buffer[: len(self.newline)]
            return Message()
        text = await self.before(self.newline * 2)
        return HeaderParser().parsestr(text.decode("utf-8", "replace"))

    async def small_part(self) -> bytes:
        """Read the content of a part, and the line that ends it."""
        content = await self.before(self.delimiter)
        await self.before(b"\n")
        return content

    async def last_part(self, receiver: Receiver) -> None:
        """Read the content of a part into a receiver; whatever comes after it is not read."""
        while (end := self.buffer.find(self.delimiter)) < 0:
            safe = max(0, len(self.buffer) - len(self.delimiter))
            receiver.write(bytes(self.buffer[:safe]))
            del self.buffer[:safe]
            await self.more()
        receiver.write(bytes(self.buffer[:end]))


def boundary_of(content_type: str) -> bytes:
    """Return the boundary in a Content-Type header, without the quotes that clients put around it.

    Raises:
        BadRequest: there is none.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary.strip("'"):
        raise BadRequest(
            f'Content-Type is "{content_type}"; accepted: multipart/related; boundary=…'
        )
    is_quoted = len(boundary) > 2 and boundary[0] == boundary[-1] == "'"
    return (boundary[1:-1] if is_quoted else boundary).encode()


async def read_multipart(
    pieces: AsyncIterator[bytes], boundary: bytes, receiver: Receiver
) -> MultipartHead:
    """Read the two parts, the second one straight into the receiver.

    Raises:
        BadRequest: the body is not two parts, or the first is no JSON object.
    """
    body = _Body(pieces=pieces, boundary=boundary)
    await body.begin()
    await body.header()
    metadata = parse_json(await body.small_part())
    header = await body.header()
    await body.last_part(receiver)
    return MultipartHead(metadata=metadata, content_type=header["Content-Type"])


async def read_form(pieces: AsyncIterator[bytes], boundary: bytes, receiver: Receiver) -> FormHead:
    """Read the fields of a form up to its file, and the file straight into the receiver.

    Raises:
        BadRequest: the body is no form with a file, or a field is there twice.
    """
    body = _Body(pieces=pieces, boundary=boundary)
    await body.begin()
    fields: dict[str, str] = {}
    while True:
        header = await body.header()
        name = str(header.get_param("name", "", "content-disposition"))
        if name == "file":
            await body.last_part(receiver)
            file_name = str(header.get_param("filename", "", "content-disposition"))
            return FormHead(fields=fields, file_name=file_name, content_type=header["Content-Type"])
        if not name or name.lower() in fields:
            raise BadRequest(f'The form has a field "{name}" that has no name, or is there twice')
        fields[name.lower()] = (await body.small_part()).decode("utf-8", "replace")
