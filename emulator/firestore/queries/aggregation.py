"""Count, sum and average over the results of a query. Pure."""

from collections.abc import Iterable, Sequence

from emulator.firestore.documents.document import StoredDocument
from emulator.firestore.documents.values import get_field
from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Message, Value
from emulator.firestore.paths import NAME_PATH, parse_field_path
from emulator.firestore.queries.validation import check_aliases

_INT64_MAX = 2**63 - 1


def aggregate(
    aggregations: Iterable[Message], documents: Sequence[StoredDocument]
) -> dict[str, Value]:
    """Return the value of each aggregation by its alias.

    Raises:
        InvalidArgument: an aggregation is none of count, sum and avg, or production would refuse
            their number or names.
    """
    aggregations = list(aggregations)
    check_aliases(aggregations)
    values: dict[str, Value] = {}
    for position, aggregation in enumerate(aggregations, start=1):
        alias = aggregation.alias or f"field_{position}"
        match aggregation.WhichOneof("operator"):
            case "count":
                values[alias] = _count(aggregation.count, documents)
            case "sum":
                values[alias] = _sum(_numbers(aggregation.sum, documents))
            case "avg":
                values[alias] = _average(_numbers(aggregation.avg, documents))
            case _:
                raise InvalidArgument(f'Aggregation "{alias}" is none of count, sum and avg')
    return values


def _count(count: Message, documents: Sequence[StoredDocument]) -> Value:
    found = len(documents)
    if count.HasField("up_to"):
        if count.up_to.value < 1:
            raise InvalidArgument(f"up_to is {count.up_to.value}; accepted: 1 or more")
        found = min(found, count.up_to.value)
    return Value(integer_value=found)


def _numbers(operator: Message, documents: Sequence[StoredDocument]) -> list[int | float]:
    path = parse_field_path(operator.field.field_path)
    if path == NAME_PATH:
        raise InvalidArgument("Aggregations are not supported for the property: __name__")
    numbers: list[int | float] = []
    for document in documents:
        value = get_field(document.message.fields, path)
        kind = None if value is None else value.WhichOneof("value_type")
        if kind in ("integer_value", "double_value"):
            numbers.append(getattr(value, kind))
    return numbers


def _sum(numbers: list[int | float]) -> Value:
    total = sum(numbers)
    if isinstance(total, int) and abs(total) <= _INT64_MAX:
        return Value(integer_value=total)
    return Value(double_value=float(total))


def _average(numbers: list[int | float]) -> Value:
    if not numbers:
        return Value(null_value=0)
    return Value(double_value=float(sum(numbers) / len(numbers)))
