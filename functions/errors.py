"""The errors that end an event or a task, as one tree.

    FunctionError
    ├── InvalidSetting      the environment is wrong: the process does not start
    ├── InvalidEvent        the event cannot be parsed or is not ours: logged and acknowledged
    ├── TaskRefused         the request is no task of our queue
    │   ├── InvalidTask     its body cannot be read: 400
    │   ├── CallerUnknown   it carries no valid token: 401
    │   └── CallerRefused   its token is valid, but of another caller or for another receiver: 403
    ├── NotPrivate          callers may come through unchecked: no task is taken
    ├── RetryLater          a redelivery can succeed: the event is answered with 503
    │   └── Postponed       nothing is wrong with a service: from some moment on it can succeed
    ├── Stopped             a render must end without publishing
    │   ├── LeaseLost       the lease belongs to another job, or could not be renewed
    │   ├── Superseded      the document asks for something else, or is deleted
    │   ├── ProcessEnding   the process is told to end, or is of no more use
    │   └── ObjectChanged   portrait or clip is no longer the generation that was fingerprinted
    ├── ObjectExists        an object is already at the path that was to be created
    └── Failure             an error for the document: a code of contract.md, section 5

The class's docstring is the default message. Exceptions of libraries are translated in the
adapters, which keep them as the cause.
"""

from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    """An error code of the document; the app translates it for its users."""

    MISSING_HERO_IMAGE = "MISSING_HERO_IMAGE"
    MISSING_HERO_VIDEO = "MISSING_HERO_VIDEO"
    MISSING_AUDIO = "MISSING_AUDIO"
    URL_NOT_ALLOWED = "URL_NOT_ALLOWED"
    INPUT_NOT_OWNED = "INPUT_NOT_OWNED"
    HERO_IMAGE_NOT_FOUND = "HERO_IMAGE_NOT_FOUND"
    HERO_VIDEO_NOT_FOUND = "HERO_VIDEO_NOT_FOUND"
    AUDIO_NOT_FOUND = "AUDIO_NOT_FOUND"
    IMAGE_UNSUPPORTED = "IMAGE_UNSUPPORTED"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    IMAGE_NO_FACE = "IMAGE_NO_FACE"
    VIDEO_UNSUPPORTED = "VIDEO_UNSUPPORTED"
    VIDEO_TOO_LARGE = "VIDEO_TOO_LARGE"
    VIDEO_TOO_SHORT = "VIDEO_TOO_SHORT"
    VIDEO_NO_FACE = "VIDEO_NO_FACE"
    VIDEO_FACE_LOST = "VIDEO_FACE_LOST"
    AUDIO_UNSUPPORTED = "AUDIO_UNSUPPORTED"
    AUDIO_TOO_LONG = "AUDIO_TOO_LONG"
    AUDIO_TOO_SHORT = "AUDIO_TOO_SHORT"
    INVALID_PARAMS = "INVALID_PARAMS"
    METHOD_NOT_INSTALLED = "METHOD_NOT_INSTALLED"
    METHOD_NOT_LICENSED = "METHOD_NOT_LICENSED"
    METHOD_TOO_SLOW = "METHOD_TOO_SLOW"
    RENDER_OOM = "RENDER_OOM"
    RENDER_TIMEOUT = "RENDER_TIMEOUT"
    RENDER_FAILED = "RENDER_FAILED"
    ENCODE_FAILED = "ENCODE_FAILED"
    UPLOAD_FAILED = "UPLOAD_FAILED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    INTERNAL = "INTERNAL"

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        Code.HERO_IMAGE_NOT_FOUND,
        Code.HERO_VIDEO_NOT_FOUND,
        Code.AUDIO_NOT_FOUND,
        Code.RENDER_OOM,
        Code.RENDER_TIMEOUT,
        Code.RENDER_FAILED,
        Code.ENCODE_FAILED,
        Code.UPLOAD_FAILED,
        Code.INTERNAL,
    }
)


class FunctionError(Exception):
    """The event could not be served."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or "")


class InvalidSetting(FunctionError):
    """A setting has a value that is not accepted."""


class InvalidEvent(FunctionError):
    """The event cannot be parsed."""


class TaskRefused(FunctionError):
    """The request is no task of our queue."""

    status: ClassVar[int]


class InvalidTask(TaskRefused):
    """The task's body cannot be read."""

    status = 400


class CallerUnknown(TaskRefused):
    """The request carries no token that proves who sends it."""

    status = 401


class CallerRefused(TaskRefused):
    """The request's token is another caller's, or for another receiver."""

    status = 403


class NotPrivate(FunctionError):
    """The service trusts Cloud Run to check its callers, and Cloud Run may not."""


class RetryLater(FunctionError):
    """A redelivery can cure this."""


class Postponed(RetryLater):
    """Another try is due later, and no service is at fault."""

    def __init__(self, message: str = "", *, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Stopped(FunctionError):
    """The render must end without publishing."""


class LeaseLost(Stopped):
    """The lease is no longer this job's."""


class Superseded(Stopped):
    """The document no longer asks for what is being rendered."""


class ProcessEnding(Stopped):
    """The process ends before the render does."""


class ObjectChanged(Stopped):
    """An input is gone or has another generation than the one fingerprinted."""


class ObjectExists(FunctionError):
    """An object that is not this job's stands where one was to be created."""

    def __init__(self, path: str, generation: int) -> None:
        super().__init__(f"{path} exists already, at generation {generation}")
        self.path = path
        self.generation = generation


class Failure(FunctionError):
    """The request ends with an error code in the document."""

    def __init__(self, code: Code, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
