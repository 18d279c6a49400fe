"""Requests to URLs that clients name, kept away from private addresses.

A name is resolved once, every address it gives must be public, and the connection goes to that very
address. Redirects are followed by hand, each checked like the first. A request has one limit of
time for all of it: a server that sends a byte now and then would else hold its thread for days.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from web.errors import InvalidRequest, TooLarge, Unprocessable

MOST_REDIRECTS = 3
_LAST_PORT = 65_535
_SILENT_S = 5.0  # to connect, and between two bytes
Resolve = Callable[[str, int], Iterable[str]]
_T = TypeVar("_T")


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL that was checked."""

    url: str  # with the address in place of the name
    host_header: str
    sni: str

    @property
    def headers(self) -> dict[str, str]:
        """Headers to send with every request to it."""
        return {"host": self.host_header, "accept-encoding": "identity"}

    @property
    def extensions(self) -> dict[str, str]:
        """The name that the server's certificate is to have."""
        return {"sni_hostname": self.sni}


@dataclass(frozen=True, kw_only=True)
class SafeClient:
    """Reaches public hosts, and private ones that the settings name."""

    private_hosts: frozenset[str] = frozenset()  # host:port
    url_hosts: frozenset[str] = frozenset()  # downloads come from these alone; "*": from any
    resolve: Resolve = field(default=resolve)

    def check(self, url: str, *, field_name: str) -> Target:
        """Resolve and check a URL.

        Raises:
            InvalidRequest: it is not http or https, or leads to a private address.
        """
        try:
            parts = httpx.URL(url)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise _refused(url, field_name, str(error)) from error
        host = parts.raw_host.decode("ascii")
        if parts.scheme not in ("http", "https") or not host:
            raise _refused(url, field_name, "it is no http or https URL")
        if parts.userinfo:
            raise _refused(url, field_name, "it carries a user name")
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        if port > _LAST_PORT:
            raise _refused(url, field_name, f"it has the port {port}")
        address = self._address(url, host, port, field_name)
        shown = f"[{address}]" if ":" in address else address
        return Target(
            url=f"{parts.scheme}://{shown}:{port}{parts.raw_path.decode('ascii')}",
            host_header=parts.netloc.decode("ascii"),
            sni=host,
        )

    def _address(self, url: str, host: str, port: int, field_name: str) -> str:
        try:
            addresses = list(self.resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise _refused(url, field_name, f"{host} has no address") from error
        if f"{host}:{port}" in self.private_hosts:
            return addresses[0]
        for address in addresses:
            if not is_public(address):
                raise _refused(url, field_name, f"{host} is no public host")
        if not addresses:
            raise _refused(url, field_name, f"{host} has no address")
        return addresses[0]

    def download(
        self, url: str, to: Path, *, max_bytes: int, within_s: float, field_name: str
    ) -> None:
        """Fetch a file.

        Raises:
            InvalidRequest: the URL, or one that it redirects to, is refused.
            TooLarge: it has more bytes.
            Unprocessable: it cannot be fetched, or not in time.
        """
        try:
            _run(self._fetched(url, to, max_bytes, field_name), within_s)
        except TimeoutError as error:
            raise _unfetched(url, field_name, "it takes too long") from error

    async def _fetched(self, url: str, to: Path, max_bytes: int, field_name: str) -> None:
        for _ in range(MOST_REDIRECTS + 1):
            target = self.check(url, field_name=field_name)
            self._require_listed(url, target, field_name)
            try:
                async with (
                    self._client() as client,
                    client.stream(
                        "GET", target.url, headers=target.headers, extensions=target.extensions
                    ) as answer,
                ):
                    if answer.is_redirect:
                        url = str(httpx.URL(url).join(answer.headers.get("location", "")))
                        continue
                    if answer.status_code != httpx.codes.OK:
                        raise _unfetched(url, field_name, f"status {answer.status_code}")
                    await _write(answer, to, max_bytes, url, field_name)
                    return
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                raise _unfetched(url, field_name, type(error).__name__) from error
        raise _unfetched(url, field_name, f"more than {MOST_REDIRECTS} redirects")

    def _require_listed(self, url: str, target: Target, field_name: str) -> None:
        port = httpx.URL(target.url).port
        if "*" in self.url_hosts or target.sni in self.url_hosts:
            return
        if f"{target.sni}:{port}" not in self.private_hosts:
            raise _refused(url, field_name, f"{target.sni} is not among the hosts of inputs")

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, within_s: float) -> int:
        """Send a body, follow no redirect, read no answer, and return the status; 0: none came."""
        try:
            return _run(self._status_of(url, body, headers), within_s)
        except (InvalidRequest, httpx.HTTPError, TimeoutError, UnicodeError):
            return 0

    async def _status_of(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        target = self.check(url, field_name="webhook.url")
        async with (
            self._client() as client,
            client.stream(
                "POST",
                target.url,
                content=body,
                headers={**target.headers, **headers},
                extensions=target.extensions,
            ) as answer,
        ):
            return answer.status_code

    @staticmethod
    def _client() -> httpx.AsyncClient:
        # Proxies of the environment would be asked for the name once more.
        return httpx.AsyncClient(timeout=_SILENT_S, follow_redirects=False, trust_env=False)


def _run(work: Coroutine[Any, Any, _T], within_s: float) -> _T:
    """Do the work in a loop of its own.

    Raises:
        TimeoutError: it is not done in time.
    """

    async def bounded() -> _T:
        async with asyncio.timeout(within_s):
            return await work

    return asyncio.run(bounded())


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    embedded = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    if embedded is not None:
        return is_public(str(embedded))
    if isinstance(parsed, ipaddress.IPv6Address) and parsed in ipaddress.ip_network("64:ff9b::/96"):
        return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


async def _write(
    answer: httpx.Response, to: Path, max_bytes: int, url: str, field_name: str
) -> None:
    written = 0
    with to.open("wb") as file:
        async for chunk in answer.aiter_raw():
            written += len(chunk)
            if written > max_bytes:
                raise TooLarge(
                    f"{url} has more than {max_bytes} bytes; accepted: at most that",
                    field=field_name,
                )
            file.write(chunk)


def _refused(url: str, field_name: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"{url[:200]!r}: {why}; accepted: an http or https URL of a public host",
        field=field_name,
        code="URL_NOT_ALLOWED",
    )


def _unfetched(url: str, field_name: str, why: str) -> Unprocessable:
    return Unprocessable(
        f"{url[:200]} could not be fetched: {why}", field=field_name, code="URL_NOT_FETCHED"
    )
