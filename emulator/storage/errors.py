"""The errors of Cloud Storage as one tree; each class is an HTTP status with Google's reason.

StorageError
├── BadRequest           400 invalid
├── ExpiredToken         400 expired, of a signed URL
├── Forbidden            403 forbidden
├── NotFound             404 notFound
│   └── NoSuchUpload     404, of an upload in parts
├── Conflict             409 conflict
├── PreconditionFailed   412 conditionNotMet
├── NotModified          304 (a response without a body)
├── RangeNotSatisfiable  416 requestedRangeNotSatisfiable
├── NotEmulated          501 notImplemented
└── Planned              the status of a planned fault
"""

from typing import ClassVar


class StorageError(Exception):
    """The request was refused."""

    status: int = 500
    reason: ClassVar[str] = "backendError"
    xml_code: ClassVar[str] = "InternalError"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or self.reason)


class BadRequest(StorageError):
    """The request is malformed."""

    status = 400
    reason = "invalid"
    xml_code = "InvalidArgument"


class ExpiredToken(StorageError):
    """The provided token has expired."""

    status = 400
    reason = "expired"
    xml_code = "ExpiredToken"


class Forbidden(StorageError):
    """Permission denied."""

    status = 403
    reason = "forbidden"
    xml_code = "AccessDenied"


class NotFound(StorageError):
    """Not Found."""

    status = 404
    reason = "notFound"
    xml_code = "NoSuchKey"


class NoSuchUpload(NotFound):
    """The requested upload was not found."""

    xml_code = "NoSuchUpload"


class Conflict(StorageError):
    """It exists already."""

    status = 409
    reason = "conflict"
    xml_code = "BucketAlreadyOwnedByYou"


class PreconditionFailed(StorageError):
    """At least one of the pre-conditions you specified did not hold."""

    status = 412
    reason = "conditionNotMet"
    xml_code = "PreconditionFailed"


class NotModified(StorageError):
    """The object is at the generation that the client has."""

    status = 304
    reason = "notModified"


class RangeNotSatisfiable(StorageError):
    """The requested range lies outside of the object."""

    status = 416
    reason = "requestedRangeNotSatisfiable"
    xml_code = "InvalidRange"

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class NotEmulated(StorageError):
    """The emulator does not do this."""

    status = 501
    reason = "notImplemented"
    xml_code = "NotImplemented"


class PlannedFault(StorageError):
    """A planned fault."""

    def __init__(self, status: int) -> None:
        super().__init__(f"A planned fault: {status}")
        self.status = status
