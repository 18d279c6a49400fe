"""Is a finished video what contract.md, section 6, promises? Measured on the file itself.

`inspect` reads the file's boxes with a reader of its own and its frames through the decoder, and
compares them with the portrait; `contact_sheet` shows the same to people, `sweep_sheet` several
videos below one another. Knows nothing of how they were made, so that it can judge any renderer.
"""

from liveportrait_core.inspection.checks import Check, Inspection, inspect
from liveportrait_core.inspection.contact_sheet import contact_sheet
from liveportrait_core.inspection.following import Following, Turning, measure_following
from liveportrait_core.inspection.sweep_sheet import SweepItem, sweep_sheet
from liveportrait_core.media.clips.mp4 import Mp4Facts, read_mp4

__all__ = [
    "Check",
    "Following",
    "Inspection",
    "Mp4Facts",
    "SweepItem",
    "Turning",
    "contact_sheet",
    "inspect",
    "measure_following",
    "read_mp4",
    "sweep_sheet",
]
