"""Clips in and out, by the bundled ffmpeg as a child process.

`probe` reads a clip's header and timestamps and refuses what is over the limits; `FrameReader`
gives its frames upright and at a constant rate; `FrameEncoder` writes the result. OpenCV's
VideoCapture is deliberately not used: it follows playlists to other files and cannot be stopped.
Knows nothing of faces, motion or engines.
"""

from liveportrait_core.video.decode import FrameReader
from liveportrait_core.video.encode import FrameEncoder
from liveportrait_core.video.forms import Film, Sound
from liveportrait_core.video.probe import DrivingClip, has_sound, probe
from liveportrait_core.video.rate import HIGHEST_RATE, Cadence, cadence_of, output_rate

__all__ = [
    "HIGHEST_RATE",
    "Cadence",
    "DrivingClip",
    "Film",
    "FrameEncoder",
    "FrameReader",
    "Sound",
    "cadence_of",
    "has_sound",
    "output_rate",
    "probe",
]
