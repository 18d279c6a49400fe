"""The limits of production on queries, all in one pass. Pure.

The messages are those of Google's Firestore emulator, of which each limit was asked. A filter is
brought into disjunctive normal form there before its disjunctions are counted, so it is here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from emulator.firestore.documents.limits import check_names
from emulator.firestore.documents.values import sort_key
from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Filter, Message, StructuredQuery, Value
from emulator.firestore.paths import NAME_PATH, FieldPath, check_collection_id, parse_field_path
from emulator.firestore.paths import split_name as check_name
from emulator.firestore.queries.operators import (
    LIST_OPERATORS,
    OR,
    Operator,
    UnaryOperator,
    inequality_paths,
)

_MAX_DISJUNCTIONS = 30
_MAX_EXCLUDED = 10
_MAX_INEQUALITY_FIELDS = 10
_MAX_PARTS = 100
_MAX_AGGREGATIONS = 5
_TOO_MANY_TO_COUNT = 4096
_EXCLUSIONS = {"NOT_EQUAL", "NOT_IN", "IS_NOT_NAN", "IS_NOT_NULL"}
_EACH_VALUE = {"IN", "ARRAY_CONTAINS_ANY"}
_CONTAINS = {"ARRAY_CONTAINS", "ARRAY_CONTAINS_ANY"}


@dataclass(frozen=True)
class _Term:
    """A filter on one field with one operand; the operator is EQUAL for each value of an IN."""

    path: FieldPath
    operator: str
    operand: object


_Disjuncts = set[frozenset[_Term]]


def check_query(parent: str, query: StructuredQuery) -> None:
    """Check a query.

    Raises:
        InvalidArgument: production would refuse it.
    """
    if len(query.from_) != 1:
        raise InvalidArgument(f"A query needs one collection in from; it has {len(query.from_)}")
    check_name(parent)
    check_collection_id(query.from_[0].collection_id)
    _check_counts(query)
    _check_orders([parse_field_path(order.field.field_path) for order in query.order_by])
    leaves = list(_leaves(query.where)) if query.HasField("where") else []
    distinct = {leaf.SerializeToString(deterministic=True) for leaf in leaves}
    _check_parts(parent, query, len(distinct))
    for leaf in leaves:
        _check_leaf(leaf)
    if leaves:
        _check_filter(query.where, leaves)


def check_aliases(aggregations: Iterable[Message]) -> None:
    """Check the number of aggregations and the names of their results.

    Raises:
        InvalidArgument: there are too many, or two of one name.
    """
    aliases = [aggregation.alias for aggregation in aggregations]
    if len(aliases) > _MAX_AGGREGATIONS:
        raise InvalidArgument(
            f"The query has {len(aliases)} aggregations; accepted: up to {_MAX_AGGREGATIONS}"
        )
    for position, alias in enumerate(aliases):
        if alias:
            if len(parse_field_path(f"`{alias}`")) != 1 or alias == NAME_PATH[0]:
                raise InvalidArgument(f'The property.name "{alias}" is reserved.')
            if alias in aliases[:position]:
                raise InvalidArgument(f"Aggregation aliases contain duplicate alias: {alias}.")


def _check_counts(query: StructuredQuery) -> None:
    if query.offset < 0:
        raise InvalidArgument(f"offset is negative: {query.offset}")
    if query.HasField("limit") and query.limit.value < 0:
        raise InvalidArgument(f"limit is negative: {query.limit.value}")


def _check_orders(paths: list[FieldPath]) -> None:
    if NAME_PATH in paths[:-1]:
        raise InvalidArgument("order by clause cannot contain more fields after the key")
    for position, path in enumerate(paths):
        if path in paths[:position]:
            raise InvalidArgument(
                f"order by clause cannot contain duplicate fields {'.'.join(path)}"
            )


def _check_parts(parent: str, query: StructuredQuery, filters: int) -> None:
    ancestors = 0 if parent.endswith("/documents") else 1
    if filters + len(query.order_by) + ancestors > _MAX_PARTS:
        raise InvalidArgument(
            f"The query may not have more than {_MAX_PARTS} filters + sort orders + ancestor total."
            f" Currently there are {filters} filters, {len(query.order_by)} sort orders, and "
            f"{'one' if ancestors else 'no'} ancestor filter."
        )


def _leaves(wire: Filter) -> Iterator[Message]:
    """Yield the field and unary filters of a filter."""
    kind = wire.WhichOneof("filter_type")
    if kind is None:
        raise InvalidArgument("A filter needs one of composite, field and unary filter")
    if kind != "composite_filter":
        yield getattr(wire, kind)
        return
    for inner in wire.composite_filter.filters:
        yield from _leaves(inner)


def _check_leaf(leaf: Message) -> None:
    path = parse_field_path(leaf.field.field_path)
    if not hasattr(leaf, "value"):
        return
    values = [leaf.value]
    if leaf.op in LIST_OPERATORS:
        _check_list(Operator(leaf.op), leaf.value)
        values = list(leaf.value.array_value.values)
    for value in values:
        check_names(value)
        if path == NAME_PATH and value.WhichOneof("value_type") != "reference_value":
            raise InvalidArgument("__key__ filter value must be a Key")
    if path == NAME_PATH and _operator(leaf) in _CONTAINS:
        raise InvalidArgument("the name __key__ is reserved")


def _check_list(operator: Operator, value: Value) -> None:
    if value.WhichOneof("value_type") != "array_value" or not value.array_value.values:
        raise InvalidArgument(f"'{operator.name}' requires a non-empty ArrayValue.")
    most = _MAX_EXCLUDED if operator is Operator.NOT_IN else _MAX_DISJUNCTIONS
    if len(value.array_value.values) > most:
        raise InvalidArgument(f"'{operator.name}' supports up to {most} comparison values.")


def _check_filter(where: Filter, leaves: list[Message]) -> None:
    exclusions = [leaf for leaf in leaves if _operator(leaf) in _EXCLUSIONS]
    if len(exclusions) > 1:
        raise InvalidArgument(
            "Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed "
            "per query."
        )
    operators = {_operator(leaf) for leaf in leaves}
    if "NOT_IN" in operators and (operators & _EACH_VALUE or _has_or(where)):
        raise InvalidArgument(
            "'NOT_IN' cannot be used in the same query with 'IN', 'ARRAY_CONTAINS_ANY' or 'OR'."
        )
    _check_inequalities(inequality_paths(where))
    _check_disjuncts(_disjuncts(where))


def _check_inequalities(paths: set[FieldPath]) -> None:
    if len(paths) > _MAX_INEQUALITY_FIELDS:
        names = ", ".join(sorted(".".join(path) for path in paths))
        raise InvalidArgument(
            f"The query contains {len(paths)} distinct inequality fields: [{names}]. "
            f"A query may not have more than {_MAX_INEQUALITY_FIELDS} distinct inequality fields."
        )


def _check_disjuncts(disjuncts: _Disjuncts) -> None:
    if len(disjuncts) > _MAX_DISJUNCTIONS:
        raise InvalidArgument(
            f"Too many disjunctions after normalization. Result had {len(disjuncts)} disjunctions "
            f"which is more than the maximum of {_MAX_DISJUNCTIONS}"
        )
    for terms in disjuncts:
        if sum(term.operator in _CONTAINS for term in terms) > 1:
            raise InvalidArgument(
                "A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction."
            )


def _operator(leaf: Message) -> str:
    """Return the name of a filter's operator: the numbers of the two kinds overlap.

    Raises:
        InvalidArgument: there is none of its number.
    """
    try:
        return Operator(leaf.op).name if hasattr(leaf, "value") else UnaryOperator(leaf.op).name
    except ValueError as error:
        raise InvalidArgument(f"Unknown operator {leaf.op} on {leaf.field.field_path}") from error


def _has_or(wire: Filter) -> bool:
    composite = wire.composite_filter
    return composite.op == OR or any(_has_or(inner) for inner in composite.filters)


def _disjuncts(wire: Filter) -> _Disjuncts:
    """Return the disjunctive normal form of a filter, without what nothing can fulfil."""
    if wire.WhichOneof("filter_type") != "composite_filter":
        return _leaf_disjuncts(getattr(wire, wire.WhichOneof("filter_type")))
    parts = [_disjuncts(inner) for inner in wire.composite_filter.filters]
    if wire.composite_filter.op == OR:
        return set[frozenset[_Term]]().union(*parts)
    joined: _Disjuncts = {frozenset()}
    for part in parts:
        joined = {one | other for one, other in product(joined, part)}
        joined = {terms for terms in joined if not _is_contradictory(terms)}
        if len(joined) > _TOO_MANY_TO_COUNT:
            break
    return joined


def _leaf_disjuncts(leaf: Message) -> _Disjuncts:
    path = parse_field_path(leaf.field.field_path)
    operator = _operator(leaf)
    if operator in _EACH_VALUE:
        each = "EQUAL" if operator == "IN" else operator
        keys = (sort_key(value) for value in leaf.value.array_value.values)
        return {frozenset([_Term(path, each, key)]) for key in keys}
    operand = sort_key(leaf.value) if hasattr(leaf, "value") else None
    return {frozenset([_Term(path, operator, operand)])}


def _is_contradictory(terms: frozenset[_Term]) -> bool:
    equal = [term.path for term in terms if term.operator == "EQUAL"]
    return len(set(equal)) < len(equal)
