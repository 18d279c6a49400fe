"""Everything that a request can be refused with, as one tree.

    ApiError
    ├── InvalidRequest      400  a body, a header or a query is not what the route takes
    ├── Unauthorized        401  no key, or a key that is not known
    ├── Forbidden           403  the request comes from a page of another site
    ├── NotFound            404  no such generation, or another key's
    ├── KeyInWork           409  another request with the same key is being received
    ├── TooLarge            413  an input exceeds its limit
    ├── Unsupported         415  the body is of no kind that the route takes
    ├── Unprocessable       422  the input was looked at and cannot be used; a key with another body
    ├── TooManyRequests     429  this key asks too often
    ├── Unavailable         503  the queue is full
    └── NotFinished         504  the wait is over before the generation has ended

Each is answered as `{"error": {"code", "message", "field", "retryable"}}`.
"""

from typing import ClassVar


class ApiError(Exception):
    """The request is refused."""

    status: ClassVar[int] = 500
    code: str = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.field = field
        self.retry_after_s = retry_after_s
        if code is not None:
            self.code = code

    def as_json(self) -> dict[str, object]:
        """Return the body of the answer."""
        return {
            "error": {
                "code": self.code,
                "message": str(self),
                "field": self.field,
                "retryable": self.retryable,
            }
        }


class InvalidRequest(ApiError):
    """A body, a header or a query is not what the route takes."""

    status = 400
    code = "INVALID_PARAMS"


class Unauthorized(ApiError):
    """The key is missing or unknown."""

    status = 401
    code = "UNAUTHORIZED"


class Forbidden(ApiError):
    """A page of another site sent it."""

    status = 403
    code = "FORBIDDEN"


class NotFound(ApiError):
    """There is no such thing for this key."""

    status = 404
    code = "NOT_FOUND"


class KeyInWork(ApiError):
    """Another request with the same key, or the same id, is not yet received."""

    status = 409
    code = "KEY_IN_WORK"
    retryable = True


class TooLarge(ApiError):
    """An input exceeds its limit."""

    status = 413
    code = "TOO_LARGE"


class Unsupported(ApiError):
    """The body is of no kind that the route takes."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class Unprocessable(ApiError):
    """The input cannot be used."""

    status = 422
    code = "UNPROCESSABLE"


class TooManyRequests(ApiError):
    """This key asks too often."""

    status = 429
    code = "RATE_LIMITED"
    retryable = True


class Unavailable(ApiError):
    """The server takes nothing more at the moment."""

    status = 503
    code = "UNAVAILABLE"
    retryable = True


class NotFinished(ApiError):
    """The wait is over before the generation has ended."""

    status = 504
    code = "NOT_FINISHED"
    retryable = True
