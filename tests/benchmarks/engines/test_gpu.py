"""`make bench-gpu` on a machine without a card."""

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.engines import networks


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_a_card_it_runs_reduced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[object] = []

    def measure(choice: object, names: object, batches: object, effort: object) -> list[object]:
        measured.extend([str(choice), batches])
        return []

    monkeypatch.setattr(networks, "measure_networks", measure)
    assert main(["gpu"]) == 0
    assert "no CUDA device" in capsys.readouterr().out
    assert str(measured[0]).startswith("cpu fp32: cpu-torch was asked for")
    assert measured[1] == [1]
