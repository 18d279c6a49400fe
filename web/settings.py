"""What the environment says, read once: addresses, keys, limits."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from liveportrait_core import Engine

_DIGEST = re.compile(r"[0-9a-f]{64}")
_QUEUE = re.compile(r"projects/[^/\s]+/locations/[a-z0-9-]+/queues/[A-Za-z0-9-]{1,100}")
_ORIGIN = re.compile(r"https?://[^/\s?#]+")
_ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_BUCKET = re.compile(r"[^/\s]+")
ENGINES = ("auto", *(engine.value for engine in Engine))
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class InvalidSetting(ValueError):
    """A setting has a value that is not accepted."""


@dataclass(frozen=True, kw_only=True)
class CloudSettings:
    """A deployed function whose queue, renderer and bucket render generations too."""

    queue: str  # projects/P/locations/L/queues/Q
    renderer_url: str  # its base URL; also the audience of the tasks' tokens
    service_account: str  # the e-mail in whose name the queue calls
    bucket: str

    def __post_init__(self) -> None:
        for name, pattern, accepted in (
            ("QUEUE", _QUEUE, "projects/PROJECT/locations/LOCATION/queues/QUEUE"),
            ("RENDERER_URL", _ORIGIN, "https://HOST, the renderer's base URL"),
            ("SERVICE_ACCOUNT", _ACCOUNT, "the e-mail in whose name the queue calls the renderer"),
            ("BUCKET", _BUCKET, "the name of the function's bucket"),
        ):
            value = getattr(self, name.lower())
            if not pattern.fullmatch(value):
                raise InvalidSetting(f"AVATAR_WEB_{name} is {value!r}; accepted: {accepted}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the API is served. The defaults serve one machine alone."""

    data: Path  # generations and their files
    host: str = "127.0.0.1"
    port: int = 7860
    engine: str = "auto"  # as on the command line
    weights: Path = Path("weights")
    public_url: str = ""  # where clients reach it; "": http://host:port
    key_digests: frozenset[str] = frozenset()  # SHA-256 of each accepted bearer key, hex
    url_hosts: frozenset[str] = frozenset()  # inputs by URL come from these; "*": any public one
    private_hosts: frozenset[str] = frozenset()  # host:port, taken although not public
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)  # whsec_…; all of them sign
    max_queued: int = 1000
    requests_per_minute: int = 600  # of one key
    result_ttl_s: float = 86_400.0
    wait_limit_s: float = 600.0  # of `POST /animate`, and of `Prefer: wait`
    accepted_licences: frozenset[str] = frozenset()  # methods of talking, of those not free
    method_limit_s: float = 600.0  # that a method of talking may take, beyond the drawing
    usd_per_hour: float | None = None  # of what renders, for estimates; None: they tell no price
    cloud: CloudSettings | None = None  # None: this process renders

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise InvalidSetting(f"engine is {self.engine!r}; accepted: {', '.join(ENGINES)}")
        if self.host not in LOOPBACK and not self.key_digests:
            raise InvalidSetting(
                f"host is {self.host}, and no key is set: anybody who reaches it could render; "
                "accepted: AVATAR_WEB_KEYS with the SHA-256 of a key, or 127.0.0.1"
            )
        for digest in self.key_digests:
            if not _DIGEST.fullmatch(digest):
                raise InvalidSetting(
                    f"a key of AVATAR_WEB_KEYS has {len(digest)} characters; accepted: SHA-256 "
                    "digests, 64 hexadecimal digits each, separated by commas"
                )
        for secret in self.webhook_secrets:
            if not secret.startswith("whsec_"):
                raise InvalidSetting(
                    "a secret of AVATAR_WEB_WEBHOOK_SECRETS does not begin with whsec_; accepted: "
                    "whsec_ and base64, separated by blanks"
                )


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `AVATAR_WEB_…`; what is not set keeps its default.

    Raises:
        InvalidSetting: names the variable and what would be accepted.
    """

    def text(name: str, default: str) -> str:
        return environment.get(f"AVATAR_WEB_{name}", "").strip() or default

    def number(name: str, default: float) -> float:
        value = text(name, str(default))
        try:
            read = float(value)
        except ValueError:
            read = -1.0
        if not 0 < read < float("inf"):
            raise InvalidSetting(f"AVATAR_WEB_{name} is {value!r}; accepted: a number above 0")
        return read

    def names(name: str) -> frozenset[str]:
        return frozenset(filter(None, (part.strip() for part in text(name, "").split(","))))

    defaults = Settings(data=Path("out/web"))
    return Settings(
        data=Path(text("DATA", str(defaults.data))),
        host=text("HOST", defaults.host),
        port=int(number("PORT", defaults.port)),
        engine=text("ENGINE", defaults.engine),
        weights=Path(text("WEIGHTS", str(defaults.weights))),
        public_url=text("PUBLIC_URL", "").rstrip("/"),
        key_digests=names("KEYS"),
        url_hosts=names("URL_HOSTS"),
        private_hosts=names("PRIVATE_HOSTS"),
        webhook_secrets=tuple(text("WEBHOOK_SECRETS", "").split()),
        max_queued=int(number("MAX_QUEUED", defaults.max_queued)),
        requests_per_minute=int(number("REQUESTS_PER_MINUTE", defaults.requests_per_minute)),
        result_ttl_s=number("RESULT_TTL_S", defaults.result_ttl_s),
        wait_limit_s=number("WAIT_LIMIT_S", defaults.wait_limit_s),
        accepted_licences=names("ACCEPTED_LICENCES"),
        method_limit_s=number("METHOD_LIMIT_S", defaults.method_limit_s),
        usd_per_hour=number("USD_PER_HOUR", 1.0) if text("USD_PER_HOUR", "") else None,
        cloud=CloudSettings(
            queue=text("QUEUE", ""),
            renderer_url=text("RENDERER_URL", "").rstrip("/"),
            service_account=text("SERVICE_ACCOUNT", ""),
            bucket=text("BUCKET", ""),
        )
        if text("QUEUE", "")
        else None,
    )
