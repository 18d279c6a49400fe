"""Verify the OIDC token of a task: does it come from our queue?

Knows tokens and keys, neither tasks nor avatars. A token is never logged and never part of a
message.
"""

import http
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from google.auth import exceptions, jwt, transport
from google.auth.transport.requests import Request

from functions.errors import CallerRefused, CallerUnknown, RetryLater
from functions.roles import TaskRoute

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_GOOGLE = "https://www.googleapis.com"
_KEYS_PATH = "/oauth2/v1/certs"
_KEYS_LIFE_S = 3600.0  # Google changes its keys every few days, and publishes them before use
_KEYS_PAUSE_S = 10.0  # between two requests for keys, however many tokens name unknown ones
_SKEW_S = 10
_HARMLESS = ("Token expired", "Token used too early", "Could not verify token signature")
# What the library raises for a forged token.
_UNREADABLE = (
    exceptions.GoogleAuthError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    RecursionError,
)
_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"


class Caller:
    """Accepts the one service account in whose name the queue calls."""

    def __init__(
        self,
        route: TaskRoute,
        *,
        request: transport.Request | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store the route; fetch nothing yet.

        Args:
            route: the accepted caller and receiver, and the place of the keys.
            request: fetches keys; by default over HTTP.
            clock: monotonic seconds.
        """
        self._route = route
        base = _GOOGLE if route.emulator is None else f"http://{route.emulator}"
        self._keys = _Keys(f"{base}{_KEYS_PATH}", request or Request(), clock)

    def check(self, authorization: str | None) -> None:
        """Return if the header proves that the queue calls.

        Args:
            authorization: the request's header of this name.

        Raises:
            CallerUnknown: there is no token, or a forged or expired one.
            CallerRefused: the token is another caller's, or for another receiver.
            RetryLater: the keys could not be fetched.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise CallerUnknown("no bearer token; accepted: the queue's OIDC token")
        claims = self._claims(token.strip())
        route = self._route
        for claim, found, accepted in (
            ("iss", claims.get("iss") in _ISSUERS, _ISSUERS[0]),
            ("aud", claims.get("aud") == route.renderer_url, route.renderer_url),
            ("email", claims.get("email") == route.service_account, route.service_account),
            ("email_verified", claims.get("email_verified") is True, "true"),
        ):
            if not found:
                shown = str(claims.get(claim))[:200]
                raise CallerRefused(f"the token's {claim} is {shown!r}; accepted: {accepted}")

    def _claims(self, token: str) -> Mapping[str, Any]:
        """Return the token's claims, once signature and time are verified."""
        signature = token.rpartition(".")[2]
        try:
            if signature == _REMOVED and self._route.behind_iam:
                return _believed(token)
            keys = self._keys.for_token(jwt.decode_header(token).get("kid"))
            return jwt.decode(token, certs=keys, clock_skew_in_seconds=_SKEW_S)
        except _UNREADABLE as fault:
            raise CallerUnknown(f"the token proves nothing: {_reason(fault)}") from None


def _believed(token: str) -> Mapping[str, Any]:
    """Return the claims of a token whose signature Cloud Run has verified and then removed.

    It does so where it requires the invoker's role of every caller. Only the time is left to check.
    """
    claims: Mapping[str, Any] = jwt.decode(f"{token.rpartition('.')[0]}.", verify=False)
    now = time.time()
    if not claims["iat"] - _SKEW_S <= now <= claims["exp"] + _SKEW_S:
        raise ValueError("Token expired, or used too early")
    return claims


def _reason(fault: Exception) -> str:
    """Return the library's message where it quotes no part of the token, else its type alone."""
    text = str(fault)
    return text if text.startswith(_HARMLESS) else f"it cannot be read ({type(fault).__name__})"


class _Keys:
    """Certificates by key id, cached; an unknown id fetches them again, at a limited rate."""

    def __init__(self, url: str, request: transport.Request, clock: Callable[[], float]) -> None:
        self._url = url
        self._request = request
        self._clock = clock
        self._fetching = threading.Lock()
        self._keys: Mapping[str, str] = {}
        self._fetched_at = -_KEYS_LIFE_S

    def for_token(self, key_id: str | None) -> Mapping[str, str]:
        with self._fetching:
            age_s = self._clock() - self._fetched_at
            unknown = key_id not in self._keys and age_s >= _KEYS_PAUSE_S
            if age_s >= _KEYS_LIFE_S or unknown:
                self._keys = self._fetch()
                self._fetched_at = self._clock()
            return self._keys

    def _fetch(self) -> Mapping[str, str]:
        try:
            answer = self._request(self._url, method="GET", timeout=10)
        except exceptions.TransportError as fault:
            raise RetryLater(f"the keys of {self._url} cannot be had: {fault}") from fault
        if answer.status != http.HTTPStatus.OK:
            raise RetryLater(f"{self._url} answered {answer.status} instead of keys")
        try:
            keys = json.loads(answer.data)
        except ValueError:
            keys = None
        if not isinstance(keys, dict) or not all(isinstance(each, str) for each in keys.values()):
            raise RetryLater(f"{self._url} answered something else than certificates by key id")
        return keys
