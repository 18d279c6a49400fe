"""Frame rates, exactly: from the timestamps of a clip to the constant rate of the result.

Pure arithmetic on fractions (contract.md, section 6): 29.97 is 30000/1001 throughout and never
a float. Knows no file and no decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

STANDARD_RATES = (
    Fraction(15),
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
)
HIGHEST_RATE = Fraction(30)
_SNAP = Fraction(1, 100)
# Off the standard rates, a rate is a measurement: so simple a fraction is near enough.
_LARGEST_DENOMINATOR = 100


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """How the frames of a clip follow each other."""

    rate_fps: Fraction  # 1 / median interval
    is_constant: bool  # every frame lies on the grid of that rate


def cadence_of(ticks: Sequence[int], tick_s: Fraction) -> Cadence:
    """Measure the rate of a clip from the timestamps of its frames.

    The median is refined to the mean of the intervals within one tick of it: a container that
    counts milliseconds (WebM) stores 30 fps as 33, 33, 34, whose bare median would be 30.3 fps.

    Args:
        ticks: presentation times in any order, in units of `tick_s`; at least two different ones.
        tick_s: length of one tick in seconds.

    Raises:
        ValueError: fewer than two different timestamps.
    """
    times = sorted(set(ticks))
    intervals = [later - earlier for earlier, later in pairwise(times)]
    if not intervals:
        raise ValueError(f"a rate needs two different timestamps, got {len(times)}")
    median = median_low(intervals)
    near = [interval for interval in intervals if abs(interval - median) <= 1]
    interval_ticks = Fraction(sum(near), len(near))
    return Cadence(rate_fps=1 / (interval_ticks * tick_s), is_constant=_is_grid(times))


def _is_grid(times: Sequence[int]) -> bool:
    step = Fraction(times[-1] - times[0], len(times) - 1)
    tolerance = max(Fraction(1), step / 50)
    return all(abs(time - times[0] - i * step) <= tolerance for i, time in enumerate(times))


def output_rate(measured_fps: Fraction) -> Fraction:
    """Give the constant rate of the result, above 0 and at most 30, for a clip of this rate.

    Raises:
        ValueError: the measured rate is not positive.
    """
    if measured_fps <= 0:
        raise ValueError(f"a frame rate is positive, got {measured_fps}")
    rate = _snapped(measured_fps)
    while rate > HIGHEST_RATE:
        rate = _snapped(rate / 2)
    return rate


def _snapped(rate: Fraction) -> Fraction:
    nearest = min(STANDARD_RATES, key=lambda standard: abs(rate - standard))
    if abs(rate - nearest) <= nearest * _SNAP:
        return nearest
    simple = rate.limit_denominator(_LARGEST_DENOMINATOR)
    return simple or rate
