"""The effect of one write on one document. Pure: knows neither store nor clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from emulator.firestore.documents.document import StoredDocument
from emulator.firestore.documents.limits import check_document, check_transforms
from emulator.firestore.documents.transforms import transform_result, transformed
from emulator.firestore.documents.values import cut_times, delete_field, get_field, set_field
from emulator.firestore.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from emulator.firestore.messages import (
    Document,
    FieldTransform,
    Precondition,
    Value,
    Write,
    microseconds,
    same_bytes,
)
from emulator.firestore.paths import FieldPath, document_path, parse_field_path


@dataclass(frozen=True, kw_only=True)
class WriteEffect:
    """The document after a write (None: deleted; times not set) and the transforms' results."""

    after: Document | None
    transform_results: tuple[Value, ...]


def target_name(write: Write) -> str:
    """Return the full name of the document of a write.

    Raises:
        InvalidArgument: the write has no operation, or no name that a document may have.
    """
    match write.WhichOneof("operation"):
        case "update":
            name = write.update.name
        case "delete":
            name = write.delete
        case "transform":
            name = write.transform.document
        case _:
            raise InvalidArgument("A write needs one of update, delete and transform")
    document_path(name)
    return str(name)


def check_precondition(
    precondition: Precondition, name: str, before: StoredDocument | None
) -> None:
    """Check a write's precondition on the present document.

    Raises:
        NotFound, AlreadyExists, FailedPrecondition: it does not hold.
    """
    kind = precondition.WhichOneof("condition_type")
    if kind == "exists" and precondition.exists and before is None:
        raise NotFound(f"No document to update: {name}")
    if kind == "exists" and not precondition.exists and before is not None:
        raise AlreadyExists(f"Document already exists: {name}")
    if kind == "update_time":
        _check_update_time(microseconds(precondition.update_time), name, before)


def _check_update_time(wanted: int, name: str, before: StoredDocument | None) -> None:
    if before is None:
        raise FailedPrecondition(
            f"the document does not exist, so it does not match "
            f"the required base version ({wanted}): {name}"
        )
    if before.update_time != wanted:
        raise FailedPrecondition(
            f"the stored version ({before.update_time}) does not match "
            f"the required base version ({wanted}): {name}"
        )


def apply_write(write: Write, before: StoredDocument | None, time_us: int) -> WriteEffect:
    """Compute the document after a write whose precondition holds.

    Args:
        write: update, delete or transform.
        before: the present document, None where there is none.
        time_us: the time of the commit, microseconds.

    Raises:
        InvalidArgument: a malformed mask, path or transform, or a document that breaks a limit.
    """
    operation = write.WhichOneof("operation")
    if operation == "delete":
        return WriteEffect(after=None, transform_results=())
    if operation == "transform":
        after = _copy(write.transform.document, before)
        results = _transform(after, write.transform.field_transforms, time_us)
    else:
        after = _updated(write, before)
        results = _transform(after, write.update_transforms, time_us)
    check_document(after)
    cut_times(after.fields)
    return WriteEffect(after=after, transform_results=results)


def is_unchanged(before: StoredDocument | None, after: Document | None) -> bool:
    """Return whether a write changes nothing: then no new version is stored."""
    if before is None or after is None:
        return before is None and after is None
    return same_bytes(_fields_only(before.message), _fields_only(after))


def _fields_only(message: Document) -> Document:
    copy = Document()
    copy.CopyFrom(message)
    for field in ("create_time", "update_time"):
        copy.ClearField(field)
    return copy


def _copy(name: str, before: StoredDocument | None) -> Document:
    copy = Document(name=name)
    if before is not None:
        copy.CopyFrom(_fields_only(before.message))
    return copy


def _updated(write: Write, before: StoredDocument | None) -> Document:
    if not write.HasField("update_mask"):
        return _fields_only(write.update)
    after = _copy(write.update.name, before)
    for path in _mask_paths(write.update_mask.field_paths):
        value = get_field(write.update.fields, path)
        if value is None:
            delete_field(after.fields, path)
        else:
            set_field(after.fields, path, value)
    return after


def _mask_paths(texts: Sequence[str]) -> list[FieldPath]:
    paths = sorted(map(parse_field_path, texts))
    for shorter, longer in pairwise(paths):
        if shorter == longer[: len(shorter)]:
            raise InvalidArgument(
                f"The update mask names {'.'.join(longer)} and {'.'.join(shorter)}, "
                "of which one contains the other"
            )
    return paths


def _transform(
    after: Document, transforms: Sequence[FieldTransform], time_us: int
) -> tuple[Value, ...]:
    check_transforms(after.name, transforms)
    results = []
    for transform in transforms:
        path = parse_field_path(transform.field_path)
        value = transformed(transform, get_field(after.fields, path), time_us)
        set_field(after.fields, path, value)
        results.append(transform_result(transform, value))
    return tuple(results)
