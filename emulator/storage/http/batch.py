"""Batches: several calls in one body of type multipart/mixed, and their responses likewise."""

import uuid
from collections.abc import Awaitable, Callable
from email.message import Message
from email.parser import BytesParser
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message as AsgiMessage

from emulator.storage.errors import BadRequest

PATH = "/batch/storage/v1"
_MAX_CALLS = 100

Responder = Callable[[Request], Awaitable[Response]]


async def batch(request: Request, respond: Responder) -> Response:
    """Run the calls in a body, one after the other.

    Raises:
        BadRequest: the body is no batch, or has too many calls.
    """
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    parsed = BytesParser().parsebytes(head + await request.body())
    parts = [part for part in parsed.walk() if part.get_content_type() == "application/http"]
    if not 1 <= len(parts) <= _MAX_CALLS:
        raise BadRequest(f"The batch has {len(parts)} calls; accepted: 1 to {_MAX_CALLS}")
    boundary = f"batch_{uuid.uuid4().hex}"
    responses = [
        _part(boundary, part, await respond(_inner_request(request, part))) for part in parts
    ]
    return Response(
        b"".join(responses) + f"--{boundary}--\r\n".encode(),
        media_type=f"multipart/mixed; boundary={boundary}",
    )


def _inner_request(outer: Request, part: Message) -> Request:
    content = part.get_payload(decode=True)
    line, _, rest = bytes(content if isinstance(content, bytes) else b"").lstrip().partition(b"\n")
    words = line.decode("ascii", "replace").split()
    if len(words) != 3:
        raise BadRequest(f"A call of the batch begins with {line!r}; accepted: METHOD URL HTTP/1.1")
    inner = BytesParser().parsebytes(rest)
    url = urlsplit(words[1])
    body = inner.get_payload(decode=True)
    headers = [(name.lower().encode(), str(value).encode()) for name, value in inner.items()]

    async def receive() -> AsgiMessage:
        return {
            "type": "http.request",
            "body": body if isinstance(body, bytes) else b"",
            "more_body": False,
        }

    scope = {
        **outer.scope,
        "method": words[0],
        "path": url.path,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "headers": [*headers, (b"host", outer.headers.get("host", "").encode())],
    }
    return Request(scope, receive)


def _part(boundary: str, part: Message, response: Response) -> bytes:
    identifier = str(part.get("Content-ID", "")).strip("<>")
    head = (
        f"--{boundary}\r\nContent-Type: application/http\r\n"
        f"Content-ID: <response-{identifier}>\r\n\r\n"
        f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}\r\n"
    )
    headers = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    return f"{head}{headers}\r\n".encode() + bytes(response.body) + b"\r\n"
