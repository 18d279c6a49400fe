"""What the store refuses, as one tree; each class names the gRPC status that clients act on.

FirestoreError
├── InvalidArgument      the request is malformed
├── NotFound             the document must exist and does not
├── AlreadyExists        the document must not exist and does
├── FailedPrecondition   the document is not at the wanted version, or the time is too old
├── Aborted              a transaction lost against another; begin it again
├── Unavailable          a planned fault
└── Unimplemented        the emulator does not speak this part of Firestore
"""

from typing import ClassVar


class FirestoreError(Exception):
    """The request was refused."""

    status: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or self.status)


class InvalidArgument(FirestoreError):
    """The request is malformed."""

    status = "INVALID_ARGUMENT"


class NotFound(FirestoreError):
    """The document does not exist."""

    status = "NOT_FOUND"


class AlreadyExists(FirestoreError):
    """The document exists already."""

    status = "ALREADY_EXISTS"


class FailedPrecondition(FirestoreError):
    """The document is not at the wanted version."""

    status = "FAILED_PRECONDITION"


class Aborted(FirestoreError):
    """The transaction lost against another one."""

    status = "ABORTED"


class Unavailable(FirestoreError):
    """The service is unavailable."""

    status = "UNAVAILABLE"


class Unimplemented(FirestoreError):
    """The emulator does not speak this part of Firestore."""

    status = "UNIMPLEMENTED"
