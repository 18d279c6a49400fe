"""Policies of HTML forms: what a signed form may upload, and until when. Pure.

The signature itself is not checked: the emulator has no keys.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from emulator.storage.errors import BadRequest, ExpiredToken, Forbidden

_UNCHECKED = ("policy", "x-goog-signature", "signature", "file", "googleaccessid")
_IGNORED_PREFIX = "x-ignore-"


def check_policy(fields: Mapping[str, str], size_bytes: int, now_s: float) -> None:
    """Check a form against its policy; a form without one passes.

    Raises:
        BadRequest: the policy is malformed, or the size is outside of its range.
        ExpiredToken: it has expired.
        Forbidden: a condition does not hold, or a field is in none.
    """
    if "policy" not in fields:
        return
    policy = _decoded(fields["policy"])
    if datetime.fromtimestamp(now_s, UTC) > _moment(policy.get("expiration")):
        raise ExpiredToken("Invalid argument: the policy has expired")
    named = set()
    for condition in _conditions(policy):
        operator, name, value = condition
        if operator == "content-length-range":
            _check_size(size_bytes, name, value)
            continue
        name = str(name).lower().removeprefix("$")
        named.add(name)
        _check_field(operator, name, str(value), fields.get(name, ""))
    for name in fields:
        if name not in named and name not in _UNCHECKED and not name.startswith(_IGNORED_PREFIX):
            raise Forbidden(f"Policy did not reference the field {name}")


def _decoded(policy: str) -> dict[str, Any]:
    try:
        decoded = json.loads(base64.b64decode(policy, validate=True))
    except ValueError as error:
        raise BadRequest(f"The policy is no base64 of JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise BadRequest("The policy is no JSON object")
    return decoded


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise BadRequest(f"The policy's expiration is {text!r}; accepted: ISO 8601") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _conditions(policy: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    found = []
    for condition in policy.get("conditions", []):
        match condition:
            case dict():
                found += [("eq", name, value) for name, value in condition.items()]
            case [("eq" | "starts-with" | "content-length-range") as operator, name, value]:
                found.append((operator, name, value))
            case _:
                raise BadRequest(f"A condition of the policy is {condition!r}")
    return found


def _check_size(size_bytes: int, least: Any, most: Any) -> None:
    if not int(least) <= size_bytes <= int(most):
        raise BadRequest(
            f"Content-length is {size_bytes}; the policy accepts {least} to {most} bytes"
        )


def _check_field(operator: str, name: str, expected: str, value: str) -> None:
    holds = value == expected if operator == "eq" else value.startswith(expected)
    if not holds:
        raise Forbidden(
            f'Policy condition failed: ["{operator}", "${name}", "{expected}"]; it is "{value}"'
        )
