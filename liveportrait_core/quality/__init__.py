"""How good a render is: measured on its frames while they stream, and on the finished file.

A meter is given every frame once, on its way to the encoder, and keeps numbers, never frames but
the first. Knows no engine: what it compares with is the portrait and the driving frames.
"""

from liveportrait_core.quality.jitter import JitterMeter
from liveportrait_core.quality.meter import QualityMeter
from liveportrait_core.quality.timing import Timing, timing_of

__all__ = ["JitterMeter", "QualityMeter", "Timing", "timing_of"]
