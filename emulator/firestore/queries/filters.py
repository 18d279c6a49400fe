"""Filters of structured queries, compiled to predicates. Pure."""

from collections.abc import Callable

from emulator.firestore.documents.document import StoredDocument
from emulator.firestore.documents.values import (
    SortKey,
    TypeRank,
    get_field,
    reference_key,
    sort_key,
)
from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Filter, Message, Value
from emulator.firestore.paths import NAME_PATH, FieldPath, parse_field_path
from emulator.firestore.queries.operators import AND, LIST_OPERATORS, OR, Operator, UnaryOperator

Predicate = Callable[[StoredDocument], bool]
_Test = Callable[[SortKey], bool]

_NULL_KEY: SortKey = (TypeRank.NULL,)
_NAN_KEY: SortKey = (TypeRank.NAN,)


def document_key(document: StoredDocument, path: FieldPath) -> SortKey | None:
    """Return the sort key of a document's field (its name for `__name__`), None if absent."""
    if path == NAME_PATH:
        return reference_key(document.name)
    value = get_field(document.message.fields, path)
    return None if value is None else sort_key(value)


def compile_filter(wire: Filter) -> Predicate:
    """Compile a filter.

    The filter has passed the validation of its query.

    Raises:
        InvalidArgument: an unknown operator.
    """
    match wire.WhichOneof("filter_type"):
        case "composite_filter":
            return _composite(wire.composite_filter)
        case "field_filter":
            return _field(wire.field_filter)
        case "unary_filter":
            return _unary(wire.unary_filter)
        case _:
            raise InvalidArgument("A filter needs one of composite, field and unary filter")


def _composite(wire: Message) -> Predicate:
    predicates = [compile_filter(inner) for inner in wire.filters]
    if not predicates or wire.op not in (AND, OR):
        raise InvalidArgument("A composite filter needs AND or OR, and at least one filter")
    if wire.op == AND:
        return lambda document: all(predicate(document) for predicate in predicates)
    return lambda document: any(predicate(document) for predicate in predicates)


def _on_field(path: FieldPath, test: _Test) -> Predicate:
    def predicate(document: StoredDocument) -> bool:
        key = document_key(document, path)
        return key is not None and test(key)

    return predicate


def _unary(wire: Message) -> Predicate:
    path = parse_field_path(wire.field.field_path)
    match wire.op:
        case UnaryOperator.IS_NAN:
            return _on_field(path, lambda key: key == _NAN_KEY)
        case UnaryOperator.IS_NULL:
            return _on_field(path, lambda key: key == _NULL_KEY)
        case UnaryOperator.IS_NOT_NAN:
            return _on_field(path, lambda key: key not in (_NAN_KEY, _NULL_KEY))
        case UnaryOperator.IS_NOT_NULL:
            return _on_field(path, lambda key: key != _NULL_KEY)
        case _:
            raise InvalidArgument(f"Unknown unary operator {wire.op}")


def _field(wire: Message) -> Predicate:
    path = parse_field_path(wire.field.field_path)
    try:
        operator = Operator(wire.op)
    except ValueError as error:
        raise InvalidArgument(f"Unknown operator {wire.op} on {wire.field.field_path}") from error
    if operator in LIST_OPERATORS:
        return _on_field(path, _list_test(operator, wire.value))
    return _on_field(path, _scalar_test(operator, sort_key(wire.value)))


def _scalar_test(operator: Operator, operand: SortKey) -> _Test:
    rank = operand[0]
    match operator:
        case Operator.EQUAL:
            return lambda key: key == operand
        case Operator.NOT_EQUAL:
            return lambda key: key not in (operand, _NULL_KEY)
        case Operator.LESS_THAN:
            return lambda key: key[0] is rank and key < operand
        case Operator.LESS_THAN_OR_EQUAL:
            return lambda key: key[0] is rank and key <= operand
        case Operator.GREATER_THAN:
            return lambda key: key[0] is rank and key > operand
        case Operator.GREATER_THAN_OR_EQUAL:
            return lambda key: key[0] is rank and key >= operand
        case _:
            return lambda key: key[0] is TypeRank.ARRAY and operand in key[1]


def _list_test(operator: Operator, value: Value) -> _Test:
    operands = {sort_key(element) for element in value.array_value.values}
    if operator is Operator.ARRAY_CONTAINS_ANY:
        return lambda key: key[0] is TypeRank.ARRAY and not operands.isdisjoint(key[1])
    if operator is Operator.IN:
        return lambda key: key in operands and key not in (_NULL_KEY, _NAN_KEY)
    if _NULL_KEY in operands:
        return lambda key: False
    return lambda key: key not in operands and key != _NULL_KEY
