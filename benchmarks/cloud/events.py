"""Events about something else: the processor time of telling so, beside that of parsing them.

Documents as large as Firestore admits, in the shapes that cost most; what is large lies in one of
four places. The ratio is to protobuf's own parsing of the whole event, in which nothing is decoded.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from google.events.cloud.firestore import DocumentEventData

from functions.cloud.events import parse
from functions.domain.document import Gate, gate

HEAD = f"{'what is large':20} {'where':22} {'MB':>5} {'ms':>8} {'of a parse':>10}"
_EventData = DocumentEventData.pb()
_NAME = "projects/demo/databases/(default)/documents/avatars/ava"
PLACES = ("", "training", "training.livePortrait", "livePortrait")


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """One measurement: the median of several."""

    what: str
    where: str
    megabytes: float
    ms: float
    of_a_parse: float


def table_line(row: EventRow) -> str:
    """One row as people read it."""
    return (
        f"{row.what:20} {row.where or 'the document':22} {row.megabytes:5.2f} {row.ms:8.2f}"
        f" {row.of_a_parse:10.1%}"
    )


def _sort(wire: bytes) -> Gate:
    """What the function does with an event before anything else."""
    return gate(parse(wire, collection="avatars"))


def measure_events(repeats: int) -> Iterator[EventRow]:
    """Yield a row for each shape in each place."""
    for what, filled in SHAPES.items():
        for where in PLACES:
            wire = _event(where, filled, reordered=what in REORDERED)
            parsing_ms = _median_ms(partial(_EventData.FromString, wire), repeats)
            ms = _median_ms(partial(_sort, wire), repeats)
            yield EventRow(
                what=what,
                where=where,
                megabytes=len(wire) / 2e6,  # it holds two documents
                ms=ms,
                of_a_parse=ms / parsing_ms,
            )


def _median_ms(work: Callable[[], object], repeats: int) -> float:
    took = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return statistics.median(took) * 1000


def _many(fields: Any) -> None:
    for number in range(20_000):
        fields[f"a key of some length {number:05}"].integer_value = number


def _most(fields: Any) -> None:
    for number in range(100_000):
        fields[f"{number:x}"].null_value = 0


def _text(fields: Any) -> None:
    fields["text"].string_value = "x" * 900_000


def _list(fields: Any) -> None:
    for _ in range(200_000):
        fields["list"].array_value.values.add().null_value = 0


def _deep(fields: Any) -> None:
    for number in range(1_000):
        inner = fields
        for _ in range(18):
            inner = inner[f"n{number}"].map_value.fields
        inner["text"].string_value = "x" * 700


def _bounded(fields: Any) -> None:
    """As many entries as inputs that are compared may have: 128 KiB."""
    for number in range(11_000):
        fields[f"{number:x}"].null_value = 0


SHAPES: Mapping[str, Callable[[Any], None]] = {
    "20,000 fields": _many,
    "20,000, reordered": _many,
    "11,000, reordered": _bounded,
    "100,000 fields": _most,
    "100,000, reordered": _most,
    "a text of 900 kB": _text,
    "a list of 200,000": _list,
    "maps 18 deep": _deep,
}


REORDERED = (
    "20,000, reordered",
    "11,000, reordered",
    "100,000, reordered",
)  # the entries of all maps come in another order afterwards


def _event(where: str, filled: Callable[[Any], None], *, reordered: bool = False) -> bytes:
    message = _EventData()
    for document in (message.old_value, message.value):
        document.name = _NAME
        document.fields["nickname"].string_value = "A"
        inputs = document.fields["training"].map_value.fields["livePortrait"].map_value.fields
        inputs["drivingMultiplier"].double_value = 0.4
        fields = document.fields
        for name in filter(None, where.split(".")):
            fields = fields[name].map_value.fields
        filled(fields)
    message.value.fields["nickname"].string_value = "B"
    if reordered:
        after = _field(1, _NAME.encode()) + _ordered(message.value.fields, number=2)
        message.ClearField("value")
        return _field(1, after) + bytes(message.SerializeToString())
    return bytes(message.SerializeToString())


def _ordered(fields: Any, number: int = 1) -> bytes:
    """The entries of a map, ordered by their keys: protobuf orders them by their hashes."""
    entries = []
    for key in sorted(fields):
        value = fields[key]
        is_map = value.WhichOneof("value_type") == "map_value"
        inner = _field(6, _ordered(value.map_value.fields)) if is_map else None
        wire = value.SerializeToString() if inner is None else inner
        entries.append(_field(number, _field(1, key.encode()) + _field(2, wire)))
    return b"".join(entries)


def _field(number: int, content: bytes) -> bytes:
    """A field of protobuf's wire format that holds bytes."""
    size, digits = len(content), bytearray()
    while size > 0x7F:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    digits.append(size)
    return bytes([number << 3 | 2]) + bytes(digits) + content
