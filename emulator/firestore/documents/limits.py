"""The limits of production. Pure.

Sizes are those of the serialized messages: close to production's, which also counts names and index
entries.
"""

from collections.abc import Sequence

from emulator.firestore.documents.values import Fields, is_vector
from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Document, FieldTransform, Value
from emulator.firestore.paths import FieldPath, check_path_length, document_path, is_reserved

MAX_DOCUMENT_BYTES = 1_048_576
MAX_TRANSFORMS = 500
MAX_DEPTH = 20
_VECTOR = {"__type__", "value"}


def check_document(document: Document) -> None:
    """Check size and depth of a document, its fields' names, and that no array holds an array.

    Raises:
        InvalidArgument: production would refuse it.
    """
    if document.ByteSize() > MAX_DOCUMENT_BYTES:
        raise InvalidArgument(
            f"Document '{document.name}' cannot be written because its size "
            f"({document.ByteSize():,} bytes) exceeds the maximum allowed size of "
            f"{MAX_DOCUMENT_BYTES:,} bytes."
        )
    _check_field_names(document.fields, ())
    _check_fields(document.fields, 1)


def check_transforms(name: str, transforms: Sequence[FieldTransform]) -> None:
    """Check how many transforms there are on one document.

    Raises:
        InvalidArgument: there are too many.
    """
    if len(transforms) > MAX_TRANSFORMS:
        raise InvalidArgument(
            f"{len(transforms)} transforms on {name}; accepted: {MAX_TRANSFORMS} or fewer"
        )


def check_names(value: Value, path: FieldPath = ()) -> None:
    """Check the names of the fields in a value, and the names that it refers to.

    Raises:
        InvalidArgument: a name is reserved, empty or too long, or no document may have it.
    """
    match value.WhichOneof("value_type"):
        case "reference_value":
            document_path(value.reference_value)
        case "array_value":
            for element in value.array_value.values:
                check_names(element, path)
        case "map_value" if is_vector(value.map_value.fields):
            if set(value.map_value.fields) != _VECTOR:
                raise InvalidArgument("Vector Value map has extraneous entries.")
        case "map_value":
            _check_field_names(value.map_value.fields, path)


def _check_field_names(fields: Fields, path: FieldPath) -> None:
    for name, value in fields.items():
        if not name:
            raise InvalidArgument("The property.name is the empty string.")
        if is_reserved(name):
            raise InvalidArgument(f"field name {name} is reserved")
        check_path_length((*path, name))
        check_names(value, (*path, name))


def _check_fields(fields: Fields, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidArgument(f"Property is nested deeper than the maximum of {MAX_DEPTH} levels.")
    for value in fields.values():
        _check_value(value, depth)


def _check_value(value: Value, depth: int) -> None:
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        _check_fields(value.map_value.fields, depth + 1)
    elif kind == "array_value":
        for element in value.array_value.values:
            if element.WhichOneof("value_type") == "array_value":
                raise InvalidArgument("Cannot convert an array value in an array value.")
            _check_value(element, depth + 1)
