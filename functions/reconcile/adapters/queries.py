"""Queries that go on where a page ended."""

from collections.abc import Sequence
from typing import Any, Final

from google.cloud.firestore_v1.field_path import FieldPath

from functions.reconcile.loading.shard import IdRange

NAME: Final = FieldPath.document_id()
_CHUNK = 250  # documents per call


def next_by_id(query: Any, ids: IdRange, after: str, limit: int) -> Any:
    """Return a query for the next documents of a range of ids, in their order."""
    ordered = query.order_by(NAME)
    if after:
        ordered = ordered.start_after({NAME: after})
    elif ids.low:
        ordered = ordered.start_at({NAME: ids.low})
    if ids.high:
        ordered = ordered.end_before({NAME: ids.high})
    return ordered.limit(limit)


def chunks(names: Sequence[str]) -> list[Sequence[str]]:
    """Return names in parts that one call reads."""
    return [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
