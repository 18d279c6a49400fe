"""The rows of the events' benchmark."""

import pytest

from benchmarks.__main__ import main
from benchmarks.cloud.events import HEAD, PLACES, SHAPES


def test_events_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--repeats", "1"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == HEAD
    assert len(rows) == len(SHAPES) * len(PLACES)
    assert {len(row) for row in rows} == {len(HEAD)}
