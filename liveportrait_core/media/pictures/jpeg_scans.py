"""What a JPEG makes its decoder repeat, counted before anything is decoded.

A progressive JPEG refines the whole picture scan by scan. A scan that changes nothing takes thirty
bytes and still visits every pixel, so that a file within the limit on bytes could hold a decoder
for a day, and there is no way to stop it from outside. A segment beside the pixels takes four
bytes, of which Pillow keeps a hundred and seventy.
"""

import re
from typing import Final

# Encoders make about ten, for each component and bit; scripts by hand some dozens.
_MOST_SCANS: Final = 100
# Notes, profiles and previews of 64 kB each, tables before each scan.
_MOST_SEGMENTS: Final = 5_000
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH: Final = (0x01, *range(0xD0, 0xD9))
# Between the pixels' bits, 0xFF is followed by 0 or by the number of a restart.
_MARKER: Final = re.compile(rb"\xff(\xff*)([^\x00\xff\xd0-\xd7])")


def repetition(jpeg: bytes) -> str:
    """Name what there is too much of, and how much is accepted; "" where it keeps within bounds.

    Looks as far as its segments can be followed.
    """
    scans, segments, at = 0, 0, 2
    while (marker := _MARKER.search(jpeg, at)) is not None:
        kind = marker[2][0]
        at = marker.end()
        segments += 1 + len(marker[1])  # bytes that only fill are read one by one too
        if segments > _MOST_SEGMENTS:
            return f"more than {_MOST_SEGMENTS} segments; accepted: up to {_MOST_SEGMENTS}"
        if kind == _END_OF_IMAGE:
            return ""
        if kind in _WITHOUT_LENGTH:
            continue
        if kind == _START_OF_SCAN:
            scans += 1
            if scans > _MOST_SCANS:
                return f"more than {_MOST_SCANS} scans; accepted: up to {_MOST_SCANS}"
        at += max(2, int.from_bytes(jpeg[at : at + 2], "big"))
    return ""
