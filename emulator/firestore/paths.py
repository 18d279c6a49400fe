"""Names of documents and collections, and paths of fields. Pure text; knows no stored document."""

import re
from dataclasses import dataclass

from emulator.firestore.errors import InvalidArgument

_DATABASE = re.compile(r"projects/[^/]+/databases/[^/]+")
_SIMPLE_SEGMENT = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_FIELD_SEGMENT = re.compile(r"`((?:[^`\\]|\\.)*)`|([^`.]+)")
_MAX_ID_BYTES = 1500
_MAX_PATH_BYTES = 1500
_MAX_LEVELS = 100
_RESERVED = re.compile(r"__.+__", re.DOTALL)
_NUMERIC_ID = re.compile(r"__id(0|-?[1-9][0-9]*)__")
_INT64 = range(-(2**63), 2**63)

FieldPath = tuple[str, ...]
"""The keys that lead from a document to a value, outermost first."""
NAME_PATH: FieldPath = ("__name__",)
"""The path that stands for a document's name."""


@dataclass(frozen=True, kw_only=True)
class DocumentPath:
    """A document's full name, taken apart.

    `database` is `projects/P/databases/D`; `segments` alternate collection and document ids.
    """

    database: str
    segments: tuple[str, ...]

    @property
    def collection_id(self) -> str:
        """The id of the collection that holds the document."""
        return self.segments[-2]

    @property
    def relative(self) -> str:
        """The name below the database, such as `avatars/ada`."""
        return "/".join(self.segments)


def split_name(name: str) -> tuple[str, tuple[str, ...]]:
    """Split `projects/P/databases/D/documents[/a/b/…]` into its database and the segments below.

    Raises:
        InvalidArgument: the name has another form.
    """
    database, separator, rest = name.partition("/documents")
    if not separator or not _DATABASE.fullmatch(database) or (rest and rest[0] != "/"):
        raise InvalidArgument(
            f'Resource name "{name}" is malformed; '
            'accepted: "projects/PROJECT/databases/DATABASE/documents/…"'
        )
    segments = tuple(rest[1:].split("/")) if rest else ()
    if len(segments) // 2 > _MAX_LEVELS:
        raise InvalidArgument(f"Key path is too long. Cannot exceed {_MAX_LEVELS} elements.")
    for position, segment in enumerate(segments):
        if not segment or segment in (".", "..") or len(segment.encode()) > _MAX_ID_BYTES:
            raise InvalidArgument(f'Resource name "{name}" has an invalid segment "{segment}"')
        if position % 2:
            _check_document_id(segment)
        else:
            check_collection_id(segment)
    return database, segments


def numeric_id(segment: str) -> int | None:
    """Return the number that a document id of the form `__id7__` stands for; None for a text."""
    match = _NUMERIC_ID.fullmatch(segment)
    return None if match is None else int(match.group(1))


def is_reserved(name: str) -> bool:
    """Return whether a name has two underscores on either side and something between."""
    return _RESERVED.fullmatch(name) is not None


def check_collection_id(identifier: str) -> None:
    """Check that a collection id is not reserved.

    Raises:
        InvalidArgument: it is.
    """
    if is_reserved(identifier):
        raise InvalidArgument(f'Collection id "{identifier}" is invalid because it is reserved.')


def _check_document_id(identifier: str) -> None:
    number = numeric_id(identifier)
    if number is not None and number not in _INT64:
        raise InvalidArgument(
            f'Resource id "{identifier}" is invalid because it is not a 64 bit integer.'
        )
    if number is None and is_reserved(identifier):
        raise InvalidArgument(f'Resource id "{identifier}" is invalid because it is reserved.')


def document_path(name: str) -> DocumentPath:
    """Parse the full name of a document.

    Raises:
        InvalidArgument: it is no document's name.
    """
    database, segments = split_name(name)
    if not segments or len(segments) % 2:
        raise InvalidArgument(
            f'Document name "{name}" has {len(segments)} segments below documents; '
            "accepted: an even number, at least two"
        )
    return DocumentPath(database=database, segments=segments)


def parse_field_path(text: str) -> FieldPath:
    """Parse a field path: segments joined by dots, quoted with backticks where they are not plain.

    Raises:
        InvalidArgument: an empty segment, a quote that does not end, a reserved name other than
            `__name__` alone, or more than 1,500 bytes.
    """
    path = _field_segments(text)
    check_path_length(path)
    for segment in path:
        if is_reserved(segment) and path != NAME_PATH:
            raise InvalidArgument(f"Invalid reserved name in field path {text}")
    return path


def check_path_length(path: FieldPath) -> None:
    """Check the length of a field path.

    Raises:
        InvalidArgument: it has more than 1,500 bytes of UTF-8, with its dots.
    """
    if len(".".join(path).encode()) > _MAX_PATH_BYTES:
        raise InvalidArgument(
            f'The property path "{".".join(path)[:40]}…" is longer than {_MAX_PATH_BYTES} bytes.'
        )


def _field_segments(text: str) -> FieldPath:
    segments = []
    position = 0
    while True:
        match = _FIELD_SEGMENT.match(text, position)
        if match is None:
            raise InvalidArgument(f'Invalid property path "{text}"')
        quoted, plain = match.groups()
        segments.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = match.end()
        if position == len(text):
            return tuple(segments)
        if text[position] != ".":
            raise InvalidArgument(f'Invalid property path "{text}"')
        position += 1


def format_field_path(path: FieldPath) -> str:
    """Write a field path in the form that `parse_field_path` reads."""
    return ".".join(map(_format_segment, path))


def _format_segment(segment: str) -> str:
    if _SIMPLE_SEGMENT.fullmatch(segment):
        return segment
    escaped = segment.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
