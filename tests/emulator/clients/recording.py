"""Requests as clients send them, kept as text, and sent again.

A file has a line of JSON for each request: the raw request, and the status of its response. What
the server made up (ids of uploads, generations) stands as `{{1}}`, `{{2}}`, … in the order in which
responses told it; a long run of one byte as `{{x*262144}}`.
"""

import http.client
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

RECORDED = Path(__file__).parent / "recorded"
_MADE_UP = re.compile(r'upload_id=(\w+)|<UploadId>(\w+)<|"generation": ?"(\d+)"')
_RUN = re.compile(r"(.)\1{1023,}", re.DOTALL)
_SHORT = re.compile(r"\{\{(.)\*(\d+)\}\}", re.DOTALL)
_LEFT_OUT = ("authorization", "host", "user-agent", "x-goog-gcs-idempotency-token")
_LINE_END = "\r\n"


@dataclass
class MadeUp:
    """What the server made up, by the order in which it was told."""

    texts: list[str] = field(default_factory=list)

    def learn(self, headers: str, body: bytes) -> None:
        """Find what a response tells."""
        for match in _MADE_UP.finditer(f"{headers}\n{body.decode('latin-1')}"):
            text = next(filter(None, match.groups()))
            if text not in self.texts:
                self.texts.append(text)

    def hidden(self, text: str) -> str:
        """Return a text with numbers for what is made up."""
        for number, made_up in enumerate(self.texts):
            text = text.replace(made_up, f"{{{{{number}}}}}")
        return text

    def shown(self, text: str) -> str:
        """Return a text with what is made up for the numbers."""
        return re.sub(r"\{\{(\d+)\}\}", lambda match: self.texts[int(match[1])], text)


def exchange(address: str, method: str, target: str, headers: Any, body: bytes) -> Any:
    """Send a request; return the response and its body."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        has_host = any(name.lower() == "host" for name, _ in headers)
        connection.putrequest(method, target, skip_host=has_host, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def replay(name: str, address: str) -> Iterator[tuple[str, int, int]]:
    """Send a client's requests; yield each one's first line, and its status then and now."""
    made_up = MadeUp()
    for line in (RECORDED / f"{name}.jsonl").read_text().splitlines():
        kept = json.loads(line)
        text = _SHORT.sub(lambda match: match[1] * int(match[2]), made_up.shown(kept["request"]))
        head, _, body = text.partition(_LINE_END * 2)
        first, *lines = head.split(_LINE_END)
        method, target, _ = first.split(" ")
        headers = [entry.split(": ", 1) for entry in lines]
        response, data = exchange(address, method, target, headers, body.encode("latin-1"))
        made_up.learn(str(response.headers), data)
        yield first, kept["status"], response.status


class Recorder:
    """A proxy before the server at an address (`host:port`) that keeps what passes."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._made_up = MadeUp()
        self._lock = threading.Lock()
        self._kept: list[str] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                recorder.forward(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Recorder":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        """Pass a request on, keep it, and return the response."""
        body = _body(handler)
        told = [
            (name, value)
            for name, value in handler.headers.items()
            if name.lower() not in ("content-length", "transfer-encoding", "connection")
        ]
        with self._lock:
            response, data = exchange(self._address, handler.command, handler.path, told, body)
            self._keep(handler, told, body, response.status)
            self._made_up.learn(str(response.headers), data)
        handler.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                handler.send_header(name, value)
        length = response.headers.get("content-length", "0") if not data else str(len(data))
        handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(data)

    def _keep(
        self, handler: BaseHTTPRequestHandler, headers: Any, body: bytes, status: int
    ) -> None:
        kept = [(name, value) for name, value in headers if name.lower() not in _LEFT_OUT]
        head = [f"{handler.command} {handler.path} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in kept]
        text = f"{_LINE_END.join(head)}{_LINE_END * 2}{body.decode('latin-1')}"
        short = _RUN.sub(lambda match: f"{{{{{match[1]}*{len(match[0])}}}}}", text)
        line = json.dumps({"request": self._made_up.hidden(short), "status": status})
        self._kept.append(line)

    def save(self, name: str) -> None:
        """Write what was kept."""
        RECORDED.mkdir(exist_ok=True)
        (RECORDED / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in self._kept))


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("transfer-encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("content-length", "0")))
    body = b""
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def address_of(url: str) -> str:
    """Return the `host:port` of a URL."""
    return urlsplit(url).netloc
