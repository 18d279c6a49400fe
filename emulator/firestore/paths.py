"""Names of documents and collections, and paths of fields. Pure text; knows no stored document."""

import re
from dataclasses import dataclass

from emulator.firestore.errors import InvalidArgument

_DATABASE = re.compile(r"projects/[^/]+/databases/[^/]+")
_SIMPLE_SEGMENT = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_FIELD_SEGMENT = re.compile(r"`((?:[^`\\]|\\.)*)`|([^`.]+)")
_MAX_ID_BYTES = 1500

FieldPath = tuple[str, ...]
"""The keys that lead from a document to a value, outermost first."""


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
    for segment in segments:
        if not segment or segment in (".", "..") or len(segment.encode()) > _MAX_ID_BYTES:
            raise InvalidArgument(f'Resource name "{name}" has an invalid segment "{segment}"')
    return database, segments


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
        InvalidArgument: an empty segment, or a quote that does not end.
    """
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
