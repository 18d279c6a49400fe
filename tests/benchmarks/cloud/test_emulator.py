"""The rows of the emulator's benchmark, on a machine without Google's emulator."""

import pytest

from benchmarks.cloud.emulator import HEAD, measure_cloud, table_line

CHANGED = ("FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")


def test_the_cloud_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CHANGED:  # to be put back afterwards
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PATH", "")  # no Java
    rows = list(measure_cloud(0.02))
    assert [row.unit for row in rows] == ["s", *["1/s"] * 6, "ms", "ms", "MB/s", "MB/s"]
    assert all(row.embedded > 0 and row.official is None for row in rows)
    assert {len(table_line(row)) for row in rows} == {len(HEAD)}
