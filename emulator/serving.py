"""Ports, and HTTP servers on them. Knows no service."""

import asyncio
import logging
import socket
from pathlib import Path

import uvicorn
from starlette.datastructures import Headers
from starlette.types import ASGIApp

_LOOPBACKS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (nothing is bound here)


class PortBusy(Exception):
    """A port is taken; the message names it and, where possible, the process that holds it."""

    def __init__(self, message: str, *, port: int) -> None:
        super().__init__(message)
        self.port = port


class ConnectionDropped(Exception):
    """An application raises it to close a connection in the middle of a response, on purpose."""


class _DropFilter(logging.Filter):
    """Keeps uvicorn from logging planned connection drops as failures."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], ConnectionDropped))


_DROP_FILTER = _DropFilter()


def bind(host: str, port: int) -> socket.socket:
    """Bind a listening socket; port 0: a free one.

    Raises:
        PortBusy: the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns off Nagle only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if family is socket.AF_INET6:  # `::` takes IPv4 as well
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        busy = f"port {port} on {host} is busy: {_holder(port)} ({error})"
        raise PortBusy(busy, port=port) from error
    listener.setblocking(False)
    return listener


def client_address(host: str, port: int) -> str:
    """Return `host:port` as a client on this machine connects to what listens there.

    A server may listen on all addresses; none of its clients can connect to "all".
    """
    name = _LOOPBACKS.get(host, host)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def cors_headers(method: str, headers: Headers, exposed: str = "*") -> dict[str, str]:
    """Return the CORS headers that let pages of any origin use a service.

    Origin and requested headers are echoed: browsers that send credentials accept no `*`.
    """
    cors = {
        "Access-Control-Allow-Origin": headers.get("origin", "*"),
        "Access-Control-Expose-Headers": exposed,
        "Vary": "Origin",
    }
    if "origin" in headers:
        cors["Access-Control-Allow-Credentials"] = "true"
    if method == "OPTIONS":
        cors["Access-Control-Allow-Methods"] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        cors["Access-Control-Allow-Headers"] = headers.get("access-control-request-headers", "*")
        cors["Access-Control-Max-Age"] = "3600"
    return cors


class HttpServer:
    """Serves an ASGI application within the running event loop.

    Args:
        application: the ASGI application.
        listener: a bound socket; without one, connections come through `connection` alone.
    """

    def __init__(self, application: ASGIApp, listener: socket.socket | None = None) -> None:
        config = self._config = uvicorn.Config(
            application,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        logging.getLogger("uvicorn.error").addFilter(_DROP_FILTER)
        self._listener = listener

    async def serve(self) -> None:
        """Serve until it is told to stop."""
        await self._server.serve(sockets=[self._listener] if self._listener else [])

    def connection(self) -> asyncio.Protocol:
        """Return a protocol for a connection that was accepted elsewhere; only while serving."""
        return self._config.http_protocol_class(  # type: ignore[call-arg]
            config=self._config, server_state=self._server.server_state, app_state={}
        )

    def stop(self) -> None:
        """Make `serve` return."""
        self._server.should_exit = True


def _holder(port: int) -> str:
    inodes = _listening_inodes(port)
    if not inodes:
        return "who holds it cannot be seen from here"
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and _holds(process, wanted):
            return f"held by process {process.name}, {_command(process)}"
    return "held by a process of somebody else"


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return "which has just ended"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(entry.readlink()) in sockets for entry in (process / "fd").iterdir())
    except OSError:  # ended meanwhile, or not readable
        return False
