"""One port for gRPC and HTTP, as the official emulator has it.

A gRPC client begins with `PRI `, which no HTTP/1.1 request does: such connections are relayed to
the gRPC server's own socket, all others are passed to the HTTP server in this process.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from emulator.serving import HttpServer

_PREFACE = b"PRI "
_GRPC_GRACE_S = 0.5


class SharedPort:
    """Accepts the connections of one listening socket and forwards them."""

    def __init__(self, listener: socket.socket, http: HttpServer, grpc_socket: Path) -> None:
        self._listener = listener
        self._http = http
        self._grpc_socket = grpc_socket
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to accept connections."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _ProtocolDetector(self._http, self._grpc_socket), sock=self._listener
        )

    def close(self) -> None:
        """Accept no more connections; forwarded ones continue."""
        if self._server is not None:
            self._server.close()


@asynccontextmanager
async def sharing(
    listener: socket.socket,
    http: HttpServer,
    grpc_server: Any,
    grpc_socket: Path,
    end: Callable[[], Awaitable[None]],
) -> AsyncIterator[None]:
    """Serve both on one listening socket for the duration of the block.

    Args:
        listener: the bound socket.
        http: serves everything but gRPC.
        grpc_server: an asynchronous server of grpc, not yet started, on `grpc_socket`.
        grpc_socket: the path of its socket.
        end: closes long-lived streams, once no new connections are accepted.
    """
    await grpc_server.start()
    shared = SharedPort(listener, http, grpc_socket)
    await shared.start()
    serving = asyncio.create_task(http.serve())
    try:
        yield
    finally:
        shared.close()
        await end()
        http.stop()
        await grpc_server.stop(_GRPC_GRACE_S)
        await serving


class _ProtocolDetector(asyncio.Protocol):
    """Reads a connection's first bytes and forwards it to the server of its protocol."""

    def __init__(self, http: HttpServer, grpc_socket: Path) -> None:
        self._http = http
        self._grpc_socket = grpc_socket
        self._begun = b""
        self._transport: asyncio.Transport
        self._joining: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Decide as soon as enough bytes have arrived."""
        self._begun += data
        if self._begun.startswith(_PREFACE):
            self._transport.pause_reading()
            self._joining = asyncio.get_running_loop().create_task(self._join_grpc())
        elif not _PREFACE.startswith(self._begun):
            protocol = self._http.connection()
            self._transport.set_protocol(protocol)
            protocol.connection_made(self._transport)
            protocol.data_received(self._begun)

    async def _join_grpc(self) -> None:
        loop = asyncio.get_running_loop()
        outer = _Pipe(self._transport)
        try:
            inner, pipe = await loop.create_unix_connection(
                lambda: _Pipe(self._transport), str(self._grpc_socket)
            )
        except OSError:  # the emulator is stopping
            self._transport.abort()
            return
        outer.other = inner
        pipe.other = self._transport
        if self._transport.is_closing():  # closed meanwhile: the new pipe would not notice
            inner.close()
            return
        inner.write(self._begun)
        self._transport.set_protocol(outer)
        self._transport.resume_reading()


class _Pipe(asyncio.Protocol):
    """Copies one connection to another, with flow control."""

    def __init__(self, other: asyncio.Transport) -> None:
        self.other = other

    def data_received(self, data: bytes) -> None:
        """Write the data to the other connection."""
        self.other.write(data)

    def pause_writing(self) -> None:
        """Stop reading the other connection while this one's buffer is full."""
        self.other.pause_reading()

    def resume_writing(self) -> None:
        """Read the other connection again."""
        self.other.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Close the other connection too."""
        self.other.close()
