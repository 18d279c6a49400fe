"""Field transforms: values that the server computes at the commit. Pure."""

import math

from emulator.firestore.documents.values import TypeRank, sort_key
from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import FieldTransform, Value, timestamp

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_REQUEST_TIME = 1


def transformed(transform: FieldTransform, before: Value | None, time_us: int) -> Value:
    """Return the field's new value.

    Args:
        transform: what to do.
        before: the field's value so far, None where there is none.
        time_us: the time of the commit, microseconds.

    Raises:
        InvalidArgument: the transform is unknown, or its operand is no number.
    """
    kind = transform.WhichOneof("transform_type")
    match kind:
        case "set_to_server_value":
            if transform.set_to_server_value != _REQUEST_TIME:
                raise InvalidArgument("set_to_server_value accepts REQUEST_TIME only")
            return Value(timestamp_value=timestamp(time_us))
        case "increment" | "maximum" | "minimum":
            return _numeric(kind, before, getattr(transform, kind))
        case "append_missing_elements" | "remove_all_from_array":
            return _array(kind, before, list(getattr(transform, kind).values))
        case _:
            raise InvalidArgument(f'Field "{transform.field_path}" has no known transform')


def transform_result(transform: FieldTransform, after: Value) -> Value:
    """Return the result of a transform in the response to a commit: null for the array ones."""
    if transform.WhichOneof("transform_type") in (
        "append_missing_elements",
        "remove_all_from_array",
    ):
        return Value(null_value=0)
    return after


def _is_number(value: Value | None) -> bool:
    return value is not None and sort_key(value)[0] in (TypeRank.NUMBER, TypeRank.NAN)


def _number(value: Value) -> int | float:
    kind = value.WhichOneof("value_type")
    return value.integer_value if kind == "integer_value" else value.double_value


def _numeric(kind: str, before: Value | None, operand: Value) -> Value:
    if not _is_number(operand):
        raise InvalidArgument(f"{kind} requires a numeric operand")
    if before is None or not _is_number(before):
        return operand
    old, new = _number(before), _number(operand)
    if kind == "increment":
        return _sum(old, new)
    if math.isnan(old) or math.isnan(new):
        return Value(double_value=math.nan)
    wins = new > old if kind == "maximum" else new < old
    return operand if wins else before


def _sum(old: int | float, new: int | float) -> Value:
    if isinstance(old, int) and isinstance(new, int):
        return Value(integer_value=min(max(old + new, _INT64_MIN), _INT64_MAX))
    return Value(double_value=float(old) + float(new))


def _array(kind: str, before: Value | None, operands: list[Value]) -> Value:
    elements: list[Value] = []
    if before is not None and before.WhichOneof("value_type") == "array_value":
        elements = list(before.array_value.values)
    if kind == "remove_all_from_array":
        unwanted = {sort_key(operand) for operand in operands}
        elements = [element for element in elements if sort_key(element) not in unwanted]
    else:
        present = {sort_key(element) for element in elements}
        for operand in operands:
            if sort_key(operand) not in present:
                present.add(sort_key(operand))
                elements.append(operand)
    after = Value()
    after.array_value.SetInParent()
    after.array_value.values.extend(elements)
    return after
