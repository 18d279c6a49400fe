"""Everything that can go wrong in the renderer, as one tree.

    RenderError
    ├── BadInput                 the caller's file or option is at fault: final
    │   ├── InvalidOption        INVALID_PARAMS
    │   ├── MethodNotInstalled   METHOD_NOT_INSTALLED
    │   ├── MethodNotLicensed    METHOD_NOT_LICENSED
    │   ├── MethodTooSlow        METHOD_TOO_SLOW
    │   ├── ImageUnsupported     IMAGE_UNSUPPORTED
    │   ├── ImageTooLarge        IMAGE_TOO_LARGE
    │   ├── ImageNoFace          IMAGE_NO_FACE
    │   ├── VideoUnsupported     VIDEO_UNSUPPORTED
    │   ├── VideoTooLarge        VIDEO_TOO_LARGE
    │   ├── VideoTooShort        VIDEO_TOO_SHORT
    │   ├── VideoNoFace          VIDEO_NO_FACE
    │   ├── VideoFaceLost        VIDEO_FACE_LOST
    │   ├── AudioUnsupported     AUDIO_UNSUPPORTED
    │   ├── AudioTooLong         AUDIO_TOO_LONG
    │   └── AudioTooShort        AUDIO_TOO_SHORT
    ├── Cancelled                the caller has given the render up
    ├── EngineUnavailable        the wanted engine cannot run here (weights, device)
    │   └── CheckpointMismatch   a weight file holds other tensors than the networks have
    ├── FetchFailed              a weight file did not come whole
    ├── SpeechFailed             a learned method of talking gave motion that no face makes
    ├── MotionUnusable           kept motion is not what this engine would have kept
    ├── OutOfMemory              RENDER_OOM
    ├── DeviceLost               the GPU fails every call of this process from now on
    └── EncodeFailed             ENCODE_FAILED

The codes are those of contract.md, section 5. The class's docstring is the default message; a
raised message names the thing, the value, and what would be accepted. `retryable` answers whether
the same call may succeed later.
"""

from typing import ClassVar


class RenderError(Exception):
    """The render failed."""

    code: ClassVar[str] = "RENDER_FAILED"
    retryable: ClassVar[bool] = True

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or self.code)


class BadInput(RenderError):
    """The input cannot be rendered."""

    retryable = False


class InvalidOption(BadInput):
    """An option has a value that is not accepted."""

    code = "INVALID_PARAMS"


class MethodNotInstalled(BadInput):
    """What was asked for by name is not installed here: a package or its weights are missing."""

    code = "METHOD_NOT_INSTALLED"


class MethodNotLicensed(BadInput):
    """What was asked for by name is installed, and its licence is not accepted here."""

    code = "METHOD_NOT_LICENSED"


class MethodTooSlow(BadInput):
    """A method of talking would take longer on this machine than it was given."""

    code = "METHOD_TOO_SLOW"

    def __init__(self, message: str = "", *, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds  # that it would take, beyond the drawing


class ImageUnsupported(BadInput):
    """The portrait cannot be decoded as a still picture."""

    code = "IMAGE_UNSUPPORTED"


class ImageTooLarge(BadInput):
    """The portrait exceeds the limits on bytes or pixels."""

    code = "IMAGE_TOO_LARGE"


class ImageNoFace(BadInput):
    """No face was found in the portrait."""

    code = "IMAGE_NO_FACE"


class VideoUnsupported(BadInput):
    """The driving clip cannot be decoded as a video."""

    code = "VIDEO_UNSUPPORTED"


class VideoTooLarge(BadInput):
    """The driving clip exceeds the limits on bytes, pixels or frame rate."""

    code = "VIDEO_TOO_LARGE"


class VideoTooShort(BadInput):
    """The driving clip is shorter than 0.5 s or 10 frames."""

    code = "VIDEO_TOO_SHORT"


class VideoNoFace(BadInput):
    """No face was found in the driving clip."""

    code = "VIDEO_NO_FACE"


class VideoFaceLost(BadInput):
    """The face is missing from more than half of the driving clip."""

    code = "VIDEO_FACE_LOST"


class AudioUnsupported(BadInput):
    """The sound cannot be decoded, or there is none."""

    code = "AUDIO_UNSUPPORTED"


class AudioTooLong(BadInput):
    """The sound exceeds the limits on seconds or bytes."""

    code = "AUDIO_TOO_LONG"


class AudioTooShort(BadInput):
    """The sound is shorter than 0.3 s."""

    code = "AUDIO_TOO_SHORT"


class EngineUnavailable(RenderError):
    """The wanted engine cannot run on this machine."""

    retryable = False


class CheckpointMismatch(EngineUnavailable):
    """A weight file holds other tensors than the networks have."""

    code = "CHECKPOINT_MISMATCH"  # on the command line and over HTTP; no deployment starts with it


class Cancelled(RenderError):
    """The caller has given the render up."""


class FetchFailed(RenderError):
    """A weight file could not be fetched."""

    code = "FETCH_FAILED"  # on the command line only; a render fetches nothing


class SpeechFailed(RenderError):
    """A learned method of talking gave motion that no face makes."""

    retryable = False  # noise is seeded: the same call gives the same


class MotionUnusable(RenderError):
    """Kept motion cannot be used; the clip has to be read again."""


class OutOfMemory(RenderError):
    """The device ran out of memory."""

    code = "RENDER_OOM"


class DeviceLost(RenderError):
    """The GPU fails every call of this process from now on."""


class EncodeFailed(RenderError):
    """The encoder failed."""

    code = "ENCODE_FAILED"
