"""A model hub on localhost that fails on purpose. Speaks what huggingface_hub asks for."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FaultyHub:
    """The files of one repository, the faults still to come, and what was asked."""

    files: dict[str, bytes]
    faults: list["Fault"] = field(default_factory=list)
    downloads: list[tuple[str, int]] = field(default_factory=list)  # path, first byte asked for
    ignores_ranges: bool = False
    redirects: bool = False  # to a file store, as the real hub does with large files
    endpoint: str = ""
    released: threading.Event = field(default_factory=threading.Event)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: FaultyHub, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.hub = hub


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        answered = self._answer()
        if answered is None:
            return
        path, start = answered
        hub = self.server.hub
        hub.downloads.append((path, start))
        body = hub.files[path][start:]
        if hub.faults:
            hub.faults.pop(0)(hub, self, body)
        else:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _answer(self) -> tuple[str, int] | None:
        """Send the head of the answer; the path and the first byte to send, if there is one."""
        hub = self.server.hub
        stored = self.path.removeprefix("/store/")
        if stored in hub.files:
            return self._send_head(stored, revision="")
        found = re.fullmatch(r"/[^/]+/[^/]+/resolve/([^/]+)/(.+)", self.path)
        if found is None or found[2] not in hub.files:
            self._send_empty(404, {"X-Error-Code": "EntryNotFound"})
            return None
        if hub.redirects:
            size = str(len(hub.files[found[2]]))
            place = f"{hub.endpoint.replace('127.0.0.1', 'localhost')}/store/{found[2]}"
            known = {"X-Linked-Size": size, "X-Linked-ETag": '"x"', "X-Repo-Commit": found[1]}
            self._send_empty(302, {**known, "Location": place})
            return None
        return self._send_head(found[2], revision=found[1])

    def _send_empty(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_head(self, path: str, *, revision: str) -> tuple[str, int]:
        hub = self.server.hub
        size = len(hub.files[path])
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(span[1]) if span and not hub.ignores_ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"an etag"')
        self.send_header("X-Repo-Commit", revision)
        self.send_header("Content-Length", str(size - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        return path, start


Fault = Callable[[FaultyHub, Handler, bytes], None]
"""Sends, of the rest of a file, something else than the whole."""


def truncate(_hub: FaultyHub, handler: Handler, body: bytes) -> None:
    """Send half and hang up."""
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def corrupt(_hub: FaultyHub, handler: Handler, body: bytes) -> None:
    """Send everything, one bit wrong."""
    handler.wfile.write(body[:-1] + bytes([body[-1] ^ 1]))


def stall(hub: FaultyHub, handler: Handler, body: bytes) -> None:
    """Send half and then nothing, with the line open."""
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    hub.released.wait(30)
    handler.close_connection = True


@contextmanager
def running_hub(hub: FaultyHub, port: int = 0) -> Iterator[FaultyHub]:
    """Serve the hub while the block runs."""
    with Server(hub, port) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            hub.released.set()
            server.shutdown()
            thread.join()
