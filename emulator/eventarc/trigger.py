"""Triggers, and the CloudEvents of document changes. Pure.

Events are CloudEvents 1.0 in binary mode: attributes in headers, the change in the body as
`google.events.cloud.firestore.v1.DocumentEventData`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from google.events.cloud.firestore import DocumentEventData

from emulator.firestore.documents.document import DocumentChange
from emulator.firestore.documents.values import changed_paths
from emulator.firestore.paths import format_field_path

_SCHEMA = (
    "https://github.com/googleapis/google-cloudevents/blob/main/proto/google/events/cloud/"
    "firestore/v1/data.proto"
)
_LOCATION = "nam5"
_WHOLE = {"**": ".+", "*": "[^/]+"}
_CAPTURE = re.compile(r"\{[^{}/=]+(?:=([^{}/]+))?\}")


class EventType(StrEnum):
    """The changes that a trigger receives."""

    WRITTEN = "google.cloud.firestore.document.v1.written"  # all of them
    CREATED = "google.cloud.firestore.document.v1.created"
    UPDATED = "google.cloud.firestore.document.v1.updated"
    DELETED = "google.cloud.firestore.document.v1.deleted"


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """Sends changes of documents that match a pattern to a function.

    `document_pattern` is a path relative to the database; `*` and `{name}` stand for one segment,
    `**` and `{name=**}` for any number, `ma*` and `{name=ma*}` for a prefix. `targets` are
    the URLs of the function's instances, used in turn. At most `concurrency` requests run at once;
    None is no limit.
    """

    name: str
    document_pattern: str
    targets: tuple[str, ...]
    database: str  # projects/P/databases/D
    event_type: EventType = EventType.WRITTEN
    concurrency: int | None = None

    def __post_init__(self) -> None:
        if not self.targets:
            raise ValueError(f"Trigger {self.name} has no target; accepted: one URL or more")
        for target in self.targets:
            if not target.startswith("http://"):
                raise ValueError(
                    f'Trigger {self.name} has the target "{target}"; accepted: an http:// URL'
                )
        if self.concurrency is not None and self.concurrency < 1:
            raise ValueError(
                f"Trigger {self.name} has the concurrency {self.concurrency}; accepted: 1 or more"
            )
        if not self.document_pattern.strip("/"):
            raise ValueError(
                f'Trigger {self.name} has the document pattern "{self.document_pattern}"; '
                'accepted: a path such as "avatars/{avatarId}"'
            )

    @property
    def collection_id(self) -> str:
        """The collection whose documents match.

        Raises:
            ValueError: the pattern does not determine it.
        """
        segments = self.document_pattern.strip("/").split("/")
        if "**" in self.document_pattern or len(segments) % 2 or set(segments[-2]) & set("*{}"):
            raise ValueError(
                f'Trigger {self.name} has the pattern "{self.document_pattern}"; accepted with '
                'this backend: one that names the collection, such as "avatars/{avatarId}"'
            )
        return segments[-2]

    def matches(self, change: DocumentChange) -> bool:
        """Return whether a change matches this trigger."""
        if change.path.database != self.database or self.event_type not in _types_of(change):
            return False
        return _pattern(self.document_pattern).fullmatch(change.path.relative) is not None


@dataclass(frozen=True, kw_only=True)
class CloudEvent:
    """One event as it is sent, the same in every attempt."""

    identifier: str
    document: str  # relative to the database
    headers: tuple[tuple[str, str], ...]
    body: bytes


def cloud_event(change: DocumentChange, identifier: str, event_type: EventType) -> CloudEvent:
    """Make the event of a change."""
    _, project, _, database = change.path.database.split("/")
    moment = datetime.fromtimestamp(change.commit_time // 1_000_000, UTC)
    time = f"{moment:%Y-%m-%dT%H:%M:%S}.{change.commit_time % 1_000_000:06d}Z"
    attributes = {
        "specversion": "1.0",
        "id": identifier,
        "source": f"//firestore.googleapis.com/{change.path.database}",
        "type": event_type,
        "subject": f"documents/{change.path.relative}",
        "time": time,
        "dataschema": _SCHEMA,
        "location": _LOCATION,
        "project": project,
        "database": database,
        "namespace": "(default)",
        "document": change.path.relative,
    }
    headers = [(f"ce-{name}", _header_text(value)) for name, value in attributes.items()]
    return CloudEvent(
        identifier=identifier,
        document=change.path.relative,
        headers=(*headers, ("content-type", "application/protobuf")),
        body=_event_data(change).SerializeToString(),
    )


def _types_of(change: DocumentChange) -> tuple[EventType, EventType]:
    if change.before is None:
        return EventType.WRITTEN, EventType.CREATED
    if change.after is None:
        return EventType.WRITTEN, EventType.DELETED
    return EventType.WRITTEN, EventType.UPDATED


def _pattern(text: str) -> re.Pattern[str]:
    segments: Sequence[str] = text.strip("/").split("/")
    parts = []
    for segment in segments:
        plain = _CAPTURE.sub(lambda capture: capture[1] or "*", segment)
        if plain in _WHOLE:
            parts.append(_WHOLE[plain])
        else:
            parts.append("[^/]*".join(map(re.escape, plain.split("*"))))
    return re.compile("/".join(parts))


def _event_data(change: DocumentChange) -> Any:
    """Return the event's message; both document messages share their field numbers."""
    data = DocumentEventData.pb()()
    if change.after is not None:
        data.value.MergeFromString(change.after.message.SerializeToString())
    if change.before is not None:
        data.old_value.MergeFromString(change.before.message.SerializeToString())
    if change.after is not None and change.before is not None:
        paths = changed_paths(change.before.message.fields, change.after.message.fields)
        data.update_mask.field_paths.extend(map(format_field_path, paths))
    return data


def _header_text(value: str) -> str:
    """Percent-encode what a header cannot carry, as CloudEvents' HTTP binding asks."""
    return quote(value, safe="!#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
