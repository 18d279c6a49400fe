"""A document as it was stored at one moment, and the difference that a commit makes to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from emulator.firestore.documents.values import project
from emulator.firestore.messages import Document, microseconds
from emulator.firestore.paths import DocumentPath, FieldPath, document_path


@dataclass(frozen=True, kw_only=True)
class StoredDocument:
    """One version of a document. Times are microseconds since the epoch.

    `message` carries name, fields and both times; it is never changed once it is stored.
    """

    path: DocumentPath
    message: Document
    create_time: int
    update_time: int

    @classmethod
    def of_message(cls, message: Document) -> Self:
        """Return the document of a message that has a name and both times."""
        return cls(
            path=document_path(message.name),
            message=message,
            create_time=microseconds(message.create_time),
            update_time=microseconds(message.update_time),
        )

    @property
    def name(self) -> str:
        """The full name."""
        return str(self.message.name)

    def masked(self, paths: Iterable[FieldPath]) -> Document:
        """Return the document with the given fields only."""
        whole = self.message
        part = Document(
            name=whole.name, create_time=whole.create_time, update_time=whole.update_time
        )
        project(whole.fields, paths, part.fields)
        return part


@dataclass(frozen=True, kw_only=True)
class DocumentChange:
    """One document in a commit; `before` is None if it was created, `after` if deleted."""

    path: DocumentPath
    before: StoredDocument | None
    after: StoredDocument | None
    commit_time: int

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.path.database}/documents/{self.path.relative}"
