"""One HTTP request to a function, asynchronous and cancellable."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from urllib.parse import urlsplit

_CONTINUE = 100


@dataclass(frozen=True, kw_only=True)
class Response:
    """The head of a response."""

    status: int
    headers: Message

    @property
    def retry_after_s(self) -> float | None:
        """The seconds of `Retry-After`; None: it is not there, or a date."""
        value = str(self.headers.get("Retry-After", "")).strip()
        return float(value) if value.isascii() and value.isdecimal() else None


class Unreachable(Exception):
    """There was no response: refused, reset, or something other than HTTP."""


async def send(
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    method: str = "POST",
    on_sent: Callable[[], None] = lambda: None,
) -> Response:
    """Send a request and return the head of the response; call `on_sent` between the two.

    Raises:
        Unreachable: there was no response.
    """
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise Unreachable(f"{url}: only http:// is spoken here")
    path = parts.path or "/"
    lines = [
        f"{method} {path}{'?' + parts.query if parts.query else ''} HTTP/1.1",
        f"Host: {parts.netloc}",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    ]
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        try:
            writer.write("\r\n".join(lines).encode("ascii") + body)
            await writer.drain()
            on_sent()
            return await _read_response(reader, has_body=method != "HEAD")
        finally:
            writer.close()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise Unreachable(f"{url}: {error}") from error


async def _read_response(reader: asyncio.StreamReader, *, has_body: bool) -> Response:
    """Return the head after reading the body, which a server may still be sending."""
    status, head = await _head(reader)
    while status == _CONTINUE:
        status, head = await _head(reader)
    headers = BytesHeaderParser().parsebytes(head)
    length = headers["Content-Length"]
    if has_body and length is not None and length.isdecimal():
        await reader.readexactly(int(length))
    return Response(status=status, headers=headers)


async def _head(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    version, _, status = line.partition(b" ")
    if not version.startswith(b"HTTP/") or not status[:3].isdigit():
        raise Unreachable(f"the answer begins with {line[:80]!r}, which is no HTTP")
    return int(status[:3]), rest
