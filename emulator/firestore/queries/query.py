"""Structured queries, evaluated over candidate documents. Pure: knows no store and no index.

The caller supplies the candidates (the documents of the collection, or of the collection group); a
`CompiledQuery` filters, orders, cuts and projects them as production does: a document that lacks an
ordered field is no result, an inequality matches only values of its operand's type. No index is
ever required.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from emulator.firestore.documents.document import StoredDocument
from emulator.firestore.documents.values import SortKey, sort_key
from emulator.firestore.errors import InvalidArgument, Unimplemented
from emulator.firestore.messages import Document, Message, StructuredQuery
from emulator.firestore.paths import NAME_PATH, FieldPath, parse_field_path
from emulator.firestore.queries.filters import (
    compile_filter,
    document_key,
)
from emulator.firestore.queries.operators import inequality_paths
from emulator.firestore.queries.validation import check_query

_DESCENDING = 2


@dataclass(frozen=True, kw_only=True)
class Order:
    """One criterion of the order."""

    path: FieldPath
    descending: bool


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Where the results begin or end, in the order of the first criteria.

    `inclusive` says whether a document that compares equal to the bound is a result.
    """

    keys: tuple[SortKey, ...]
    inclusive: bool


class CompiledQuery:
    """A query made ready to run many times.

    Args:
        parent: the full name below which the collection lies: a document, or `…/documents`.
        query: the query's message.

    Raises:
        InvalidArgument, Unimplemented: the query is malformed, or not emulated.
    """

    def __init__(self, parent: str, query: StructuredQuery) -> None:
        check_query(parent, query)
        selectors = query.from_
        if query.HasField("find_nearest"):
            raise Unimplemented("The emulator does not evaluate find_nearest")
        self.parent = parent
        self.collection_id = str(selectors[0].collection_id)
        self.all_descendants = bool(selectors[0].all_descendants)
        self.orders = _effective_orders(query)
        self.limit: int | None = query.limit.value if query.HasField("limit") else None
        self.offset = int(query.offset)
        self._filter = compile_filter(query.where) if query.HasField("where") else None
        self._start = _bound(query, "start_at", self.orders)
        self._end = _bound(query, "end_at", self.orders)
        self._selected = _selected_paths(query)

    @property
    def depends_on_others(self) -> bool:
        """Whether one document's change can make another one a result (limit, offset)."""
        return self.limit is not None or self.offset > 0

    def matches(self, document: StoredDocument) -> bool:
        """Return whether a candidate passes filter, order and cursors; limit and offset apart."""
        if self._filter is not None and not self._filter(document):
            return False
        keys = [document_key(document, order.path) for order in self.orders]
        present = tuple(key for key in keys if key is not None)
        return len(present) == len(keys) and self._within(present)

    def run(self, candidates: Iterable[StoredDocument]) -> list[StoredDocument]:
        """Return the results, in order."""
        found = [document for document in candidates if self.matches(document)]
        for order in reversed(self.orders):
            found.sort(key=_sorting(order.path), reverse=order.descending)
        end = None if self.limit is None else self.offset + self.limit
        return found[self.offset : end]

    def projected(self, document: StoredDocument) -> Document:
        """Return the document as it appears in the results: whole, or the selected fields."""
        if self._selected is None:
            return document.message
        return document.masked(self._selected)

    def _within(self, keys: tuple[SortKey, ...]) -> bool:
        if self._start is not None:
            side = self._compare(keys, self._start.keys)
            if side < 0 or (side == 0 and not self._start.inclusive):
                return False
        if self._end is not None:
            side = self._compare(keys, self._end.keys)
            if side > 0 or (side == 0 and not self._end.inclusive):
                return False
        return True

    def _compare(self, keys: tuple[SortKey, ...], bound: tuple[SortKey, ...]) -> int:
        for order, key, limit in zip(self.orders, keys, bound, strict=False):
            if key != limit:
                return 1 if (key > limit) is not order.descending else -1
        return 0


def _sorting(path: FieldPath) -> Callable[[StoredDocument], SortKey]:
    return lambda document: document_key(document, path) or ()


def _effective_orders(query: StructuredQuery) -> tuple[Order, ...]:
    orders = [
        Order(
            path=parse_field_path(order.field.field_path),
            descending=order.direction == _DESCENDING,
        )
        for order in query.order_by
    ]
    descending = orders[-1].descending if orders else False
    named = {order.path for order in orders}
    implicit = inequality_paths(query.where) if query.HasField("where") else set()
    for path in sorted((implicit - named) - {NAME_PATH}):
        orders.append(Order(path=path, descending=descending))
    if NAME_PATH not in named:
        orders.append(Order(path=NAME_PATH, descending=descending))
    return tuple(orders)


def _bound(query: StructuredQuery, field: str, orders: tuple[Order, ...]) -> Bound | None:
    if not query.HasField(field):
        return None
    cursor: Message = getattr(query, field)
    if not cursor.values or len(cursor.values) > len(orders):
        raise InvalidArgument(
            f"{field} has {len(cursor.values)} values; accepted: 1 to {len(orders)}, one per order"
        )
    before = bool(cursor.before)
    return Bound(
        keys=tuple(map(sort_key, cursor.values)),
        inclusive=before if field == "start_at" else not before,
    )


def _selected_paths(query: StructuredQuery) -> list[FieldPath] | None:
    if not query.HasField("select"):
        return None
    paths = [parse_field_path(field.field_path) for field in query.select.fields]
    return [path for path in paths if path != NAME_PATH]
