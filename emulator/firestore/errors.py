"""The errors of Firestore as one tree; each class is the gRPC status that clients act on.

FirestoreError
├── InvalidArgument      the request is malformed
├── NotFound             the document must exist and does not
├── AlreadyExists        the document must not exist and does
├── FailedPrecondition   the document is not at the wanted version, or the time is too old
├── Aborted              a conflict with another transaction; begin it again
├── Unavailable          a planned fault
└── Unimplemented        the emulator does not speak this part of Firestore
"""

from typing import ClassVar


class FirestoreError(Exception):
    """The request was refused."""

    status: ClassVar[str] = "UNKNOWN"
    code: ClassVar[int] = 2

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or self.status)


class InvalidArgument(FirestoreError):
    """The request is malformed."""

    status = "INVALID_ARGUMENT"
    code = 3


class NotFound(FirestoreError):
    """The document does not exist."""

    status = "NOT_FOUND"
    code = 5


class AlreadyExists(FirestoreError):
    """The document exists already."""

    status = "ALREADY_EXISTS"
    code = 6


class FailedPrecondition(FirestoreError):
    """The document is not at the wanted version."""

    status = "FAILED_PRECONDITION"
    code = 9


class Aborted(FirestoreError):
    """The transaction conflicts with another one."""

    status = "ABORTED"
    code = 10


class Unavailable(FirestoreError):
    """The service is unavailable."""

    status = "UNAVAILABLE"
    code = 14


class Unimplemented(FirestoreError):
    """The emulator does not speak this part of Firestore."""

    status = "UNIMPLEMENTED"
    code = 12
