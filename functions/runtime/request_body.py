"""Unpack and bound the bodies of requests, as they are read.

The framework takes bodies as they come: one with `Content-Encoding: gzip` would be taken for
garbage, and lost. Where no length was announced, as in chunks, it cuts off what exceeds its limit;
the event would be lost as well.
"""

import io
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.wrappers import Response
from werkzeug.wsgi import LimitedStream, get_content_length

from functions.observability import log

_GZIP = ("gzip", "x-gzip")
_PLAIN = ("", "identity")
_CHUNK_BYTES = 1 << 16
_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


_Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class BodyMiddleware:
    """Pass requests on with unpacked and bounded bodies; answer 415 to other encodings than gzip.

    Args:
        application: the WSGI application.
        max_bytes: of a body, as it is sent and as it is unpacked; one of this size is refused.
    """

    def __init__(self, application: _Application, *, max_bytes: int) -> None:
        self._application = application
        self._max_bytes = max_bytes

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
        body: _Readable = environ["wsgi.input"]
        if encoding in _GZIP:
            if "wsgi.input_terminated" not in environ:
                body = LimitedStream(environ["wsgi.input"], get_content_length(environ) or 0)
            body = _Unpacked(body)
        elif encoding not in _PLAIN:
            return _refuse(encoding, environ, start_response)
        elif "wsgi.input_terminated" not in environ or get_content_length(environ) is not None:
            return self._application(environ, start_response)
        bounded = {
            **environ,
            "wsgi.input": io.BufferedReader(_Bounded(body, self._max_bytes), _CHUNK_BYTES),
            "wsgi.input_terminated": True,  # so it is read to its end
        }
        for name in ("CONTENT_LENGTH", "HTTP_CONTENT_ENCODING"):
            bounded.pop(name, None)
        return self._application(bounded, start_response)


def _refuse(encoding: str, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    log.warning("request not read", reason=f"content encoding {encoding!r}; accepted: gzip")
    refused = Response("Accepted encodings of a body: gzip.\n", 415, {"Accept-Encoding": "gzip"})
    return refused(environ, start_response)


class _Bounded(io.RawIOBase):
    """A body that raises where it is too long."""

    def __init__(self, body: _Readable, max_bytes: int) -> None:
        self._body = body
        self._left = max_bytes

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how much of it."""
        content = self._body.read(len(buffer))
        self._left -= len(content)
        if self._left <= 0:
            raise RequestEntityTooLarge
        buffer[: len(content)] = content
        return len(content)


class _Unpacked:
    """The content of a gzip file of one or more members."""

    def __init__(self, packed: _Readable) -> None:
        self._packed = packed
        self._member = zlib.decompressobj(_WITH_GZIP_HEADER)
        self._waiting = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes, `size` at most; none: it has ended."""
        while packed := self._waiting or self._packed.read(_CHUNK_BYTES):
            if self._member.eof:
                self._member = zlib.decompressobj(_WITH_GZIP_HEADER)
            try:
                content = self._member.decompress(packed, size)
            except zlib.error:
                raise BadRequest("The body is no gzip file.") from None
            self._waiting = self._member.unconsumed_tail or self._member.unused_data
            if content:
                return content
        if not self._member.eof:
            raise BadRequest("The body is no complete gzip file.")
        return b""
