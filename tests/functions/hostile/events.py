"""Events whose protobuf is damaged, deep, large, about another's document, or of odd values."""

import math
import random
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from tests.functions.hostile.message import ACKNOWLEDGED, LONG, VICTIM, Message, valid
from tests.functions.wire import event_data, fill, name_of


def tag(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


def varint(number: int) -> bytes:
    digits = []
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def part(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return tag(number, 2) + varint(len(content)) + content


def nested(depth: int, inner: bytes = b"\x58\x00") -> bytes:
    """A `Value` with so many maps in one another; undecodable where that is too deep."""
    for _ in range(depth):
        inner = part(6, part(1, part(1, b"a") + part(2, inner)))
    return inner


def document(name: str, fields: Mapping[str, bytes] | None = None) -> bytes:
    """A serialised document with these serialised values."""
    entries = ((key.encode(), value) for key, value in (fields or {}).items())
    return part(1, name.encode()) + b"".join(
        part(2, part(1, key) + part(2, value)) for key, value in entries
    )


def inputs(value: bytes) -> dict[str, bytes]:
    """`training.livePortrait.scale` with this serialised value."""
    scale = part(6, part(1, part(1, b"scale") + part(2, value)))
    training = part(6, part(1, part(1, b"livePortrait") + part(2, scale)))
    return {"training": training}


def broken_protobuf() -> Iterator[Message]:
    wire, chance = valid(), random.Random(12)  # noqa: S311
    for end in range(0, len(wire), 29):
        yield Message(name=f"cut off at {end}", body=wire[:end], answers=ACKNOWLEDGED)
    for number in range(24):
        damaged = bytearray(wire)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        yield Message(name=f"damaged {number}", body=bytes(damaged), answers=ACKNOWLEDGED)
    for number in range(8):
        noise = chance.randbytes(10 ** (number % 4 + 1))
        yield Message(name=f"noise {number}", body=noise, answers=ACKNOWLEDGED)
    odd = {
        "a length beyond the end": tag(1, 2) + varint(2**31 - 1),
        "a length beyond all memory": tag(1, 2) + varint(2**63 - 1),
        "a varint without end": b"\xff" * 200,
        "field number none": tag(0, 2) + b"\x00",
        "a group left open": tag(1, 3) * 50_000,
        "a group closed only": tag(1, 4),
        "an unknown wire type": tag(1, 7) + b"xxxx",
        "the document as a number": tag(1, 0) + b"\x05",
        "unknown fields": wire + part(99, b"x" * 1000) + tag(98, 0) + b"\x01",
        "many unknown fields": wire + (tag(97, 0) + b"\x01") * 200_000,
        "both documents twice": wire + wire,
        "a thousand documents": part(1, document(name_of(VICTIM))) * 1000,
        "text": b"no protobuf at all",
        "zeros": bytes(100_000),
    }
    yield from (Message(name=name, body=body, answers=ACKNOWLEDGED) for name, body in odd.items())


def deep_and_large() -> Iterator[Message]:
    name = name_of("nobody")
    values = {
        "maps 30 deep": nested(30),
        "maps 200 deep": nested(200),
        "maps 3000 deep": nested(3000),
        "lists 3000 deep": _lists(3000),
        "a text of 900 kB": part(17, LONG.encode()),
        "bytes of 900 kB": part(18, LONG.encode()),
        "a list of 300,000": part(9, part(1, b"\x58\x00") * 300_000),
        "no value at all": b"",
        "an unknown kind": part(99, b"x"),
        "two kinds at once": part(17, b"x") + b"\x58\x00",
        "text that is no UTF-8": part(17, b"\xff\xfe"),
        "half a surrogate pair": part(17, b"\xed\xa0\x80"),
        "a key that is no UTF-8": part(6, part(1, part(1, b"\xff") + part(2, b"\x58\x00"))),
        "an entry without a key": part(6, part(1, part(2, b"\x58\x00"))),
        "an entry without a value": part(6, part(1, part(1, b"a"))),
        "one key 10,000 times": part(6, part(1, part(1, b"a") + part(2, b"\x58\x00")) * 10_000),
    }
    for what, value in values.items():
        new = document(name, inputs(value))
        old = document(name, inputs(b"\x58\x00"))
        yield Message(name=f"{what}, new", body=part(1, new), answers=ACKNOWLEDGED)
        yield Message(name=f"{what}, was", body=part(1, old) + part(2, new), answers=ACKNOWLEDGED)
        yield Message(name=f"{what}, stays", body=part(1, new) + part(2, new), answers=ACKNOWLEDGED)


def _lists(depth: int) -> bytes:
    inner = b"\x58\x00"
    for _ in range(depth):
        inner = part(9, part(1, inner))
    return inner


_NAMES = (
    *(name_of(VICTIM, database="other"), name_of(VICTIM, collection="users")),
    *(name_of(""), name_of("."), name_of(".."), name_of("__x__"), name_of("__id7__")),
    *(name_of(VICTIM) + "/private/x", name_of(VICTIM) + "/", " " + name_of(VICTIM)),
    *(name_of("../livePortraitJobs/victim"), name_of("victim/../../livePortraitJobs/victim")),
    *(name_of("a\x00b"), name_of("a\nb"), name_of("a%2fb"), name_of("\u202evictim")),
    *(name_of("x" * 1501), name_of(LONG), name_of("😀" * 376), name_of(VICTIM).upper()),
    *("/" * 1000, "avatars/victim", f"/{name_of(VICTIM)}"),
    "projects//databases/(default)/documents/avatars/victim",
)


def names() -> Iterator[Message]:
    for number, name in enumerate(_NAMES):
        fields = inputs(b"\x19" + struct.pack("<d", 0.4))
        for side in (1, 2):
            yield Message(
                name=f"document name {number}, {side}",
                body=part(side, document(name, fields)),
                answers=ACKNOWLEDGED,
            )


_PLACES = (
    *(
        ("avatarImageUrl",),
        ("userId",),
        ("training",),
        ("livePortrait",),
        ("livePortrait", "state"),
    ),
    *(("training", name) for name in ("heroVideoUrl", "dynamicsEnabled", "livePortrait")),
    *(
        ("training", "livePortrait", name)
        for name in ("drivingMultiplier", "renderNonce", "animationRegion", "idleVideoUrl")
    ),
)


def values() -> Iterator[Message]:
    """Every kind of value in every field that is looked at, of an avatar that is not there."""
    kinds: dict[str, Any] = {
        "nan": math.nan, "infinity": math.inf, "the least number": -(2**63), "a list": [[1], {}],
        "bytes": b"\xff", "a map": {"a": {"b": None}}, "a long text": LONG, "a false": False,
    }  # fmt: skip
    for (kind, content), place in ((kind, place) for kind in kinds.items() for place in _PLACES):
        message = event_data({"nickname": "A"}, {}, name=name_of("nobody"))
        target = message.value.fields
        for name in place[:-1]:
            target = target[name].map_value.fields
        fill(target[place[-1]], content)
        yield Message(
            name=f"{kind} as {'.'.join(place)}",
            body=message.SerializeToString(),
            answers=ACKNOWLEDGED,
        )
    for moment in (-(2**63), 2**63 - 1, 253_402_300_800):
        message = event_data(None, {"userId": "x"}, name=name_of("nobody"), seconds=moment)
        yield Message(
            name=f"committed at {moment}", body=message.SerializeToString(), answers=ACKNOWLEDGED
        )
