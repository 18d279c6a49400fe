"""Google's Firestore emulator as a judge of `firestore.rules`: who may do what, asked over REST.

A client is told from another by an unsigned token, as the emulator takes them; the token `owner`
is the server's and passes by all rules. Knows no rule.
"""

import base64
import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.official import OfficialFirestore

PROJECT = "demo-rules"
SERVER = "owner"
_ROOT = f"projects/{PROJECT}/databases/(default)/documents"


class Gone:
    """The value of a field that a write removes."""


GONE = Gone()


@dataclass(frozen=True, kw_only=True)
class Read:
    """Fetch one document."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """Ask the document's collection for those whose `field` is `value`; no field: for all."""

    field: str | None = None
    value: object = None


@dataclass(frozen=True, kw_only=True)
class Create:
    """Write a document that must not exist yet."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Update:
    """Replace fields by their dotted paths; `GONE` removes one."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Deep-merge a whole model: every leaf of it replaces one field."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Replace:
    """Write a document whatever stood there."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Delete:
    """Delete a document."""


Action = Read | Query | Create | Update | Merge | Replace | Delete


class RulesInvalid(Exception):
    """The rules do not compile, or only with a warning; the message is the compiler's."""


class Judge:
    """The emulator with rules to apply."""

    def __init__(self, official: OfficialFirestore) -> None:
        self._connection = http.client.HTTPConnection(official.address, timeout=30)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def apply(self, rules: str) -> None:
        """Put rules in place of those before.

        Raises:
            RulesInvalid: the compiler has anything to say.
        """
        body = {"rules": {"files": [{"name": "firestore.rules", "content": rules}]}}
        path = f"/emulator/v1/projects/{PROJECT}:securityRules"
        status, answer = self._request("PUT", path, SERVER, body)
        if status != 200 or answer.get("issues"):
            raise RulesInvalid(json.dumps(answer, indent=1))

    def seed(self, documents: Iterable[tuple[str, Mapping[str, Any] | None]]) -> None:
        """Make documents stand as given, None for not at all, past all rules."""
        writes = [
            {"delete": f"{_ROOT}/{path}"} if fields is None else _whole(path, fields)
            for path, fields in documents
        ]
        self._judged(SERVER, f"/v1/{_ROOT}:commit", {"writes": writes})

    def allows(self, who: str | None, action: Action, path: str) -> bool:
        """Whether the client may do it; the emulator does it where it does.

        Args:
            who: the user's id, `SERVER`, or None for nobody.
            action: what is tried.
            path: the document, as `avatars/7`.

        Raises:
            AssertionError: the answer is neither yes nor a refusal by the rules.
        """
        match action:
            case Read():
                return self._judged(who, f"/v1/{_ROOT}:batchGet", {"documents": [_name(path)]})
            case Query():
                return self._judged(who, f"/v1/{_parent(path)}:runQuery", _query(action, path))
            case Create(fields=fields):
                write = {**_whole(path, fields), "currentDocument": {"exists": False}}
            case Update(fields=fields):
                write = {**_masked(path, fields), "currentDocument": {"exists": True}}
            case Merge(fields=fields):
                write = _masked(path, dict(_leaves("", fields)))
            case Replace(fields=fields):
                write = _whole(path, fields)
            case Delete():
                write = {"delete": _name(path)}
        return self._judged(who, f"/v1/{_ROOT}:commit", {"writes": [write]})

    def _judged(self, who: str | None, path: str, body: object) -> bool:
        status, answer = self._request("POST", path, who, body)
        if status == 403:
            return False
        if status != 200:
            raise AssertionError(f"{path} answered {status}: {answer}")
        return True

    def _request(self, method: str, path: str, who: str | None, body: object) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"}
        if who is not None:
            headers["Authorization"] = f"Bearer {who if who == SERVER else _token(who)}"
        self._connection.request(method, path, json.dumps(body), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text or b"{}")


def _token(user: str) -> str:
    parts = (
        {"alg": "none", "typ": "JWT"},
        {
            "sub": user,
            "user_id": user,
            "aud": PROJECT,
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "iat": 0,
            "exp": 1 << 32,
        },
    )
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return ".".join([*(part.decode() for part in encoded), ""])


def _name(path: str) -> str:
    return f"{_ROOT}/{path}"


def _parent(path: str) -> str:
    return "/".join([_ROOT, *path.split("/")[:-2]])


def _whole(path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"update": {"name": _name(path), "fields": _fields(fields)}}


def _masked(path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """An update of dotted paths, with the mask that goes with it."""
    nested: dict[str, Any] = {}
    for dotted, value in fields.items():
        *parents, last = dotted.split(".")
        if value is not GONE:
            place = nested
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
    return {**_whole(path, nested), "updateMask": {"fieldPaths": list(fields)}}


def _leaves(prefix: str, fields: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in fields.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _query(query: Query, path: str) -> dict[str, Any]:
    structured: dict[str, Any] = {"from": [{"collectionId": path.split("/")[-2]}]}
    if query.field is not None:
        structured["where"] = {
            "fieldFilter": {
                "field": {"fieldPath": query.field},
                "op": "EQUAL",
                "value": _value(query.value),
            }
        }
    return {"structuredQuery": structured}


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _value(value) for key, value in fields.items()}


def _value(plain: Any) -> dict[str, Any]:
    match plain:
        case None:
            return {"nullValue": None}
        case bool():
            return {"booleanValue": plain}
        case int():
            return {"integerValue": str(plain)}
        case float():
            named = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
            return {"doubleValue": named.get(str(plain), plain)}
        case str():
            return {"stringValue": plain}
        case list():
            return {"arrayValue": {"values": [_value(one) for one in plain]}}
    return {"mapValue": {"fields": _fields(plain)}}
