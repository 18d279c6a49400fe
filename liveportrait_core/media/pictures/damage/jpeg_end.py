"""A JPEG whose last two bytes are missing, the marker of its end: is the picture whole?

Uploads that break off and some cameras leave such files, and browsers show them. If only the marker
is missing, a decoder skips whatever follows the last scan. If bits of the scan are missing too, it
reads what follows in their place, and the picture is another one.
"""

import hashlib
from typing import Final

from PIL import Image

from liveportrait_core.media.pictures.damage.jpeg_scans import breaks_off_in_last_scan

_START: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_FILLER: Final = bytes(range(0xFE, 0, -1))  # from its first bit on not the zeros that are assumed
_STRIP_PIXELS: Final = 2_000_000


def with_end(data: bytes) -> tuple[bytes, bytes] | None:
    """Return a JPEG with its missing end, and with other bytes before that; None: none misses."""
    if not data.startswith(_START) or not breaks_off_in_last_scan(data):
        return None
    begun = data.rstrip(b"\xff")
    return begun + _END, begun + _FILLER + _END


def digest(image: Image.Image) -> bytes:
    """Return a digest of a decoded picture's pixels; only strips of it are copied."""
    found = hashlib.blake2b()
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        found.update(image.crop((0, top, width, min(height, top + rows))).tobytes())
    return found.digest()
