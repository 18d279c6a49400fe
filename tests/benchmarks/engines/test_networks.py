"""The benchmark counts right, measures something, and says it in both forms."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.engines.networks import SMALL, Effort, Row, gflop, measure_networks
from liveportrait_core.engines.liveportrait.networks.all_networks import empty_networks
from liveportrait_core.engines.liveportrait.runtimes.device import DeviceChoice, Precision


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("appearance_feature_extractor", 64),
        ("motion_extractor", 11.6),
        ("warping_module", 342),
        ("spade_generator", 892),
    ],
)
def test_the_arithmetic_is_counted(name: str, expected: float) -> None:
    counted = gflop(name, getattr(empty_networks(), name), 1)
    assert counted == pytest.approx(expected, rel=0.01)


def test_arithmetic_grows_with_the_batch() -> None:
    one, eight = (gflop("stitching", empty_networks().stitching, batch) for batch in (1, 8))
    assert eight == pytest.approx(8 * one)


PEAK = """
import torch
from benchmarks.resources import peak_growth_bytes

print(peak_growth_bytes(torch.device("cpu"), lambda: torch.ones(16_000_000)))  # gone at once
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measured on Linux only")
def test_memory_is_measured_at_its_highest() -> None:
    # In a process of its own: what other tests have freed would be taken again, and nothing grow.
    run = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert 60e6 < int(run.stdout) < 100e6


def test_every_network_has_a_row_for_every_batch() -> None:
    choice = DeviceChoice(device=torch.device("cpu"), precision=Precision.FP32, reason="test")
    rows = list(measure_networks(choice, SMALL, [1, 3], Effort(repeats=2, seconds=10)))
    assert [(row.network, row.batch) for row in rows] == [
        (name, batch) for name in SMALL for batch in (1, 3)
    ]
    assert all(row.repeats == 2 and row.ms >= row.best_ms > 0 for row in rows)


def test_it_prints_a_table_and_writes_json_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "deep" / "rows.jsonl"
    arguments = ["networks", "--quick", "--device", "cpu", "--json", str(lines)]
    assert main([*arguments, "--network", *SMALL]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("cpu fp32: ")
    assert [line.split()[0] for line in printed[2:5]] == list(SMALL)
    rows = [Row(**json.loads(line)) for line in lines.read_text().splitlines()]
    assert [row.parameters for row in rows] == [45_249, 37_311, 144_703]


def test_a_device_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks", "--device", "toaster"]) == 2
    assert "device is 'toaster'" in capsys.readouterr().err
