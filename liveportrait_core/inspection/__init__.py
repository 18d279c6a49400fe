"""Is a finished video what docs/contract.md, section 6, promises? Measured on the file itself.

`inspect` reads the file's boxes with a reader of its own and its frames through the decoder, and
compares them with the portrait; `contact_sheet` shows the same to people, `ladder_sheet` several
videos below one another. Knows nothing of how they were made, so that it can judge any renderer.
"""

from liveportrait_core.inspection.checks import Check, Inspection, inspect
from liveportrait_core.inspection.contact_sheet import contact_sheet
from liveportrait_core.inspection.following import Following, Turning, measure_following
from liveportrait_core.inspection.ladder_sheet import Rung, ladder_sheet
from liveportrait_core.media.mp4 import Mp4Facts, read_mp4

__all__ = [
    "Check",
    "Following",
    "Inspection",
    "Mp4Facts",
    "Rung",
    "Turning",
    "contact_sheet",
    "inspect",
    "ladder_sheet",
    "measure_following",
    "read_mp4",
]
