"""Limits on what is read: contract.md, section 2. One place for bytes, frames and seconds."""

import math
import re
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

# No exponent: 1e99999999 would be a number of so many digits, and take hours to be made.
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,20}|/[0-9]{1,9})?")


def written_rate(text: str) -> Fraction:
    """Return a frame rate as it is written: 25, 12.5, 30000/1001.

    Raises:
        ValueError, ZeroDivisionError: it is none.
    """
    if not _RATE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no frame rate")
    return Fraction(text)


def least_frames(fps: Fraction) -> int:
    """Give the number of frames that a driving clip needs at this rate: 0.5 s, and 10."""
    return max(MIN_CLIP_FRAMES, math.ceil(MIN_CLIP_SECONDS * fps))
