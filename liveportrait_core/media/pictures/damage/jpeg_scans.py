"""What a JPEG makes its decoder repeat, counted before anything is decoded.

A progressive JPEG refines the whole picture scan by scan. A scan that changes nothing takes thirty
bytes and still visits every pixel, so that a file within the limit on bytes could hold a decoder
for a day, and there is no way to stop it from outside. A segment beside the pixels takes four
bytes, of which Pillow keeps a hundred and seventy.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Final

# Encoders make about ten, for each component and bit; scripts by hand some dozens.
_MOST_SCANS: Final = 100
# Notes, profiles and previews of 64 kB each, tables before each scan.
_MOST_SEGMENTS: Final = 5_000
_START_OF_PROGRESSIVE, _START_OF_SCAN, _END_OF_IMAGE = 0xC2, 0xDA, 0xD9
_WITHOUT_LENGTH: Final = (0x01, *range(0xD0, 0xD9))
# Between the pixels' bits, 0xFF is followed by 0 or by the number of a restart.
_MARKER: Final = re.compile(rb"\xff(\xff*)([^\x00\xff\xd0-\xd7])")


def repetition(jpeg: bytes) -> str:
    """Name what there is too much of, and how much is accepted; "" where it keeps within bounds.

    Looks as far as its segments can be followed.
    """
    scans, segments = 0, 0
    for kind, fillers, _ in _markers(jpeg):
        segments += 1 + fillers  # bytes that only fill are read one by one too
        if segments > _MOST_SEGMENTS:
            return f"more than {_MOST_SEGMENTS} segments; accepted: up to {_MOST_SEGMENTS}"
        if kind == _START_OF_SCAN:
            scans += 1
            if scans > _MOST_SCANS:
                return f"more than {_MOST_SCANS} scans; accepted: up to {_MOST_SCANS}"
    return ""


def breaks_off_in_last_scan(jpeg: bytes) -> bool:
    """Tell whether a JPEG ends in the last scan that it needs, without an end of the picture."""
    last, wanted, coded = 0, set[tuple[int, bool]](), set[tuple[int, bool]]()
    for kind, _, at in itertools.islice(_markers(jpeg), _MOST_SEGMENTS):
        last = kind
        if kind == _START_OF_PROGRESSIVE:
            components = jpeg[at + 8 : at + 8 + 3 * jpeg[at + 7] : 3] if at + 7 < len(jpeg) else b""
            wanted = {(component, is_mean) for component in components for is_mean in (True, False)}
        if kind == _START_OF_SCAN:
            coded |= _coded_to_the_last_bit(jpeg, at)
    return last == _START_OF_SCAN and wanted <= coded


def _coded_to_the_last_bit(jpeg: bytes, at: int) -> set[tuple[int, bool]]:
    """Return (component, whether its means) of what a progressive scan brings to the last bit."""
    count = jpeg[at + 2] if at + 2 < len(jpeg) else 0
    components, band = jpeg[at + 3 : at + 3 + 2 * count : 2], jpeg[at + 3 + 2 * count :][:3]
    if len(band) < 3 or band[2] & 0x0F:
        return set()
    return {(component, band[0] == 0) for component in components}


def _markers(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each marker up to the picture's end, how many bytes only fill before it, what follows.

    The last is the place of the segment's length, where the segment has one.
    """
    at = 2
    while (marker := _MARKER.search(jpeg, at)) is not None:
        kind = marker[2][0]
        at = marker.end()
        yield kind, len(marker[1]), at
        if kind == _END_OF_IMAGE:
            return
        if kind not in _WITHOUT_LENGTH:
            at += max(2, int.from_bytes(jpeg[at : at + 2], "big"))
