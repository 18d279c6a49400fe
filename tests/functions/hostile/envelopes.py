"""Requests that are CloudEvents in an odd way, or none: structured, binary, headers, paths."""

import base64
import gzip
import json
import math
from collections.abc import Iterator

from tests.functions.hostile.events import document, part
from tests.functions.hostile.message import (
    ACKNOWLEDGED,
    ATTRIBUTES,
    BINARY,
    EITHER,
    JSON,
    LONG,
    PROTOBUF,
    REFUSED,
    STRUCTURED,
    VICTIM,
    Message,
    valid,
)
from tests.functions.wire import name_of

BEFORE_ALL_YEARS = "0001-01-01T00:00:00+23:59"


def structured() -> Iterator[Message]:
    def enveloped(**changes: object) -> bytes:
        attributes: dict[str, object] = {**ATTRIBUTES, "data": {}}
        return json.dumps({**attributes, **changes}).encode()

    data = base64.b64encode(valid()).decode()
    bodies: dict[str, tuple[bytes, set[int]]] = {
        "protobuf in base64": (enveloped(data=None, data_base64=data), ACKNOWLEDGED),
        "base64 that is none": (enveloped(data=None, data_base64="$$$"), EITHER),
        "base64 that is a number": (enveloped(data=None, data_base64=7), EITHER),
        "no attributes": (b"{}", REFUSED),
        "an empty body": (b"", REFUSED),
        "a list": (b"[]", REFUSED),
        "a number": (b"5", REFUSED),
        "null": (b"null", REFUSED),
        "no JSON": (b"{", REFUSED),
        "no UTF-8": (b"\xff\xfe\xff", REFUSED),
        "UTF-16": (enveloped().decode().encode("utf-16"), EITHER),
        "a byte order mark": (b"\xef\xbb\xbf" + enveloped(), EITHER),
        "lists 100,000 deep": (b"[" * 100_000, REFUSED),
        "maps 50,000 deep": (b'{"a":' * 50_000, REFUSED),
        "data 50,000 deep": (enveloped()[:-3] + b'{"a":' * 50_000, REFUSED),
        "a number of 10,000 digits": (enveloped()[:-3] + b"9" * 10_000 + b"}", REFUSED),
        "every key twice": (enveloped()[:-1] + b"," + enveloped()[1:], ACKNOWLEDGED),
        "an id that is a list": (enveloped(id=[1, [2]]), EITHER),
        "a long id": (enveloped(id=LONG), ACKNOWLEDGED),
        "a version that is a list": (enveloped(specversion=["1.0"]), REFUSED),
        "a version that is a map": (enveloped(specversion={}), REFUSED),
        "a version to come": (enveloped(specversion="2.0"), REFUSED),
        "extensions": (enveloped(extensions={"a": 1}, x=[LONG]), EITHER),
        "keys that are words of Python": (enveloped(self=1, attributes=2, cls=3), EITHER),
    }
    for number, time in enumerate(("soon", 5, [1], BEFORE_ALL_YEARS)):
        bodies[f"a time {number}"] = (enveloped(time=time, data=_deletion()), EITHER)
    for name, content in _json_data().items():
        bodies[f"data: {name}"] = (enveloped(data=content), ACKNOWLEDGED)
    for name, (body, answers) in bodies.items():
        yield Message(name=name, body=body, answers=answers, headers=STRUCTURED)
    for name, content in _json_data().items():
        body = json.dumps(content).encode()
        yield Message(name=f"binary data: {name}", body=body, answers=EITHER, headers=JSON)


def _deletion() -> dict[str, object]:
    return {"oldValue": {"name": name_of(VICTIM, collection="users"), "fields": {}}}


