"""What codes mean, in words for the studio's user."""

from liveportrait_core import MAX_IMAGE_BYTES, MAX_VIDEO_BYTES, Engine
from liveportrait_core.media.pictures.opening import ACCEPTED as PICTURES
from liveportrait_core.media.pictures.opening import MAX_PIXELS

ENGINE_LICENCES = {
    Engine.LIVEPORTRAIT: "MIT, as its weights are; faces are found by MediaPipe (Apache-2.0)",
    Engine.MESH: "MIT; faces are found by MediaPipe (Apache-2.0)",
}

HINTS = {
    "METHOD_NOT_LICENSED": "Tick its box under “Licences that restrict the use”.",
}
"""What is accepted on the Animate page, in place of the second half of an error's message."""

_CLIPS = "accepted: MP4, MOV, WebM, Matroska or AVI with a video track"

ERROR_WORDS = {
    "MISSING_HERO_IMAGE": "There is no portrait yet.",
    "MISSING_HERO_VIDEO": "There is no hero video yet.",
    "URL_NOT_ALLOWED": "The file is not one of this avatar's.",
    "INPUT_NOT_OWNED": "A file is another user's, or older than the avatar's last deletion.",
    "HERO_IMAGE_NOT_FOUND": "The portrait is not there any more.",
    "HERO_VIDEO_NOT_FOUND": "The hero video is not there any more.",
    "IMAGE_UNSUPPORTED": f"The portrait is no picture that can be read; {PICTURES}.",
    "IMAGE_TOO_LARGE": f"The portrait is too large; accepted: {MAX_IMAGE_BYTES // 10**6} MB, and "
    f"{MAX_PIXELS // 10**6} million pixels.",
    "IMAGE_NO_FACE": "No face was found in the portrait; accepted: one clearly visible face, seen "
    "from the front.",
    "VIDEO_UNSUPPORTED": f"The hero video is no clip that can be read; {_CLIPS}.",
    "VIDEO_TOO_LARGE": "The hero video is too large; accepted: at most "
    f"{MAX_VIDEO_BYTES // 10**6} MB.",
    "VIDEO_TOO_SHORT": "The hero video is too short; accepted: half a second or more, and 10 "
    "frames.",
    "VIDEO_NO_FACE": "No face was found in the hero video; accepted: a clip of one face, seen from "
    "the front.",
    "VIDEO_FACE_LOST": "The face leaves the hero video for too long; accepted: a clip that shows "
    "it throughout.",
    "MISSING_AUDIO": "There is no sound yet.",
    "AUDIO_NOT_FOUND": "The sound is not there any more.",
    "AUDIO_UNSUPPORTED": "The sound cannot be read.",
    "AUDIO_TOO_LONG": "The sound is longer than a minute.",
    "AUDIO_TOO_SHORT": "The sound is shorter than a third of a second.",
    "METHOD_NOT_INSTALLED": "This way of talking is not installed.",
    "METHOD_NOT_LICENSED": "This way of talking is not allowed here.",
    "METHOD_TOO_SLOW": "This way of talking takes too long here.",
    "INVALID_PARAMS": "A setting has a value that is not accepted.",
    "QUOTA_EXCEEDED": "Enough renders for today; changes count again tomorrow.",
}
