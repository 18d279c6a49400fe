"""The limits of production. Pure.

Sizes are those of the serialized messages: close to production's, which also counts names and index
entries.
"""

import re
from collections.abc import Sequence

from emulator.firestore.documents.values import Fields
from emulator.firestore.errors import InvalidArgument
from emulator.firestore.messages import Document, FieldTransform, Value

MAX_DOCUMENT_BYTES = 1_048_576
MAX_TRANSFORMS = 500
MAX_DEPTH = 20
_RESERVED_ID = re.compile(r"__.*__")
_NUMERIC_ID = re.compile(r"__id-?\d+__")


def check_document(document: Document) -> None:
    """Check size and depth of a document, and that no array holds an array.

    Raises:
        InvalidArgument: production would refuse it.
    """
    if document.ByteSize() > MAX_DOCUMENT_BYTES:
        raise InvalidArgument(
            f"Document '{document.name}' cannot be written because its size "
            f"({document.ByteSize():,} bytes) exceeds the maximum allowed size of "
            f"{MAX_DOCUMENT_BYTES:,} bytes."
        )
    _check_fields(document.fields, 1)


def check_segments(name: str, segments: Sequence[str]) -> None:
    """Check that no id of a document to be written is reserved.

    Raises:
        InvalidArgument: one is.
    """
    for segment in segments:
        if _RESERVED_ID.fullmatch(segment) and not _NUMERIC_ID.fullmatch(segment):
            raise InvalidArgument(
                f'Resource id "{segment}" is invalid because it is reserved, in "{name}"'
            )


def check_transforms(name: str, transforms: Sequence[FieldTransform]) -> None:
    """Check how many transforms there are on one document.

    Raises:
        InvalidArgument: there are too many.
    """
    if len(transforms) > MAX_TRANSFORMS:
        raise InvalidArgument(
            f"{len(transforms)} transforms on {name}; accepted: {MAX_TRANSFORMS} or fewer"
        )


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
