"""What codes mean, in words for the studio's user."""

from liveportrait_core import Engine

ENGINE_LICENCES = {
    Engine.LIVEPORTRAIT: "MIT, as its weights are; faces are found by MediaPipe (Apache-2.0)",
    Engine.MESH: "MIT; faces are found by MediaPipe (Apache-2.0)",
}

ERROR_WORDS = {
    "MISSING_HERO_IMAGE": "There is no portrait yet.",
    "MISSING_HERO_VIDEO": "There is no hero video yet.",
    "URL_NOT_ALLOWED": "The file is not one of this avatar's.",
    "INPUT_NOT_OWNED": "A file is another user's, or older than the avatar's last deletion.",
    "HERO_IMAGE_NOT_FOUND": "The portrait is not there any more.",
    "HERO_VIDEO_NOT_FOUND": "The hero video is not there any more.",
    "IMAGE_UNSUPPORTED": "The portrait is no picture that can be read.",
    "IMAGE_TOO_LARGE": "The portrait is too large.",
    "IMAGE_NO_FACE": "No face was found in the portrait.",
    "VIDEO_UNSUPPORTED": "The hero video is no clip that can be read.",
    "VIDEO_TOO_LARGE": "The hero video is too large.",
    "VIDEO_TOO_SHORT": "The hero video is shorter than half a second.",
    "VIDEO_NO_FACE": "No face was found in the hero video.",
    "VIDEO_FACE_LOST": "The face leaves the hero video for too long.",
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
