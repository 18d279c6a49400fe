"""A request that nobody honest sends, and the answers to it that are right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.functions.wire import event_data, name_of

VICTIM = "victim"
ATTRIBUTES = {
    "id": "event-1",
    "source": "//firestore.googleapis.com/projects/demo/databases/(default)",
    "type": "google.cloud.firestore.document.v1.written",
    "specversion": "1.0",
    "time": "2026-11-20T08:00:00Z",
}
BINARY = {f"ce-{name}": value for name, value in ATTRIBUTES.items()}
PROTOBUF = {**BINARY, "content-type": "application/protobuf"}
JSON = {**BINARY, "content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
ACKNOWLEDGED, REFUSED, EITHER = {200}, {400}, {200, 400}
LONG = "x" * 900_000


@dataclass(frozen=True, kw_only=True)
class Message:
    """One request, and the answers that are right."""

    name: str
    body: bytes
    answers: set[int]
    headers: Mapping[str, str] = field(default_factory=lambda: PROTOBUF)
    method: str = "POST"
    path: str = "/"


def valid(avatar_id: str = VICTIM) -> bytes:
    """An event that is about something else, as most are."""
    before: dict[str, Any] = {"nickname": "A", "training": {"livePortrait": {"scale": 2.3}}}
    message = event_data(before, {**before, "nickname": "B"}, name=name_of(avatar_id))
    wire: bytes = message.SerializeToString()
    return wire
