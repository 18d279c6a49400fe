"""Servers as URLs name them: scheme, host and port, in whichever spelling."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
# What a server may bind and no URL can name, and the loopback, which is part of it.
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (nothing is bound here)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The server that a URL names; `https://host:443` and `https://host` are one."""

    scheme: str
    host: str  # in lower case; an IPv6 address without brackets
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def reachable(self) -> "Origin":
        """The same server by a name that a client can connect to: never 0.0.0.0."""
        return replace(self, host=_UNSPECIFIED.get(self.host, self.host))


def origin_of(url: str) -> Origin:
    """Return the server that a URL names.

    Raises:
        ValueError: it names none, names a user too, or its scheme is another one than HTTP's.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"no server of HTTP: {url[:200]!r}")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    return Origin(scheme=parts.scheme, host=parts.hostname, port=port)
