"""What a request asks for, told from its method, query and headers. What is not known is refused.

A write whose intention is not recognised would otherwise be taken for a write of its body.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from emulator.storage.errors import BadRequest, NotEmulated, StorageError

OVERRIDE = "x-http-method-override"
_OTHER_OVERRIDES = ("x-http-method", "x-method-override")
_OVERRIDABLE = ("POST", "PUT")
_METHODS = ("GET", "PATCH", "PUT", "POST", "DELETE")
_STANDARD_QUERY = (
    "key oauth_token access_token prettyPrint quotaUser trace userIp $.xgafv userProject"
)
_STANDARD_HEADERS = (
    "api-client api-key user-project request-params request-reason gcs-idempotency-token"
)
_FREE_PREFIXES = ("x-goog-custom-audit-",)
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
_HTTP_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a call knows: query parameters with the values accepted (none: all), and headers.

    `prefixes` are beginnings of headers.
    """

    query: Mapping[str, tuple[str, ...]]
    headers: frozenset[str]
    prefixes: tuple[str, ...] = _FREE_PREFIXES
    refusal: type[StorageError] = BadRequest


def known(
    query: str = "",
    headers: str = "",
    prefixes: str = "",
    refusal: type[StorageError] = BadRequest,
) -> Known:
    """Make a `Known` of words: `name` or `name=value|value`; headers without their `x-goog-`."""
    words = (word.partition("=") for word in f"{query} {_STANDARD_QUERY}".split())
    return Known(
        query={name: tuple(filter(None, values.split("|"))) for name, _, values in words},
        headers=frozenset(f"x-goog-{name}" for name in f"{headers} {_STANDARD_HEADERS}".split()),
        prefixes=(*_FREE_PREFIXES, *(f"x-goog-{name}" for name in prefixes.split())),
        refusal=refusal,
    )


def check_request(request: Request, method: str, accepted: Known) -> None:
    """Check that a request asks for nothing but what a call knows.

    Raises:
        StorageError: it has another query parameter, value, or header of Google's or Amazon's; or
            a write has one of HTTP's own conditions.
    """
    _check_query(request, method, accepted)
    for name in request.headers:
        is_verb = name.startswith(("x-goog-", "x-amz-"))
        is_known = name in accepted.headers or name.startswith(accepted.prefixes)
        if is_verb and not is_known:
            raise accepted.refusal(f"The emulator does not know the header {name} on {method}")
    for name in _HTTP_CONDITIONS:
        if method in _WRITING and name in request.headers:
            raise NotEmulated(f"The emulator does not evaluate {name} on {method}")


def _check_query(request: Request, method: str, accepted: Known) -> None:
    seen = set()
    for name, value in request.query_params.multi_items():
        if name not in accepted.query:
            raise accepted.refusal(
                f"The emulator does not know the query parameter {name} on {method} "
                f"{request.url.path}"
            )
        values = accepted.query[name]
        if values and value not in values and value.lower() not in values:  # Python sends "True"
            raise accepted.refusal(
                f'The query parameter {name} is "{value}"; accepted: {", ".join(values)}'
            )
        if name in seen:
            raise BadRequest(f"The query parameter {name} is there twice")
        seen.add(name)


async def recognised(request: Request) -> Request:
    """Return the request with the method that it means: clients may send another in a header.

    A GET that is sent so may have its query in the body, as a form.

    Raises:
        BadRequest: the header is on a method, or names one, that it cannot replace.
        NotEmulated: it is another header of this kind.
    """
    for name in _OTHER_OVERRIDES:
        if name in request.headers:
            raise NotEmulated(f"The emulator does not know the header {name}")
    override = request.headers.get(OVERRIDE)
    if override is None or override.upper() == request.method:
        return request
    meant = override.upper()
    if request.method not in _OVERRIDABLE or meant not in _METHODS:
        raise BadRequest(
            f'{OVERRIDE} is "{override}" on {request.method}; accepted: one of '
            f"{', '.join(_METHODS)}, on {' or '.join(_OVERRIDABLE)}"
        )
    scope = {**request.scope, "method": meant}
    if meant == "GET" and request.headers.get("content-type", "").startswith(_FORM):
        form = await request.body()
        scope["query_string"] = b"&".join(filter(None, (scope["query_string"], form)))
    return Request(scope, request.receive)
