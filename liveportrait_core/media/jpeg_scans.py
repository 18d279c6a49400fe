"""How many passes over its pixels a JPEG asks for, counted before any is made.

A progressive JPEG refines the whole picture scan by scan. A scan that changes nothing takes thirty
bytes and still visits every pixel, so that a file within the limit on bytes could hold a decoder
for a day, and there is no way to stop it from outside.
"""

import re
from typing import Final

# Encoders make about ten, for each component and bit; scripts by hand some dozens.
MOST_SCANS: Final = 100
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH: Final = (0x01, *range(0xD0, 0xD9))
# Between the pixels' bits, 0xFF is followed by 0 or by the number of a restart.
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")


def has_too_many_scans(jpeg: bytes) -> bool:
    """Whether there are more than `MOST_SCANS`, as far as its segments can be followed."""
    scans, at = 0, 2
    while (marker := _MARKER.search(jpeg, at)) is not None:
        kind = marker[1][0]
        at = marker.end()
        if kind == _END_OF_IMAGE:
            return False
        if kind in _WITHOUT_LENGTH:
            continue
        if kind == _START_OF_SCAN:
            scans += 1
            if scans > MOST_SCANS:
                return True
        at += max(2, int.from_bytes(jpeg[at : at + 2], "big"))
    return False