def _json_data() -> dict[str, object]:
    def about(**document: object) -> dict[str, object]:
        return {"value": {"name": name_of("nobody"), **document}}

    def holding(**value: object) -> dict[str, object]:
        return about(fields={"userId": value})

    return {
        "a text": "text", "a number": 5, "a list": [[]], "null": None, "true": True,
        "value is a list": {"value": []}, "name is a map": {"value": {"name": {}}},
        "fields is a list": about(fields=[1]), "a field is a text": about(fields={"userId": "x"}),
        "an integer too large": holding(integerValue="9" * 40),
        "an integer that is none": holding(integerValue="x"),
        "NaN": holding(doubleValue=math.nan), "infinity": holding(doubleValue="Infinity"),
        "a moment that is none": holding(timestampValue="soon"),
        "bytes that are none": holding(bytesValue="$"),
        "half a surrogate pair": holding(stringValue="\ud800"),
        "two kinds": holding(stringValue="x", integerValue=1),
        "an unknown kind": holding(futureValue=1), "maps 150 deep": holding(**_deep_json(150)),
        "another database": {"value": {"name": name_of(VICTIM, database="x")}},
    }  # fmt: skip


def _deep_json(depth: int) -> dict[str, object]:
    value: dict[str, object] = {"nullValue": None}
    for _ in range(depth):
        value = {"mapValue": {"fields": {"a": value}}}
    return value


def envelopes() -> Iterator[Message]:
    """Binary ones with something missing or odd about them."""
    for name in BINARY:
        headers = {key: value for key, value in PROTOBUF.items() if key != name}
        answers = ACKNOWLEDGED if name == "ce-time" else REFUSED
        yield Message(name=f"without {name}", body=valid(), answers=answers, headers=headers)
    odd: dict[str, dict[str, str]] = {
        "no headers": {},
        "version 9": {**PROTOBUF, "ce-specversion": "9"},
        "another type": {**PROTOBUF, "ce-type": "google.storage.object.v1.finalized"},
        "no type of content": BINARY,
    }
    for name, headers in odd.items():
        yield Message(name=name, body=valid(), answers=EITHER | {415}, headers=headers)
    for kind in _CONTENT_TYPES:
        headers = {**PROTOBUF, "content-type": kind}
        yield Message(name=f"protobuf as {kind}", body=valid(), answers=EITHER, headers=headers)
    for name, body in {"packed": valid(), "a bomb": bytes(5_000_000)}.items():
        headers = {**PROTOBUF, "content-encoding": "gzip"}
        packed = gzip.compress(body, mtime=0)
        yield Message(name=name, body=packed, answers=ACKNOWLEDGED, headers=headers)
    for encoding in ("br", "gzip, gzip", "\u00e9", "x" * 5000):
        headers = {**PROTOBUF, "content-encoding": encoding}
        yield Message(name=f"as {encoding[:9]}", body=valid(), answers={415}, headers=headers)
    yield Message(name="33 MiB", body=bytes(33 << 20), answers={413})


def headers_and_paths() -> Iterator[Message]:
    """Odd times and traces of a deletion that was none, odd paths and methods."""
    deleted = part(2, document(name_of(VICTIM)))
    for number, moment in enumerate(["", "soon", "9" * 1000, BEFORE_ALL_YEARS]):
        headers = {**PROTOBUF, "ce-time": moment}
        yield Message(name=f"time {number}", body=deleted, answers=ACKNOWLEDGED, headers=headers)
    for number, trace in enumerate(["x", "00-" + "0" * 32 + "-0-00", "00-" + "f" * 60_000]):
        headers = {**PROTOBUF, "traceparent": trace, "x-cloud-trace-context": trace}
        answers = {200, 431}  # a server's own limit of headers
        yield Message(name=f"trace {number}", body=deleted, answers=answers, headers=headers)
    task = json.dumps({"avatarId": VICTIM}).encode()
    yield Message(name="a task", body=task, answers={404}, path="/render")
    yield Message(name="a task at /health", body=task, answers=ACKNOWLEDGED, path="/health")
    for path in ("/render/", "//render", "/%2e%2e/render", "/../render", "/" + "x/" * 2000):
        yield Message(name=f"at {path[:20]}", body=valid(), answers={200, 308, 404}, path=path)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        yield Message(name=method, body=valid(), answers={404, 405}, method=method)


_CONTENT_TYPES = (
    "application/json",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/protobuf; charset=nonsense",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "text/plain",
    "x",
)
