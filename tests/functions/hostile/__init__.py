"""Hostile messages, the same ones each time: events, and tasks with their tokens."""

from collections.abc import Iterator

from tests.functions.hostile.envelopes import envelopes, headers_and_paths, structured
from tests.functions.hostile.events import broken_protobuf, deep_and_large, names, values
from tests.functions.hostile.message import VICTIM, Message
from tests.functions.hostile.tasks import bodies, tokens

__all__ = ["VICTIM", "Message", "bodies", "events", "tokens"]


def events() -> Iterator[Message]:
    """For whom answers events."""
    yield from broken_protobuf()
    yield from deep_and_large()
    yield from names()
    yield from values()
    yield from structured()
    yield from envelopes()
    yield from headers_and_paths()
