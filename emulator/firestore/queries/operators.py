"""The operators of filters, and the fields that they restrict by an inequality. Pure."""

from enum import IntEnum

from emulator.firestore.messages import Filter
from emulator.firestore.paths import FieldPath, parse_field_path

AND, OR = 1, 2
"""google.firestore.v1.StructuredQuery.CompositeFilter.Operator."""


class Operator(IntEnum):
    """google.firestore.v1.StructuredQuery.FieldFilter.Operator."""

    LESS_THAN = 1
    LESS_THAN_OR_EQUAL = 2
    GREATER_THAN = 3
    GREATER_THAN_OR_EQUAL = 4
    EQUAL = 5
    NOT_EQUAL = 6
    ARRAY_CONTAINS = 7
    IN = 8
    ARRAY_CONTAINS_ANY = 9
    NOT_IN = 10


class UnaryOperator(IntEnum):
    """google.firestore.v1.StructuredQuery.UnaryFilter.Operator."""

    IS_NAN = 2
    IS_NULL = 3
    IS_NOT_NAN = 4
    IS_NOT_NULL = 5


INEQUALITIES = {
    Operator.LESS_THAN,
    Operator.LESS_THAN_OR_EQUAL,
    Operator.GREATER_THAN,
    Operator.GREATER_THAN_OR_EQUAL,
    Operator.NOT_EQUAL,
    Operator.NOT_IN,
}
LIST_OPERATORS = {Operator.IN, Operator.ARRAY_CONTAINS_ANY, Operator.NOT_IN}


def inequality_paths(wire: Filter) -> set[FieldPath]:
    """Return the fields that a filter restricts by an inequality; they are ordered implicitly."""
    match wire.WhichOneof("filter_type"):
        case "composite_filter":
            return {
                path for inner in wire.composite_filter.filters for path in inequality_paths(inner)
            }
        case "field_filter" if wire.field_filter.op in INEQUALITIES:
            return {parse_field_path(wire.field_filter.field.field_path)}
        case "unary_filter" if wire.unary_filter.op in (
            UnaryOperator.IS_NOT_NAN,
            UnaryOperator.IS_NOT_NULL,
        ):
            return {parse_field_path(wire.unary_filter.field.field_path)}
        case _:
            return set()
