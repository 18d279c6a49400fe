"""A cold start counts from the process's first moment."""

import subprocess
import sys

import pytest

from functions.runtime.process_age import combined_s


@pytest.mark.parametrize(
    ("oldest_s", "own_s", "age_s"),
    [
        (3.0, 3.0, 3.0),  # not forked
        (4.0, 0.5, 4.0),  # the server's first worker
        (7200.0, 0.5, 0.5),  # a worker that replaces a dead one is young
    ],
)
def test_which_age_counts(oldest_s: float, own_s: float, age_s: float) -> None:
    assert combined_s(oldest_s, own_s) == age_s


def test_a_process_is_older_than_its_first_line_and_a_forked_one_as_old_as_its_parent() -> None:
    script = """
import os, time
began = time.monotonic()
time.sleep(0.2)
from functions.runtime.process_age import process_age_s
since_first_line_s = time.monotonic() - began
assert process_age_s() >= since_first_line_s - 0.02, process_age_s()  # the kernel counts in ticks
assert process_age_s() < 60
time.sleep(0.2)
if (child := os.fork()) == 0:
    os._exit(0 if process_age_s() >= since_first_line_s + 0.18 else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
