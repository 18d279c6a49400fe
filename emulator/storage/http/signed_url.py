"""Signed URLs, both versions: their form and their lifetime. Pure.

The signature itself is not checked: the emulator has no keys.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from emulator.storage.errors import BadRequest, ExpiredToken

_V4 = ("Credential", "Date", "Expires", "SignedHeaders", "Signature")
_V2 = ("GoogleAccessId", "Signature")
_LONGEST_S = 7 * 24 * 3600


def check_signature(query: Mapping[str, str], headers: Mapping[str, str], now_s: float) -> None:
    """Check a signed request; one that carries no signature passes.

    Raises:
        BadRequest: a part is missing or malformed, or a signed header was not sent.
        ExpiredToken: it has expired.
    """
    if "X-Goog-Algorithm" in query:
        _check_v4(query, headers, now_s)
    elif "Expires" in query:
        _require(query, _V2, "")
        if now_s > _number("Expires", query["Expires"]):
            raise ExpiredToken


def _check_v4(query: Mapping[str, str], headers: Mapping[str, str], now_s: float) -> None:
    _require(query, _V4, "X-Goog-")
    lifetime = _number("X-Goog-Expires", query["X-Goog-Expires"])
    if not 1 <= lifetime <= _LONGEST_S:
        raise BadRequest(f"X-Goog-Expires is {lifetime}; accepted: 1 to {_LONGEST_S} seconds")
    try:
        begun = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadRequest(
            f'X-Goog-Date is "{query["X-Goog-Date"]}"; accepted: such as 20261120T100000Z'
        ) from error
    for name in query["X-Goog-SignedHeaders"].split(";"):
        if name not in headers:
            raise BadRequest(f"Header {name} was signed but not sent")
    if now_s > begun.timestamp() + lifetime:
        raise ExpiredToken


def _require(query: Mapping[str, str], names: tuple[str, ...], prefix: str) -> None:
    for name in names:
        if not query.get(prefix + name):
            raise BadRequest(f"The signed URL lacks {prefix}{name}")


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise BadRequest(f'{name} is "{text}"; accepted: a whole number of seconds')
    return int(text)
