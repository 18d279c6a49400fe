"""Tasks whose body names no avatar, or whose token is forged."""

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

from tests.functions.cloud.issuer import ACCOUNT, Issuer
from tests.functions.hostile.message import LONG, VICTIM, Message

_TASKS = "/render"
_JSON = {"content-type": "application/json"}
_HONEST = json.dumps({"avatarId": VICTIM}).encode()


_REFUSED_BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a map": b"{}",
    "null": b"null",
    "a number": b"5",
    "a text": b'"victim"',
    "no UTF-8": b'{"avatarId": "\xff"}',
    "lists 16,000 deep": b"[" * 16_000,
    "maps 3,000 deep": b'{"a":' * 3_000,
    "a number of 10,000 digits": b"9" * 10_000,
    "too much space": _HONEST + b" " * 20_000,
    "a packed body": gzip.compress(_HONEST, mtime=0),
    "a form": b"avatarId=victim",
    "protobuf": b"\x0a\x06victim",
    "two bodies": _HONEST + _HONEST,
    "NaN": b'{"avatarId": NaN}',
    "another key": b'{"avatarid": "victim"}',
    "zeros": bytes(16_000),
    "a megabyte": json.dumps({"avatarId": LONG}).encode(),
}
_REFUSED_IDS: tuple[object, ...] = (
    *("", "a/b", "..", ".", "__x__", "../livePortraitJobs/victim", "x" * 1501, "😀" * 376),
    *("\ud800", 7, 1.5, True, None, ["victim"], {"id": "victim"}),
)
_ODD_BODIES = {
    "an id of control characters": b'{"avatarId": "a\\u0000\\n\\u001b[31m"}',
    "an id from right to left": b'{"avatarId": "\\u202ea"}',
    "an id that looks like a path": b'{"avatarId": "%2e%2e%2fvictim"}',
    "more than an id": _HONEST[:-1] + b', "fingerprint": "f", "url": "' + b"x" * 9_000 + b'"}',
    "an id twice": b'{"avatarId": "nobody", "avatarId": "victim"}',
}


def bodies() -> Iterator[Message]:
    """With the queue's own token."""
    for name, body in _REFUSED_BODIES.items():
        yield Message(name=name, body=body, answers={400}, headers=_JSON, path=_TASKS)
    for number, avatar_id in enumerate(_REFUSED_IDS):
        body = json.dumps({"avatarId": avatar_id}).encode()
        yield Message(name=f"id {number}", body=body, answers={400}, headers=_JSON, path=_TASKS)
    for name, body in _ODD_BODIES.items():
        yield Message(name=name, body=body, answers={204}, headers=_JSON, path=_TASKS)
    for method in ("GET", "PUT", "DELETE"):
        yield Message(name=method, body=_HONEST, answers={405}, method=method, path=_TASKS)
    for path in ("/", "/render/", "/Render", "/render/x", "/render%2f"):
        yield Message(name=path, body=_HONEST, answers={400, 404}, headers=_JSON, path=path)


def tokens(issuer: Issuer) -> Iterator[Message]:
    """For an honest body."""
    for name, authorization in (_torn(issuer.token()) | _false(issuer)).items():
        yield _bearing(name, authorization, {401})
    others: dict[str, dict[str, Any]] = {
        "another account": {"email": f"x{ACCOUNT}"},
        "no account": {"email": None},
        "a list of accounts": {"email": [ACCOUNT]},
        "another receiver": {"aud": "https://x"},
        "a long receiver": {"aud": LONG[:50_000]},
        "not verified": {"email_verified": "true"},
        "another issuer": {"iss": "https://accounts.google.com.example"},
    }
    for name, changes in others.items():
        yield _bearing(name, f"Bearer {issuer.token(**changes)}", {403})


def _torn(token: str) -> dict[str, str | None]:
    head, claims, signature = token.split(".")
    torn: dict[str, str | None] = {
        "no token": None,
        "an empty token": "",
        "a word": "Bearer x",
        "two dots": "Bearer ..",
        "another scheme": f"Basic {token}",
        "no scheme": token,
        "two tokens": f"Bearer {token} {token}",
        "no signature": f"Bearer {head}.{claims}.",
        "claims twice": f"Bearer {head}.{claims}.{claims}",
        "a removed signature": f"Bearer {head}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE",
        "no base64": f"Bearer $.{claims}.{signature}",
        "a part more": f"Bearer {token}.x",
        "a deep head": f"Bearer {_encoded(b'[' * 20_000)}.{claims}.{signature}",
        "deep claims": f"Bearer {head}.{_encoded(b'[' * 20_000)}.{signature}",
        "a long head": f"Bearer {'A' * 60_000}.{claims}.{signature}",
    }
    algorithms: tuple[object, ...] = ("none", "HS256", ["RS256"], {})
    keys: tuple[object, ...] = (["one"], {}, 1, "../../one")
    heads: list[dict[str, object]] = [{"alg": each, "kid": "one"} for each in algorithms]
    heads += [{"alg": "RS256", "kid": each} for each in keys]
    for number, made in enumerate(heads):
        encoded = _encoded(json.dumps(made).encode())
        torn[f"head {number}"] = f"Bearer {encoded}.{claims}.{signature}"
    return torn


def _false(issuer: Issuer) -> dict[str, str]:
    now = 1_800_000_000
    return {
        "a strange key": f"Bearer {issuer.token('strange')}",
        "expired": f"Bearer {issuer.token(exp=1)}",
        "of the future": f"Bearer {issuer.token(iat=now * 5, exp=now * 5 + 3600)}",
        "a time that is text": f"Bearer {issuer.token(exp='soon')}",
        "a list of times": f"Bearer {issuer.token(iat=[1])}",
    }


def _bearing(name: str, authorization: str | None, answers: set[int]) -> Message:
    bearing = {} if authorization is None else {"authorization": authorization}
    return Message(name=name, body=_HONEST, answers=answers, headers=_JSON | bearing, path=_TASKS)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
