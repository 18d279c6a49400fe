"""Frame rates stay exact from timestamps to the result."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.media.clips.rate import STANDARD_RATES, cadence_of, output_rate

NTSC = Fraction(30000, 1001)
rates = st.fractions(min_value=1, max_value=240, max_denominator=2002)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("30", "30"),
        ("30000/1001", "30000/1001"),
        ("2997/100", "30000/1001"),
        ("60", "30"),
        ("60000/1001", "30000/1001"),
        ("50", "25"),
        ("48", "24"),
        ("48000/1001", "24000/1001"),
        ("24000/1001", "24000/1001"),
        ("23976/1000", "24000/1001"),
        ("120", "30"),
        ("240", "30"),
        ("15", "15"),
        ("14.9", "15"),
        ("60.2", "30"),
        ("20", "20"),
        ("12", "12"),
        ("10.01", "10.01"),
        ("45", "22.5"),
        ("31", "15.5"),
    ],
)
def test_known_rates(source: str, result: str) -> None:
    assert output_rate(Fraction(source)) == Fraction(result)


@given(rates)
def test_the_result_is_at_most_30_and_near_the_source_rate_or_its_halves(source: Fraction) -> None:
    rate = output_rate(source)
    assert 0 < rate <= 30
    halves = [source / 2**k for k in range(5)]
    assert min(abs(rate - half) / half for half in halves) <= Fraction(103, 10_000) * 2


@given(rates)
def test_snapping_twice_changes_nothing(source: Fraction) -> None:
    once = output_rate(source)
    assert output_rate(once) == once


@given(st.sampled_from(STANDARD_RATES), st.fractions(Fraction(-9, 1000), Fraction(9, 1000)))
def test_a_camera_that_runs_slightly_off_is_snapped_to_some_standard(
    standard: Fraction, error: Fraction
) -> None:
    assert output_rate(standard * (1 + error)) in STANDARD_RATES


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-25)])
def test_a_rate_is_positive(rate: Fraction) -> None:
    with pytest.raises(ValueError, match="positive"):
        output_rate(rate)


@given(
    standard=st.sampled_from([*STANDARD_RATES, Fraction(60), Fraction(50), Fraction(12)]),
    timescale=st.sampled_from([600, 1000, 15360, 30000, 90000]),
    count=st.integers(min_value=30, max_value=300),
    start=st.integers(min_value=-5000, max_value=5000),
)
def test_timestamps_rounded_to_any_timescale_are_constant_and_tell_the_rate(
    standard: Fraction, timescale: int, count: int, start: int
) -> None:
    ticks = [start + round(i * timescale / standard) for i in range(count)]
    cadence = cadence_of(ticks, Fraction(1, timescale))
    assert cadence.is_constant
    assert abs(cadence.rate_fps - standard) / standard < Fraction(1, 100)


def test_milliseconds_do_not_make_30_fps_anything_else() -> None:
    ticks = [0, 33, 67, 100, 133, 167, 200, 233, 267, 300, 333]
    assert output_rate(cadence_of(ticks, Fraction(1, 1000)).rate_fps) == 30


def test_order_of_decoding_does_not_matter() -> None:
    shown = [0, 4004, 2002, 1001, 3003, 5005]
    cadence = cadence_of(shown, Fraction(1, 30000))
    assert cadence.rate_fps == NTSC
    assert cadence.is_constant


def test_a_gap_makes_the_rate_vary_but_not_its_median() -> None:
    ticks = [*range(0, 30000, 1000), *range(60000, 90000, 1000)]
    cadence = cadence_of(ticks, Fraction(1, 30000))
    assert cadence.rate_fps == 30
    assert not cadence.is_constant


@pytest.mark.parametrize("ticks", [[], [7], [7, 7, 7]])
def test_one_instant_has_no_rate(ticks: list[int]) -> None:
    with pytest.raises(ValueError, match="two different timestamps"):
        cadence_of(ticks, Fraction(1, 1000))
