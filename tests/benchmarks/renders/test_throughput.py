"""The throughput table has a row for each number of avatars, and its figures hang together."""

import pytest

from benchmarks.renders.throughput import CONCURRENT, HEAD, measure_throughput, table_line


@pytest.mark.soak
def test_every_number_of_avatars_has_its_row() -> None:
    rows = list(measure_throughput(0.2, 1.0, size_px=(240, 320)))
    assert [row.avatars for row in rows] == list(CONCURRENT)
    assert all(row.renders_per_hour > 0 and row.core_s > 0 for row in rows)
    assert rows[0].waiting_s < 0.1 <= rows[-1].waiting_s
    assert all(len(table_line(row)) == len(HEAD) for row in rows)
