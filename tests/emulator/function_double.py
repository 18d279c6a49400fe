"""A small real HTTP server in the place of the function: plans responses, records requests."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any, Self

from google.events.cloud.firestore import DocumentEventData


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request."""

    headers: Mapping[str, str]
    body: bytes
    at: float
    method: str = "POST"
    path: str = "/"

    @property
    def event_id(self) -> str:
        return self.headers["ce-id"]

    @property
    def data(self) -> Any:
        return DocumentEventData.deserialize(self.body)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The response to one request: delay, status and headers."""

    status: int = 204
    after_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FunctionDouble:
    """The server; a context manager. Answers 204 where nothing was planned.

    `one_at_a_time` takes requests strictly in the order in which they were sent; `port` 0 is a
    free one.
    """

    one_at_a_time: bool = False
    port: int = 0

    received: list[Received] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    before_answer: Callable[[], object] = lambda: None

    def __enter__(self) -> Self:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = double.answers.popleft() if double.answers else Answer()
                double.received.append(
                    Received(
                        headers={name.lower(): value for name, value in self.headers.items()},
                        body=body,
                        at=time.monotonic(),
                        method=self.command,
                        path=self.path,
                    )
                )
                double.before_answer()
                time.sleep(answer.after_s)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        kind = HTTPServer if self.one_at_a_time else ThreadingHTTPServer
        self._server = kind(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"
