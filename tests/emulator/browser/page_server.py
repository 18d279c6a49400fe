"""Serves the page with the SDK to Chromium, and takes what it says.

Also passes the emulator's paths on, streams included, for pages that see all under one origin.
"""

import http.client
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

HERE = Path(__file__).parent
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".html": "text/html"}


class PageServer:
    """The server; a context manager. `said` returns what the page has posted."""

    def __init__(self, package: Path, firestore_url: str, storage_url: str) -> None:
        self._package = package
        self._said: queue.Queue[Any] = queue.Queue()
        self._routes = {
            "/v1/": firestore_url,
            "/google.firestore.v1.Firestore/": firestore_url,
            "/v0/": storage_url,
        }
        self.page = ""

    def __enter__(self) -> Self:
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:  # the browser has left
                    self.close_connection = True

            def do_GET(self) -> None:
                pages._answer(self)

            do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    def said(self, timeout_s: float) -> Any:
        return self._said.get(timeout=timeout_s)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        for prefix, target in self._routes.items():
            if path.startswith(prefix):
                _pass_on(request, target)
                return
        if path == "/said":
            length = int(request.headers["Content-Length"])
            self._said.put(json.loads(request.rfile.read(length)))
        body = self._body(path)
        request.send_response(200 if body is not None else 404)
        request.send_header("Content-Type", TYPES.get(Path(path).suffix or ".html", "text/plain"))
        request.send_header("Content-Length", str(len(body or b"")))
        request.end_headers()
        request.wfile.write(body or b"")

    def _body(self, path: str) -> bytes | None:
        if path == "/":
            return self.page.encode()
        folder = HERE if path.endswith(".mjs") else self._package
        file = folder / Path(path).name
        return file.read_bytes() if file.is_file() else None


def _pass_on(request: BaseHTTPRequestHandler, target: str) -> None:
    """Forward a request as a reverse proxy does, streaming the response."""
    parts = urlsplit(target)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
    connection.request(request.command, request.path, body, dict(request.headers.items()))
    answer = connection.getresponse()
    request.send_response(answer.status)
    for name, value in answer.getheaders():
        if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
            request.send_header(name, value)
    request.send_header("Connection", "close")
    request.end_headers()
    while piece := answer.read1(1 << 16):
        request.wfile.write(piece)
        request.wfile.flush()
    connection.close()
    request.close_connection = True
