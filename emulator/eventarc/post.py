"""One HTTP POST, asynchronous and cancellable. Knows no event."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit


class Unreachable(Exception):
    """There was no answer: refused, reset, or something else than HTTP."""


async def post(url: str, headers: Sequence[tuple[str, str]], body: bytes) -> int:
    """Sends a body and returns the status of the answer.

    Raises:
        Unreachable: there was no answer.
    """
    parts = urlsplit(url)
    path = parts.path or "/"
    lines = [
        f"POST {path}{'?' + parts.query if parts.query else ''} HTTP/1.1",
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
            status = await _final_status(reader)
            await reader.read()
            return status
        finally:
            writer.close()
    except OSError as error:
        raise Unreachable(f"{url}: {error}") from error


async def _final_status(reader: asyncio.StreamReader) -> int:
    """Reads the status line and skips 100 Continue; 102 counts: it acknowledges an event."""
    while True:
        line = await reader.readline()
        version, _, rest = line.decode("latin-1").partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/") or not status.isdecimal():
            raise Unreachable(f"the answer begins with {line[:80]!r}, which is no HTTP")
        if int(status) != 100:
            return int(status)
        while (await reader.readline()).strip():
            pass
