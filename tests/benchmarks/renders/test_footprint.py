"""What a process needs at most, with all its descendants."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.renders.footprint import Footprint, busiest, measure_process, table_line

# Holds 150 MB, and has a child that holds 100 MB, computes for a second, and writes a file.
_CHILD = "import time; held = bytearray(100 << 20); end = time.process_time() + 1.0\n\
while time.process_time() < end: pass\nopen('written', 'wb').write(held[:1 << 20])"
_PARENT = "import subprocess, sys; held = bytearray(150 << 20); \
subprocess.run([sys.executable, '-c', sys.argv[1]], check=True, cwd=sys.argv[2])"


def test_a_process_is_measured_with_its_descendants(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _PARENT, _CHILD, str(tmp_path)]
    row = measure_process("two", words, tmp_path)
    assert 250 << 20 < row.memory_bytes < 400 << 20
    assert row.core_s >= 0.9
    assert (tmp_path / "written").stat().st_size == 1 << 20
    with pytest.raises(subprocess.CalledProcessError):
        measure_process("none", [sys.executable, "-c", "raise SystemExit(3)"], tmp_path)


def test_the_busiest_second_is_found() -> None:
    """Half a core for four seconds, and two more for one of them."""
    quarters = [quarter / 4 for quarter in range(17)]
    spent = [(moment, moment / 2 + 2 * min(max(moment - 1, 0), 1)) for moment in quarters]
    assert busiest(spent) == pytest.approx(2.5)
    assert busiest(spent[:3]) == 0.0, "shorter than a second"


def test_a_line_of_the_table() -> None:
    row = Footprint(
        render="mesh", memory_bytes=3 << 29, file_bytes=5 << 20, core_s=12.3, wall_s=8.0, cores=1.9
    )
    assert table_line(row).split() == ["mesh", "1.50", "GiB", "5", "MiB", "12.3", "8.0", "1.9"]
