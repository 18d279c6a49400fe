"""Limits on what is read: contract.md, section 2. One place for bytes, frames and seconds."""

import math
from fractions import Fraction

MAX_IMAGE_BYTES = 50_000_000
MAX_VIDEO_BYTES = 200_000_000
MAX_AUDIO_BYTES = 50_000_000

MAX_MOTION_BYTES = 16_000_000
"""Of a clip's cached motion; ten minutes at 30 frames a second have 10 MB."""

MAX_TEMPLATE_BYTES = 64_000_000
"""Of a motion template's file, unpacked; ten minutes at 30 frames a second have 11 MB."""

MIN_CLIP_SECONDS = Fraction(1, 2)
MIN_CLIP_FRAMES = 10

MIN_SPEECH_SECONDS = 0.3
MAX_SPEECH_SECONDS = 60.0


def least_frames(fps: Fraction) -> int:
    """Give the number of frames that a driving clip needs at this rate: 0.5 s, and 10."""
    return max(MIN_CLIP_FRAMES, math.ceil(MIN_CLIP_SECONDS * fps))
