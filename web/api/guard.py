"""Check keys, rate, origin and size of a request before its body is read."""

import hashlib
import hmac
import threading
import time
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import Forbidden, TooLarge, TooManyRequests, Unauthorized
from web.settings import LOOPBACK, Settings


class Guard:
    """Checks bearer keys, and limits the requests of each."""

    def __init__(self, settings: Settings) -> None:
        self._digests = settings.key_digests
        self._per_minute = settings.requests_per_minute
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # owner: requests left, as of when

    def owner(self, request: Request) -> str:
        """Return whose request it is: the digest of its key; "" where no keys are in use.

        Raises:
            Unauthorized: no key, or an unknown one.
            TooManyRequests: too often.
        """
        owner = self._known(request) if self._digests else ""
        self._pace(owner)
        return owner

    def _known(self, request: Request) -> str:
        named = request.headers.get("x-api-key")  # as clients of Sync.so's routes send it
        given = request.headers.get("authorization") or (f"Bearer {named}" if named else "")
        scheme, _, key = given.partition(" ")
        digest = hashlib.sha256(key.strip().encode()).hexdigest()
        # Each is compared, and each in constant time: how long it takes tells nothing.
        matches = [hmac.compare_digest(digest, known) for known in sorted(self._digests)]
        if scheme.lower() != "bearer" or not any(matches):
            raise Unauthorized(
                "the key is missing or unknown; accepted: the header Authorization: Bearer KEY",
                field="Authorization",
            )
        return digest

    def _pace(self, owner: str) -> None:
        now = time.monotonic()
        with self._lock:
            left, at = self._buckets.get(owner, (float(self._per_minute), now))
            left = min(self._per_minute, left + (now - at) * self._per_minute / 60)
            if left < 1:
                wait = int((1 - left) * 60 / self._per_minute) + 1
                raise TooManyRequests(
                    f"more than {self._per_minute} requests a minute; accepted: one in {wait} s",
                    retry_after_s=wait,
                )
            self._buckets[owner] = (left - 1, now)


class OwnPagesOnly:
    """ASGI, for a server without keys: serves this machine, and no page of another site.

    A page in a browser can send requests to any port of the machine, and a name that its site owns
    may lead here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        error = _foreign(Headers(scope=scope)) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
        else:
            await JSONResponse(error.as_json(), status_code=error.status)(scope, receive, send)


def _foreign(headers: Headers) -> Forbidden | None:
    host = _parts(f"//{headers.get('host', '')}").hostname or ""
    if host not in LOOPBACK:
        return Forbidden(
            f"the request names the host {host!r}, and without keys this answers this machine "
            "alone; accepted: 127.0.0.1 or localhost"
        )
    origin = headers.get("origin")
    if origin is not None and _parts(origin).netloc != headers.get("host"):
        return Forbidden(f"the request comes from a page of {origin}; accepted: one of this server")
    return None


def _parts(url: str) -> SplitResult:
    """Split a URL; one that is malformed ("http://[") has no parts."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


class BodyLimit:
    """ASGI: refuses a body above a limit, by its Content-Length or as it is read."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error = TooLarge(f"the body has more than {self._max_bytes} bytes; accepted: at most that")
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or int(said) > self._max_bytes:
            await JSONResponse(error.as_json(), status_code=error.status)(scope, receive, send)
            return
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > self._max_bytes:
                raise error
            return message

        await self._app(scope, counted, send)
