"""Requests to URLs that clients name, kept away from private addresses.

A name is resolved once, every address it gives must be public, and the connection goes to that very
address. Redirects are followed by hand, each checked like the first.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from web.errors import InvalidRequest, TooLarge, Unprocessable

MOST_REDIRECTS = 3
_CONNECT_S = 5.0
_CHUNK = 1 << 16
Resolve = Callable[[str, int], Iterable[str]]


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
            parts = urlsplit(url)
            port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        except ValueError as error:
            raise _refused(url, field_name, str(error)) from error
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host:
            raise _refused(url, field_name, "it is no http or https URL")
        if parts.username is not None or parts.password is not None:
            raise _refused(url, field_name, "it carries a user name")
        address = self._address(url, host, port, field_name)
        shown = f"[{address}]" if ":" in address else address
        path = parts.path or "/"
        query = f"?{parts.query}" if parts.query else ""
        return Target(
            url=f"{parts.scheme}://{shown}:{port}{path}{query}",
            host_header=parts.netloc,
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
        deadline = time.monotonic() + within_s
        for _ in range(MOST_REDIRECTS + 1):
            target = self.check(url, field_name=field_name)
            self._require_listed(url, target, field_name)
            with self._client() as client:
                try:
                    with client.stream(
                        "GET", target.url, headers=target.headers, extensions=target.extensions
                    ) as answer:
                        if answer.is_redirect:
                            url = urljoin(url, answer.headers.get("location", ""))
                            continue
                        if answer.status_code != httpx.codes.OK:
                            raise _unfetched(url, field_name, f"status {answer.status_code}")
                        _write(answer, to, max_bytes, deadline, url, field_name)
                        return
                except httpx.HTTPError as error:
                    raise _unfetched(url, field_name, type(error).__name__) from error
        raise _unfetched(url, field_name, f"more than {MOST_REDIRECTS} redirects")

    def _require_listed(self, url: str, target: Target, field_name: str) -> None:
        port = urlsplit(target.url).port
        if "*" in self.url_hosts or target.sni in self.url_hosts:
            return
        if f"{target.sni}:{port}" not in self.private_hosts:
            raise _refused(url, field_name, f"{target.sni} is not among the hosts of inputs")

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, within_s: float) -> int:
        """Send a body, follow no redirect, and return the status; 0: there was no answer."""
        try:
            target = self.check(url, field_name="webhook.url")
            with self._client(within_s) as client:
                answer = client.post(
                    target.url,
                    content=body,
                    headers={**target.headers, **headers},
                    extensions=target.extensions,
                )
                return answer.status_code
        except (InvalidRequest, httpx.HTTPError):
            return 0

    @staticmethod
    def _client(within_s: float = _CONNECT_S) -> httpx.Client:
        # Proxies of the environment would be asked for the name once more.
        return httpx.Client(timeout=within_s, follow_redirects=False, trust_env=False)


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


def _write(
    answer: httpx.Response, to: Path, max_bytes: int, deadline: float, url: str, field_name: str
) -> None:
    written = 0
    with to.open("wb") as file:
        for chunk in answer.iter_raw(_CHUNK):
            written += len(chunk)
            if written > max_bytes:
                raise TooLarge(
                    f"{url} has more than {max_bytes} bytes; accepted: at most that",
                    field=field_name,
                )
            if time.monotonic() > deadline:
                raise _unfetched(url, field_name, "it takes too long")
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
