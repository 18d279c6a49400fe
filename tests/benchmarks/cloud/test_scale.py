"""The model of the deployment agrees with what queueing theory says, and names what breaks."""

import pytest

from benchmarks.cloud.scale import Model, Report, Resource, Simulation, Timeline, table

WIDE = {"writes_per_second": 1000.0, "seconds": 150.0}


def played(**given: float) -> Report:
    return Simulation(Model(**{**WIDE, **given})).run()  # type: ignore[arg-type]


def test_servers_serve_in_order_and_no_more_than_there_are() -> None:
    line, done = Timeline(), []
    resource = Resource(timeline=line, servers=2)
    for number in range(5):
        resource.serve(10.0, lambda number=number: done.append((number, line.now)))  # type: ignore[misc]
    line.run(100.0)
    assert done == [(0, 10.0), (1, 10.0), (2, 20.0), (3, 20.0), (4, 30.0)]
    assert resource.load(25.0) == 1.0


def test_the_load_of_the_renderers_is_arrivals_times_duration() -> None:
    """Little's law."""
    report = played(saves_per_minute=1_000, renderers=100)
    wanted = 1_000 / 60 / 4 * 0.8 * 20 / 100
    assert report.loads["renderers"] == pytest.approx(wanted, rel=0.1)
    assert report.breaks == ""
    assert report.median_s == pytest.approx(3 + 18, abs=5)


@pytest.mark.parametrize(
    ("given", "breaks"),
    [
        ({"saves_per_minute": 3_000, "renderers": 100}, "renderers"),
        (
            {"saves_per_minute": 1_000, "writes_per_second": 1, "renders_per_day_total": 999},
            "shares of the daily total",
        ),
        ({"saves_per_minute": 1_000, "writes_per_second": 1}, ""),
        (
            {"saves_per_minute": 20_000, "renderers": 5_000, "debounced_in_queue": False},
            "threads of the gates",
        ),
        ({"saves_per_minute": 20_000, "renderers": 5_000}, ""),
    ],
)
def test_what_breaks_first_is_named(given: dict[str, float], breaks: str) -> None:
    report = played(**given)
    assert report.breaks == breaks
    assert (breaks in table([report])[-1]) is bool(breaks) or not breaks


def test_the_same_seed_gives_the_same_report() -> None:
    assert played(saves_per_minute=500) == played(saves_per_minute=500)
