"""Google's Firestore emulator as a judge of `firestore.rules`: who may do what, asked over REST.

A client is told from another by an unsigned token, as the emulator takes them; the token `owner`
is the server's and passes by all rules. Knows no rule.
"""

import base64
import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PROJECT = "demo-rules"
SERVER = "owner"


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
    """A Firestore emulator that applies rules.

    Args:
        address: its host:port.
        project: whose database is asked.
    """

    def __init__(self, address: str, project: str = PROJECT) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=30)
        self._project = project
        self._root = f"projects/{project}/databases/(default)/documents"

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def apply(self, rules: str) -> None:
        """Put rules in place of those before.

        Raises:
            RulesInvalid: the compiler has anything to say.
        """
        body = {"rules": {"files": [{"name": "firestore.rules", "content": rules}]}}
        path = f"/emulator/v1/projects/{self._project}:securityRules"
        status, answer = self._request("PUT", path, SERVER, body)
        if status != 200 or answer.get("issues"):
            raise RulesInvalid(json.dumps(answer, indent=1))

    def seed(self, documents: Iterable[tuple[str, Mapping[str, Any] | None]]) -> None:
        """Make documents stand as given, None for not at all, past all rules."""
        writes = [
            {"delete": self._name(path)} if fields is None else _whole(self._name(path), fields)
            for path, fields in documents
        ]
        self._judged(SERVER, f"/v1/{self._root}:commit", {"writes": writes})

    def allows(self, who: str | None, action: Action, path: str) -> bool:
        """Whether the client may do it; the emulator does it where it does.

        Args:
            who: the user's id, `SERVER`, or None for nobody.
            action: what is tried.
            path: the document, as `avatars/7`.

        Raises:
            AssertionError: the answer is neither yes nor a refusal by the rules.
        """
        name = self._name(path)
        match action:
            case Read():
                return self._judged(who, f"/v1/{self._root}:batchGet", {"documents": [name]})
            case Query():
                parent = "/".join(name.split("/")[:-2])
                return self._judged(who, f"/v1/{parent}:runQuery", _query(action, path))
            case Create(fields=fields):
                write = {**_whole(name, fields), "currentDocument": {"exists": False}}
            case Update(fields=fields):
                write = {**_masked(name, fields), "currentDocument": {"exists": True}}
            case Merge(fields=fields):
                write = _masked(name, dict(_leaves("", fields)))
            case Replace(fields=fields):
                write = _whole(name, fields)
            case Delete():
                write = {"delete": name}
        return self._judged(who, f"/v1/{self._root}:commit", {"writes": [write]})

    def _name(self, path: str) -> str:
        return f"{self._root}/{path}"

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
            headers["Authorization"] = authorization(who)
        self._connection.request(method, path, json.dumps(body), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text or b"{}")


def authorization(who: str) -> str:
    """The header by which the emulators take a request for this user's, or for the server's."""
    if who == SERVER:
        return f"Bearer {SERVER}"
    claims = {"sub": who, "user_id": who, "aud": PROJECT, "iat": 0, "exp": 1 << 32}
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return "Bearer " + ".".join([*(part.decode() for part in encoded), ""])


def _whole(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"update": {"name": name, "fields": _fields(fields)}}


def _masked(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """An update of dotted paths, with the mask that goes with it."""
    nested: dict[str, Any] = {}
    for dotted, value in fields.items():
        *parents, last = dotted.split(".")
        if value is not GONE:
            place = nested
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
    return {**_whole(name, nested), "updateMask": {"fieldPaths": list(fields)}}


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
        case datetime():
            return {"timestampValue": plain.strftime("%Y-%m-%dT%H:%M:%SZ")}
        case list():
            return {"arrayValue": {"values": [_value(one) for one in plain]}}
    return {"mapValue": {"fields": _fields(plain)}}
